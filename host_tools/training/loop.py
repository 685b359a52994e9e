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

Advance = Callable[[float, str], None]
EMA_EVERY = 8  # steps between two updates of the average: its decay per step counts


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
    average, first = None, 0
    if checkpoint is not None and (progress := checkpoint.load(model)) is not None:
        rng.bit_generator.state, average, first = progress.rng, progress.average, progress.epochs
        advance(first, f"resumed after epoch {first}")
    for epoch in range(first, epochs):
        each_epoch(epoch / epochs)
        good = model.get_weights()
        order = rng.permutation(len(data.y_train))
        for i in range(steps):
            rows = order[i * batch : (i + 1) * batch]
            loss = float(model.train_on_batch(_images(data, rows, augment, rng), data.y_train[rows]))
            step = epoch * steps + i + 1
            if not np.isfinite(loss):
                model.set_weights(good)
                raise Diverged(
                    f"training: the loss is {loss} in epoch {epoch + 1}, step {i + 1}: try a lower learning rate"
                )
            if ema is not None and 2 * step >= epochs * steps and step % EMA_EVERY == 0:
                average = _averaged(average, model.trainable_variables, ema**EMA_EVERY)
            advance(1 / steps, f"epoch {epoch + 1}/{epochs}, loss {loss:.4f}")
        if checkpoint is not None:
            checkpoint.save(model, Progress(epoch + 1, dict(rng.bit_generator.state), average))
    if average is not None:
        for variable, value in zip(model.trainable_variables, average, strict=True):
            variable.assign(value)


def _images(
    data: Dataset, rows: NDArray[np.int64], augment: Augment | None, rng: np.random.Generator
) -> NDArray[np.float32]:
    x = scaled(data.x_train[rows])
    return x if augment is None else augment(rng, x)


def _averaged(average: list[NDArray[Any]] | None, variables: list[Any], decay: float) -> list[NDArray[Any]]:
    from host_tools.backend import keras

    values = [keras.ops.convert_to_numpy(v.value) for v in variables]
    return values if average is None else [decay * a + (1 - decay) * v for a, v in zip(average, values, strict=True)]


def accuracy(model: Any, x: NDArray[np.uint8], y: NDArray[np.int64], batch: int = 1000) -> float:
    """Per cent of `x` [n, H, W, C] whose largest logit is the label's."""
    parts = [np.argmax(model.predict_on_batch(scaled(x[i : i + batch])), axis=1) for i in range(0, len(x), batch)]
    return 100.0 * float(np.mean(np.concatenate(parts) == y))
