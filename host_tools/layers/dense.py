"""A dense layer on RRAM pairs."""

from __future__ import annotations

from typing import Any

from host_tools.backend import keras
from host_tools.layers.base import RRAMLayer

ops = keras.ops


@keras.saving.register_keras_serializable(package="rram_edge")
class RRAMDense(RRAMLayer):
    """A dense layer of `units` columns; input [n, rows]."""

    def __init__(self, units: int, profile: dict[str, Any], w_clip: float, **kwargs: Any) -> None:
        super().__init__(profile, w_clip, **kwargs)
        self.units = units

    def build(self, input_shape: tuple[Any, ...]) -> None:
        self.add_pairs((input_shape[-1], self.units))

    def call(self, x: Any, training: bool | None = None) -> Any:
        if training:
            groups = ops.reshape(x, (self.draws, -1, x.shape[-1]))
            product = ops.reshape(ops.matmul(groups, self._drawn()), (-1, self.units))
            if self.calibrated:
                product = self.fitted(product, ops.matmul(x, self._followed()))
        else:
            product = ops.matmul(x, self._clean())
        return self.finish(product)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}
