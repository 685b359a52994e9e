"""Learning rates against steps."""

from __future__ import annotations

from typing import Any

from host_tools.backend import keras

ops = keras.ops


@keras.saving.register_keras_serializable(package="rram_edge")
class OneCycle(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """One cycle (Smith and Topin, 2017): half a cosine up to `peak` over `warm_share` of the steps, half a cosine
    down to almost zero."""

    def __init__(
        self, peak: float, steps: int, warm_share: float = 0.25, start_share: float = 0.04, end_share: float = 1e-4
    ) -> None:
        self.peak, self.steps = peak, steps
        self.warm_share, self.start_share, self.end_share = warm_share, start_share, end_share

    def __call__(self, step: Any) -> Any:
        """The learning rate of `step`, which counts from 0."""
        step = ops.cast(step, "float32")
        warm = max(self.warm_share * self.steps, 1.0)
        up = _cosine(step / warm, self.start_share, 1.0)
        down = _cosine((step - warm) / max(self.steps - warm, 1.0), 1.0, self.end_share)
        return self.peak * ops.where(step < warm, up, down)

    def get_config(self) -> dict[str, Any]:
        """The arguments, for Keras' serialisation."""
        return {
            "peak": self.peak,
            "steps": self.steps,
            "warm_share": self.warm_share,
            "start_share": self.start_share,
            "end_share": self.end_share,
        }


def _cosine(position: Any, first: float, last: float) -> Any:
    position = ops.clip(position, 0.0, 1.0)
    return last + (first - last) * 0.5 * (1.0 + ops.cos(position * 3.141592653589793))
