"""A convolution on RRAM pairs."""

from __future__ import annotations

from typing import Any

from host_tools.backend import keras
from host_tools.layers.base import RRAMLayer

ops = keras.ops


@keras.saving.register_keras_serializable(package="rram_edge")
class RRAMConv2D(RRAMLayer):
    """A convolution of `filters` columns; input [n, height, width, channels]; arguments as Keras' Conv2D."""

    def __init__(
        self,
        filters: int,
        kernel_size: tuple[int, int],
        profile: dict[str, Any],
        w_clip: float,
        strides: tuple[int, int] = (1, 1),
        padding: str = "valid",
        **kwargs: Any,
    ) -> None:
        super().__init__(profile, w_clip, **kwargs)
        self.filters, self.kernel_size, self.strides = filters, tuple(kernel_size), tuple(strides)
        self.padding = padding

    def build(self, input_shape: tuple[Any, ...]) -> None:
        self.add_pairs((*self.kernel_size, input_shape[-1], self.filters))

    def call(self, x: Any, training: bool | None = None) -> Any:
        if training:
            # One convolution a group: on a CPU faster than a grouped convolution or one on unfolded patches.
            kernels = self._drawn()
            groups = ops.split(x, self.draws, axis=0)
            product = ops.concatenate([self._conv(group, kernels[i]) for i, group in enumerate(groups)], axis=0)
        else:
            product = self._conv(x, self._clean())
        return product * self.gain + self.bias

    def _conv(self, x: Any, kernel: Any) -> Any:
        return ops.conv(x, kernel, strides=self.strides, padding=self.padding, data_format="channels_last")

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
        }
