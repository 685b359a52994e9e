"""A data set in memory, and what every loader must deliver."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from host_tools.errors import HostError

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]
VALIDATION_SHARE = 0.1
VALIDATION_MOST = 5000


@dataclass(frozen=True)
class Dataset:
    """Images uint8 [n, H, W, C] (a network gets them / 255), labels int64 [n] into `classes`."""

    name: str
    x_train: Images
    y_train: Labels
    x_test: Images
    y_test: Labels
    classes: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of an image."""
        h, w, c = self.x_train.shape[1:]
        return (h, w, c)

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the training part: trainings and exports are blind to the test part."""
        digest = hashlib.sha256(self.x_train.tobytes())
        digest.update(self.y_train.tobytes())
        return digest.hexdigest()

    @cached_property
    def labels(self) -> str:
        """Digest of the training labels, in order: the same for copies of a data set that differ in some pixels."""
        return hashlib.sha256(self.y_train.tobytes()).hexdigest()

    def validation(self) -> tuple[Dataset, Images, Labels]:
        """The data set without the last tenth (at most 5,000) of its training part, and that part: for choices, never
        for figures."""
        n = min(VALIDATION_MOST, max(1, int(len(self.y_train) * VALIDATION_SHARE)))
        rest = replace(self, x_train=self.x_train[:-n], y_train=self.y_train[:-n])
        return rest, self.x_train[-n:], self.y_train[-n:]


def scaled(x: Images) -> NDArray[np.float32]:
    """What a network sees: x / 255 as float32."""
    return x.astype(np.float32) / np.float32(255)


def checked(name: str, where: str, arrays: dict[str, NDArray[Any]], classes: tuple[str, ...] | None = None) -> Dataset:
    """A Dataset from raw arrays, or HostError: wrong types, shapes or lengths, labels outside the classes, fewer than
    two classes."""
    x_train, x_test = (_images(where, key, arrays[key]) for key in ("x_train", "x_test"))
    y_train, y_test = (_labels(where, key, arrays[key]) for key in ("y_train", "y_test"))
    for part, x, y in (("train", x_train, y_train), ("test", x_test, y_test)):
        if len(x) != len(y) or not len(x):
            raise HostError(
                f"{where}: x_{part} holds {len(x)} images and y_{part} {len(y)} labels, expected as many, at least one"
            )
    if x_train.shape[1:] != x_test.shape[1:]:
        raise HostError(
            f"{where}: images of shape {x_train.shape[1:]} in x_train and {x_test.shape[1:]} in x_test, "
            "expected one shape"
        )
    if len(np.unique(y_train)) < 2:
        raise HostError(f"{where}: every training label is {y_train[0]}, expected at least two classes")
    if classes is None:
        classes = tuple(str(i) for i in range(int(max(y_train.max(), y_test.max())) + 1))
    for key, y in (("y_train", y_train), ("y_test", y_test)):
        if y.min() < 0 or y.max() >= len(classes):
            raise HostError(f"{where}: {key} runs from {y.min()} to {y.max()}, expected 0 to {len(classes) - 1}")
    return Dataset(name, x_train, y_train, x_test, y_test, classes)


def _images(where: str, key: str, x: NDArray[Any]) -> Images:
    if x.dtype != np.uint8:
        raise HostError(f"{where}: {key} is {x.dtype}, expected uint8 pixels (0 to 255)")
    if x.ndim == 3:
        x = x[..., None]
    if x.ndim != 4 or 0 in x.shape[1:]:
        raise HostError(
            f"{where}: {key} has shape {x.shape}, expected [n, height, width] or [n, height, width, channels]"
        )
    return np.ascontiguousarray(x)


def _labels(where: str, key: str, y: NDArray[Any]) -> Labels:
    if not np.issubdtype(y.dtype, np.integer):
        raise HostError(f"{where}: {key} is {y.dtype}, expected integer class numbers")
    if y.ndim == 2 and y.shape[1] == 1:  # Keras' CIFAR-10
        y = y[:, 0]
    if y.ndim != 1:
        raise HostError(f"{where}: {key} has shape {y.shape}, expected one number an image")
    return y.astype(np.int64)
