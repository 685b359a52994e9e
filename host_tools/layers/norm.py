"""Batch norm in which each group of a batch, a chip of its own, has statistics of its own."""

from __future__ import annotations

from typing import Any

from host_tools.backend import keras

ops = keras.ops


@keras.saving.register_keras_serializable(package="rram_edge")
class ChipNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]
    """BatchNormalization over the samples of each of `draws` groups.

    On a chip the statistics are measured on that chip (calibration), so in training a group's cells must not share
    theirs with other groups' cells. The moving averages are those over groups. Channels last, no mask.
    """

    def __init__(self, draws: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.draws = draws

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if not training or self.draws == 1:
            return super().call(inputs, training=training, mask=mask)
        x = ops.reshape(inputs, (self.draws, -1, *inputs.shape[1:]))
        axes = list(range(1, len(x.shape) - 1))
        mean, variance = ops.moments(x, axes, keepdims=True)
        flat = list(range(len(x.shape) - 1))
        for average, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
            average.assign(average * self.momentum + ops.mean(now, axis=flat) * (1.0 - self.momentum))
        scale = ops.rsqrt(variance + self.epsilon)
        if self.scale:
            scale = scale * self.gamma
        y = (x - mean) * scale
        if self.center:
            y = y + self.beta
        return ops.reshape(y, ops.shape(inputs))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "draws": self.draws}
