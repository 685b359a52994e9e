"""An integer network and its forward pass in NumPy with integers alone: the reference for boards. No Keras here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int32]
Adc = Callable[[str, Codes, npt.NDArray[np.int8]], Codes]
CHUNK = 250  # images computed together; bounds the memory of unfolded windows


@dataclass(frozen=True)
class Analog:
    """A layer on the array: weights int8 [K, N] of +1 and -1. `kernel` None: dense; else [h, w] of a convolution, K
    running over (h, w, channels), with `stride` and `padding` as in Keras."""

    name: str
    weights: npt.NDArray[np.int8]
    kernel: tuple[int, int] | None = None
    stride: tuple[int, int] = (1, 1)
    padding: str = "valid"

    def pad(self, shape: tuple[int, ...]) -> tuple[tuple[int, int], tuple[int, int]]:
        """Zeros (above, below), (left, right) of an input [H, W, C], as TensorFlow pads."""
        if self.kernel is None or self.padding == "valid":
            return (0, 0), (0, 0)
        lack = [max((-(-size // s) - 1) * s + k - size, 0)
                for size, k, s in zip(shape, self.kernel, self.stride, strict=False)]  # fmt: skip
        above, left = lack[0] // 2, lack[1] // 2
        return (above, lack[0] - above), (left, lack[1] - left)


@dataclass(frozen=True)
class Thresholds:
    """The next code of column j: how many of `values` int32 [levels - 1, N], rising, its sum has reached."""

    name: str
    values: npt.NDArray[np.int32]


@dataclass(frozen=True)
class MaxPool:
    """The largest code of each window; windows that do not fit are left out."""

    pool: tuple[int, int]
    stride: tuple[int, int]


@dataclass(frozen=True)
class Flatten:
    """Codes [H, W, C] in a row."""


@dataclass(frozen=True)
class Rename:
    """Sums of codes that share a physical row: input k counts `sign[k]` (+1, -1, 0: left out) times in row `row[k]`."""

    name: str
    row: npt.NDArray[np.uint16]
    sign: npt.NDArray[np.int8]

    @property
    def rows(self) -> int:
        """Number of physical rows."""
        return int(self.row.max()) + 1


Step = Analog | Thresholds | MaxPool | Flatten | Rename


@dataclass(frozen=True)
class IntegerNetwork:
    """Steps in order. input_shape [H, W, C] without batch; bits: of the image's codes."""

    name: str
    input_shape: tuple[int, ...]
    bits: int
    steps: tuple[Step, ...]

    @property
    def analog(self) -> tuple[Analog, ...]:
        """The layers on the array, in order."""
        return tuple(step for step in self.steps if isinstance(step, Analog))

    def image_codes(self, images: npt.NDArray[np.uint8]) -> Codes:
        """Codes 0 to 2^bits - 1 of pixels 0 to 255: the nearest; never a tie, for 255 is odd."""
        highest = (1 << self.bits) - 1
        return ((2 * highest * images.astype(np.int32) + 255) // 510).astype(np.int32)

    def inputs(self, images: npt.NDArray[np.uint8], adc: Adc | None = None) -> Iterator[tuple[Step, Codes]]:
        """Each step and the codes that it takes, for a batch of images [n, H, W, C]."""
        a = self.image_codes(images)
        for step in self.steps:
            yield step, a
            a = apply(step, a, adc)

    def sums(self, images: npt.NDArray[np.uint8], adc: Adc | None = None) -> Codes:
        """Sums [n, classes] int32 of the last layer: the logits."""
        parts = []
        for i in range(0, len(images), CHUNK):
            a = self.image_codes(images[i : i + CHUNK])
            for step in self.steps:
                a = apply(step, a, adc)
            parts.append(a)
        return np.concatenate(parts)

    def classes(self, images: npt.NDArray[np.uint8], adc: Adc | None = None) -> npt.NDArray[np.int64]:
        """The first of the largest sums of each image."""
        return np.argmax(self.sums(images, adc), axis=1)

    def last_codes(self, images: npt.NDArray[np.uint8]) -> Codes:
        """Codes [n, K] that the last analog layer takes."""
        parts = []
        for i in range(0, len(images), CHUNK):
            parts.append([a for _, a in self.inputs(images[i : i + CHUNK])][-1])
        return np.concatenate(parts)

    def with_steps(self, steps: tuple[Step, ...]) -> IntegerNetwork:
        """The same with other steps."""
        return replace(self, steps=steps)


def apply(step: Step, a: Codes, adc: Adc | None = None) -> Codes:
    """One step on codes or sums a [n, ...], int32 in and out. `adc` turns rows [n, P, K] and weights into sums
    (default: exactly)."""
    if isinstance(step, Analog):
        rows, shape = unfold(step, a)
        s = rows @ step.weights.astype(np.int32) if adc is None else adc(step.name, rows, step.weights)
        return s.reshape(len(a), *shape, -1)
    if isinstance(step, Thresholds):
        out = np.zeros(a.shape, np.int32)
        for t in step.values:
            out += a >= t
        return out
    if isinstance(step, MaxPool):
        view = np.lib.stride_tricks.sliding_window_view(a, step.pool, axis=(1, 2))
        return view[:, :: step.stride[0], :: step.stride[1]].max(axis=(-2, -1))
    if isinstance(step, Rename):
        out = np.zeros((len(a), step.rows), np.int32)
        np.add.at(out.T, step.row, (a * step.sign).T)
        return out
    return a.reshape(len(a), -1)


def unfold(step: Analog, a: Codes) -> tuple[Codes, tuple[int, ...]]:
    """Rows [n, P, K] that an analog layer multiplies, and the shape [H, W] of its P positions (dense: none)."""
    if step.kernel is None:
        return a.reshape(len(a), 1, -1), ()
    padded = np.pad(a, ((0, 0), *step.pad(a.shape[1:]), (0, 0)))
    view = np.lib.stride_tricks.sliding_window_view(padded, step.kernel, axis=(1, 2))
    view = view[:, :: step.stride[0], :: step.stride[1]].transpose(0, 1, 2, 4, 5, 3)
    n, height, width = view.shape[:3]
    return np.ascontiguousarray(view).reshape(n, height * width, -1), (height, width)
