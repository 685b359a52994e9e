"""Replay: beside each new label, images labelled before are learned again, from a memory of fixed size.

An old remedy (L.-J. Lin, "Self-improving reactive agents", Machine Learning 8, 1992): steps from one image at a time
forget what the last hundred labels said. Which images return is a draw like any other (docs/numerics.md, section 5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from firmware_py.draws import Purpose, words
from firmware_py.errors import RramError

F32 = npt.NDArray[np.float32]
MOST_IMAGES, MOST_REPEATS = 65536, 256
BYTE = np.float32(1 / 255)  # what one step of a stored pixel is worth


@dataclass(frozen=True)
class Replay:
    """How many labelled images are kept, and how many of them are learned again after each label; 0 and 0: none."""

    images: int = 64
    repeats: int = 4

    def __post_init__(self) -> None:
        for name, number, most in (("images", self.images, MOST_IMAGES), ("repeats", self.repeats, MOST_REPEATS)):
            if type(number) is not int or not 0 <= number <= most:
                raise RramError(f"replay: {name}: {number!r} is not a whole number from 0 to {most:,}")
        if (self.images == 0) != (self.repeats == 0):
            raise RramError(f"replay: {self.images} images, {self.repeats} repeats: expected both, or 0 and 0")

    @staticmethod
    def parse(text: str) -> Replay:
        """From 'IMAGES' or 'IMAGES:REPEATS'; '0' is no replay. RramError for anything else."""
        found = re.fullmatch(r"([0-9]{1,9})(?::([0-9]{1,9}))?", text)
        if found is None:
            raise RramError(f"replay: {text!r} given, expected IMAGES or IMAGES:REPEATS, for example 64:4; 0: none")
        images, repeats = int(found[1]), found[2]
        return Replay(images, int(repeats) if repeats else Replay.repeats if images else 0)

    def __str__(self) -> str:
        return f"{self.images}:{self.repeats}"


NO_REPLAY = Replay(0, 0)


class ReplayMemory:
    """The last `images` labelled images: a ring of bytes, allocated once. `bytes`: what it takes, labels included.

    A pixel is a byte: an image of floats is rounded to steps of 1/255, which is what a DAC of 8 bits makes of it.
    """

    def __init__(self, options: Replay, shape: tuple[int, ...]) -> None:
        self.options = options
        self._pixels = np.zeros((options.images, *shape), np.uint8)
        self._labels = np.zeros(options.images, np.uint16)
        self.bytes = self._pixels.nbytes + self._labels.nbytes
        self._seen = 0

    def __len__(self) -> int:
        """How many images are kept now."""
        return min(self._seen, self.options.images)

    def __str__(self) -> str:
        images, repeats = self.options.images, self.options.repeats
        return f"{repeats} of the last {images} labelled images learned again with each label, {self.bytes:,} bytes"

    def clear(self) -> None:
        """Forget all of them."""
        self._seen = 0

    def add(self, x: F32, label: int) -> None:
        """Keep an image, float32 in [0, 1] of the bundle's input shape; where the memory is full, the oldest goes."""
        if self.options.images == 0:
            return
        slot = self._seen % self.options.images
        self._pixels[slot] = np.rint(x / BYTE)
        self._labels[slot] = label
        self._seen += 1

    def all(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint16]]:
        """The images, as bytes, and labels that are kept now."""
        return self._pixels[: len(self)], self._labels[: len(self)]

    def draw(self, seed: int, step: int) -> Iterator[tuple[F32, int]]:
        """The images, float32, and labels that chip `seed` learns again after label number `step` (from 0)."""
        count = len(self)
        if count == 0:
            return
        word = words(seed, Purpose.REPLAY, 0, self.options.repeats, step).astype(np.uint64)
        for place in word * np.uint64(count) >> np.uint64(32):  # 0: the oldest
            slot = (self._seen - count + int(place)) % self.options.images
            yield self._pixels[slot].astype(np.float32) / np.float32(255), int(self._labels[slot])
