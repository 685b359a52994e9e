"""Counter-based draws: a random number is a function of (seed, purpose, layer, element, read), never of a hidden state.

    words(seed=7, purpose=READ, layer=0, elements=np.arange(10), read=3)
    draw_cells(compiled, levels, seed=7, layer=0).uS

Generator: Philox4x32-10, Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011. Bit for bit as in
docs/numerics.md, sections 1 to 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from device_models.compile import MAX_STEPS, TABLE_UNIT, CompiledProfile
from device_models.errors import ProfileError
from device_models.octave import FRACTION_BITS, locate

PROGRAM, FAULT, READ = 1, 2, 3  # purposes

_MULTIPLIERS = np.array([0xD2511F53, 0xCD9E8D57], dtype=np.uint64)
_WEYL = (0x9E3779B9, 0xBB67AE85)  # golden ratio, sqrt(3) - 1
_LOW = 0xFFFFFFFF
_ROUNDS = 10


@dataclass(frozen=True)
class Cells:
    """Drawn conductances: `steps` int32 in G steps, of the shape of the levels; `g_step_us` uS is one step."""

    steps: npt.NDArray[np.int32]
    g_step_us: float

    @property
    def uS(self) -> npt.NDArray[np.float64]:
        """The same in uS."""
        return self.steps.astype(np.float64) * self.g_step_us


def philox4x32(counter: npt.NDArray[Any], key: tuple[int, int]) -> npt.NDArray[np.uint32]:
    """Philox4x32-10 of counters (integers below 2^32, [..., 4]) under a key of two words: uint32 [..., 4]."""
    words = counter.astype(np.uint64)
    for number in range(_ROUNDS):
        keys = [np.uint64((k + number * w) & _LOW) for k, w in zip(key, _WEYL, strict=True)]
        product = words[..., ::2] * _MULTIPLIERS
        high, low = product >> np.uint64(32), product & np.uint64(_LOW)
        words = np.stack([high[..., 1] ^ words[..., 1] ^ keys[0], low[..., 1],
                          high[..., 0] ^ words[..., 3] ^ keys[1], low[..., 0]], axis=-1)
    return words.astype(np.uint32)


def words(seed: int, purpose: int, layer: int, elements: npt.NDArray[Any], read: int = 0) -> npt.NDArray[np.uint32]:
    """One random word for every element (any shape, below 2^34): uint32 of that shape; `seed` and `read`: 64 bits."""
    if not 0 <= seed < 2**64:
        raise ProfileError(f"seed: {seed} is not 0 to 2^64 - 1")
    blocks, place = np.unique(elements >> 2, return_inverse=True)
    counter = np.empty((len(blocks), 4), dtype=np.uint64)
    counter[:] = [0, purpose << 24 | layer, read & _LOW, read >> 32]
    counter[:, 0] = blocks
    output = philox4x32(counter, (seed & _LOW, seed >> 32))
    chosen: npt.NDArray[np.uint32] = output[place.reshape(elements.shape), elements & 3]
    return chosen


def interpolate(
    table: npt.NDArray[np.int32], word: npt.NDArray[np.uint32], level: npt.NDArray[Any]
) -> npt.NDArray[np.int64]:
    """Entry of the tables int32 [L, 2, 514] for every word and its level (same shapes): int64, in the tables' unit."""
    half, index, fraction = locate(word)
    below = table[level, half, index].astype(np.int64)
    above = table[level, half, index + 1].astype(np.int64)
    value: npt.NDArray[np.int64] = below + ((above - below) * fraction >> FRACTION_BITS)
    return value


def normals(table: npt.NDArray[np.float32], word: npt.NDArray[np.uint32]) -> npt.NDArray[np.float32]:
    """Unit normal numbers float32 for words, by the compiled profile's `normal` table [514]."""
    half, index, fraction = locate(word)
    part = fraction.astype(np.float32) * np.float32(2.0**-FRACTION_BITS)
    z = table[index] + (table[index + 1] - table[index]) * part
    return np.where(half == 1, -z, z).astype(np.float32)


def draw_cells(compiled: CompiledProfile, levels: npt.NDArray[np.uint8], seed: int, layer: int) -> Cells:
    """The cells of one analog layer on the chip `seed`: levels [2, K, N]; the element is the flat index."""
    elements = np.arange(levels.size, dtype=np.int64).reshape(levels.shape)
    value = interpolate(compiled.quantiles, words(seed, PROGRAM, layer, elements), levels)
    steps = np.clip((value + TABLE_UNIT // 2) // TABLE_UNIT, 0, MAX_STEPS).astype(np.int32)
    threshold_low, threshold_high, low, high = compiled.faults.tolist()
    if threshold_high > 0:
        word = words(seed, FAULT, layer, elements)
        steps = np.where(word < threshold_low, low, np.where(word < threshold_high, high, steps)).astype(np.int32)
    return Cells(steps, compiled.g_step_us)


def read_sigma(compiled: CompiledProfile, levels: npt.NDArray[np.uint8], cells: Cells) -> npt.NDArray[np.float64]:
    """Standard deviation of one read of every cell, in G steps: a[level] + b[level] G, float64 of the levels' shape."""
    return compiled.read_a[levels] + compiled.read_b[levels] * cells.steps
