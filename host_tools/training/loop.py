"""The one training loop: shuffled batches, augmentation, one cycle of the learning rate, an average of the weights, a
guard against NaN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from host_tools.data import Dataset, scaled
from host_tools.errors import HostError
from host_tools.training.augment import Augment
from host_tools.training.checkpoint import Checkpoint, Progress
from host_tools.training.steps import EMA_EVERY, Average, stepper

__all__ = ["EMA_EVERY", "Advance", "Diverged", "accuracy", "fit"]
Advance = Callable[[float, str], None]


class Diverged(HostError):
    """The loss is no longer a number; the network holds its last good weights."""


def fit(
    model: Any,
    data: Dataset,
    *,
    epochs: int,
    batch: int,
    augment: Augment | None,
    seed: int,
    advance: Advance,
    ema: float | None = None,
    each_epoch: Callable[[float], None] = lambda done: None,
    checkpoint: Checkpoint | None = None,
) -> None:
    """Train a compiled `model` on whole batches only; `advance(1, note)` after each epoch's share. Its weights end as
    the last ones, or as their average over the second half of the steps when `ema` (decay per step) is given.

    each_epoch: called before each epoch with the share of the training that is done. checkpoint: written after each
    epoch, and gone on from where it exists; an interrupted training ends as one in a piece would have.
    Diverged: the loss became NaN or infinite; the weights are then those of the last epoch that ended well.
    """
    rng = np.random.default_rng(seed)
    batch = min(batch, len(data.y_train))
    steps = len(data.y_train) // batch
    train = stepper(model, data, augment, Average(ema, epochs * steps))
    first = 0
    if checkpoint is not None and (progress := checkpoint.load(model)) is not None:
        rng.bit_generator.state, train.average, first = progress.rng, progress.average, progress.epochs
        advance(first, f"resumed after epoch {first}")
    for epoch in range(first, epochs):
        each_epoch(epoch / epochs)
        good = model.get_weights()
        rows = rng.permutation(len(data.y_train))[: steps * batch].reshape(steps, batch)
        for i, loss in enumerate(train.epoch(rows, rng, epoch * steps)):
            if not np.isfinite(loss):
                model.set_weights(good)
                raise Diverged(
                    f"training: the loss is {loss} in epoch {epoch + 1}, step {i + 1}: try a lower learning rate"
                )
            advance(1 / steps, f"epoch {epoch + 1}/{epochs}, loss {loss:.4f}")
        if checkpoint is not None:
            checkpoint.save(model, Progress(epoch + 1, dict(rng.bit_generator.state), train.average))
    if train.average is not None:
        for variable, value in zip(model.trainable_variables, train.average, strict=True):
            variable.assign(value)


def accuracy(model: Any, x: NDArray[np.uint8], y: NDArray[np.int64], batch: int = 1000) -> float:
    """Per cent of `x` [n, H, W, C] whose largest logit is the label's."""
    parts = [np.argmax(model.predict_on_batch(scaled(x[i : i + batch])), axis=1) for i in range(0, len(x), batch)]
    return 100.0 * float(np.mean(np.concatenate(parts) == y))
