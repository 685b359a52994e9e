"""The steps of one epoch: one call of Keras a step, or, with JAX on a GPU, all of them in one compiled call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from host_tools.data import Dataset, scaled
from host_tools.training.augment import Augment, augmented

EMA_EVERY = 8  # steps between two updates of the average: its decay per step counts
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Average:
    """When the average of the weights takes them up: every EMA_EVERY steps of the second half of `total`; decay a step,
    None for no average."""

    decay: float | None
    total: int

    @property
    def first(self) -> int:
        """The first such step (they count from 1): the average begins as its weights."""
        half = max(-(-self.total // 2), 1)
        return -(-half // EMA_EVERY) * EMA_EVERY

    @property
    def keep(self) -> float:
        """What stays of the average at an update."""
        return float(self.decay or 0.0) ** EMA_EVERY

    def due(self, step: Any) -> Any:
        """Whether an average takes up the weights after `step`, a number or one within a compiled training."""
        return (step >= self.first) & (step % EMA_EVERY == 0)


class Stepper(Protocol):
    """Trains a compiled model epoch by epoch; `average` is that of its trainable variables, None before it begins."""

    average: list[NDArray[Any]] | None

    def epoch(self, rows: Rows, rng: np.random.Generator, done: int) -> Iterator[float]:
        """Train on batches `rows` [steps, batch] of the training part, `done` steps after the beginning; the loss
        after each."""


class StepByStep:
    """One call of train_on_batch a step."""

    def __init__(self, model: Any, data: Dataset, augment: Augment | None, when: Average) -> None:
        self.model, self.data, self.augment, self.when = model, data, augment, when
        self.average: list[NDArray[Any]] | None = None

    def epoch(self, rows: Rows, rng: np.random.Generator, done: int) -> Iterator[float]:
        """As Stepper says; the weights are the step's own while the caller looks at its loss."""
        for step, chosen in enumerate(rows, start=done + 1):
            x = augmented(self.augment, rng, scaled(self.data.x_train[chosen]))
            loss = float(self.model.train_on_batch(x, self.data.y_train[chosen]))
            if self.when.decay is not None and self.when.due(step) and np.isfinite(loss):
                self._take_up()
            yield loss

    def _take_up(self) -> None:
        from host_tools.backend import keras

        values = [keras.ops.convert_to_numpy(v.value) for v in self.model.trainable_variables]
        keep = self.when.keep
        self.average = values if self.average is None else [
            keep * a + (1 - keep) * v for a, v in zip(self.average, values, strict=True)
        ]  # fmt: skip


def stepper(model: Any, data: Dataset, augment: Augment | None, when: Average) -> Stepper:
    """What trains `model` on the backend and device that Keras runs on."""
    from host_tools.device import on_gpu

    if on_gpu():  # on a CPU, XLA runs convolutions in a loop on one core and slowly
        from host_tools.training.scanned import ScannedEpochs

        return ScannedEpochs(model, data, augment, when)
    return StepByStep(model, data, augment, when)
