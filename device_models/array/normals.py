"""Gaussian noise of given variances, fast: one Philox stream a read, Box and Muller's transform in place."""

from __future__ import annotations

import numpy as np

from device_models.array.types import F32
from device_models.draws import READ

_WORD = np.float32(2.0**-32)


def stream(seed: int, layer: int, read: int, part: int) -> np.random.Philox:
    """Random words of one read: a function of (chip seed, layer, read counter, part of the array).

    Philox4x64-10 (Salmon et al., SC 2011) with key (seed, READ << 32 | layer) and counter (block, part, read, 0). Not
    the words of a board, whose generator is the 32-bit one; the distribution is the same.
    """
    key = np.array([seed, READ << 32 | layer], dtype=np.uint64)
    return np.random.Philox(key=key, counter=np.array([0, part, read, 0], dtype=np.uint64))


def make_noise(variance: F32, words: np.random.Philox) -> F32:
    """Replace every variance (contiguous, >= 0) by a draw of N(0, variance), in place.

    sqrt(-2 variance ln u) cos t and sin t with u, t uniform (Box and Muller, 1958). u has 32 bits, so no draw exceeds
    6.7 standard deviations (P = 2e-11).
    """
    flat = variance.reshape(-1)
    half = (flat.size + 1) // 2
    bits = words.random_raw(half).view(np.uint32)
    radius, angle = bits[:half].astype(np.float32), bits[half:].astype(np.float32)
    radius *= _WORD
    radius += _WORD / 2
    np.log(radius, out=radius)
    radius *= np.float32(-2)
    angle *= np.float32(2 * np.pi) * _WORD
    first, second = flat[:half], flat[half:]
    first *= radius
    second *= radius[: second.size]
    np.sqrt(flat, out=flat)
    np.cos(angle, out=radius)
    first *= radius
    np.sin(angle, out=angle)
    second *= angle[: second.size]
    return variance
