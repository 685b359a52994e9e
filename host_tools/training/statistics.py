"""Batch-norm statistics measured anew: of the noise-free network after training, of a chip before use."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from host_tools.backend import keras
from host_tools.data import scaled

BATCH = 500
STATISTICS_IMAGES = 4000  # of the training part, for a network without noise


def norms(model: Any) -> list[Any]:
    """The batch-norm layers of a model."""
    return [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]


def measure_statistics(copy: Any, images: NDArray[Any], batch: int = BATCH) -> None:
    """Set every batch norm of a plain copy to mean and variance of its own inputs over uint8 `images` [n, H, W, C].

    No labels. Each layer is normalised by the batch's own statistics while the next one is measured.
    """
    layers = norms(copy)
    before = [layer.momentum for layer in layers]
    for count, start in enumerate(range(0, len(images), batch)):
        for layer in layers:
            layer.momentum = count / (count + 1)  # so that the moving average is the mean over batches
        copy(scaled(images[start : start + batch]), training=True)
    for layer, momentum in zip(layers, before, strict=True):
        layer.momentum = momentum


def take_statistics(student: Any, copy: Any) -> None:
    """Put the copy's statistics into the student's batch norms."""
    for target, source in zip(norms(student), norms(copy), strict=True):
        target.moving_mean.assign(keras.ops.convert_to_numpy(source.moving_mean.value))
        target.moving_variance.assign(keras.ops.convert_to_numpy(source.moving_variance.value))
