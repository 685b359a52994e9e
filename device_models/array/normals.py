"""Gaussian noise of given variances, fast: one Philox stream a read, Box and Muller's transform in place."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from device_models.array.scratch import Scratch
from device_models.array.types import F32
from device_models.draws import READ

_ANGLE_BITS = 12
_RADIUS_BITS = 32 - _ANGLE_BITS
_STEP = np.float32(2.0**-_RADIUS_BITS)
_TURN = np.float32(2 * np.pi / 2**_ANGLE_BITS)


class ReadStream:
    """Random words of reads: a function of (chip seed, layer, read counter, part of the array), not of earlier calls.

    Philox4x64-10 (Salmon et al., SC 2011) with key (seed, READ << 32 | layer) and counter (block, part, read, 0). Not
    the words of a board, whose generator is the 32-bit one; the distribution is the same.
    """

    def __init__(self, seed: int, layer: int) -> None:
        self._philox = np.random.Philox(key=np.array([seed, READ << 32 | layer], dtype=np.uint64))
        self._start = self._philox.state  # to set it is five times as fast as to make another generator

    def words(self, read: int, part: int, count: int) -> npt.NDArray[np.uint32]:
        """The first `count` words (32 bits) of a part of a read."""
        self._start["state"]["counter"][:] = 0, part, read, 0
        self._philox.state = self._start
        return self._philox.random_raw((count + 1) // 2).view(np.uint32)[:count]


def words_for(size: int) -> int:
    """Words that `make_noise` needs for so many draws."""
    return (size + 1) // 2


def make_noise(variance: F32, words: npt.NDArray[np.uint32], scratch: Scratch) -> F32:
    """Replace every variance (contiguous, >= 0) by a draw of N(0, variance), in place; `words` are used up.

    sqrt(-2 variance ln u) times cos t and sin t (Box and Muller, 1958). One 32-bit word gives two draws: u of 20 bits,
    so none exceeds 5.4 standard deviations (P = 7e-8), and one of 4096 angles, whose sum over a circle is exact to
    rounding for each draw by itself.
    """
    flat, half = variance.reshape(-1), len(words)
    radius, angle = scratch.take("radius", (half,)), scratch.take("angle", (half,))
    np.bitwise_and(words, np.uint32(2**_ANGLE_BITS - 1), out=angle.view(np.uint32))
    np.copyto(angle, angle.view(np.int32))  # element by element in place: signed converts faster than unsigned
    words >>= np.uint32(_ANGLE_BITS)
    np.copyto(radius, words.view(np.int32))
    radius += np.float32(0.5)
    radius *= _STEP
    np.log(radius, out=radius)
    radius *= np.float32(-2)
    first, second = flat[:half], flat[half:]
    first *= radius
    second *= radius[: second.size]
    np.sqrt(flat, out=flat)
    angle *= _TURN
    np.cos(angle, out=radius)
    first *= radius
    np.sin(angle, out=angle)
    second *= angle[: second.size]
    return variance
