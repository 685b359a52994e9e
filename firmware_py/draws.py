"""Counter-based draws: every random number is a function of (seed, purpose, layer, element, read), never of a state.

Generator: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011). The octave grid that
turns a word into a quantile is described in docs/numerics.md, section 2.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import numpy.typing as npt

U32 = npt.NDArray[np.uint32]

NODES = 514  # nodes of the octave grid in each half

_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = 0x9E3779B9, 0xBB67AE85
_MASK = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)


class Purpose(IntEnum):
    """What a draw is for; part of the counter, so that purposes never share numbers."""

    PROGRAM = 1
    FAULT = 2
    READ = 3
    REPLAY = 4
    ADC = 5
    DRIFT = 6
    ROUND = 9


def philox4x32(counter: tuple[U32 | int, U32 | int, U32 | int, U32 | int], key: tuple[int, int]) -> list[U32]:
    """Ten rounds of Philox4x32: four uint32 arrays (broadcast over the counter words) for a counter and a key."""
    c0, c1, c2, c3 = (np.asarray(word, np.uint64) for word in np.broadcast_arrays(*counter))
    k0, k1 = key
    for _ in range(10):
        p0, p1 = c0 * _M0, c2 * _M1
        c0, c2 = (p1 >> _SHIFT) ^ c1 ^ np.uint64(k0), (p0 >> _SHIFT) ^ c3 ^ np.uint64(k1)
        c1, c3 = p1 & _MASK, p0 & _MASK
        k0, k1 = (k0 + _W0) & 0xFFFFFFFF, (k1 + _W1) & 0xFFFFFFFF
    return [word.astype(np.uint32) for word in (c0, c1, c2, c3)]


def words(seed: int, purpose: Purpose, layer: int, count: int, read: int = 0) -> U32:
    """The words of elements 0..count-1: uint32 [count]."""
    blocks = np.arange((count + 3) // 4, dtype=np.uint32)
    out = philox4x32(
        (blocks, (int(purpose) << 24) | layer, read & 0xFFFFFFFF, read >> 32), (seed & 0xFFFFFFFF, seed >> 32)
    )
    return np.stack(out, axis=1).reshape(-1)[:count]


def octave(word: U32) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Split words into (upper half?, node index 0..512, 18-bit fraction) of the octave grid, of the words' shape."""
    upper = (word >> np.uint32(31)).astype(bool)
    r = (word & np.uint32(0x7FFFFFFF)) >> np.uint32(7)
    bits = r.astype(np.float32).view(np.uint32).astype(np.int64)  # exact: r has 24 bits
    tail = r < 256
    index = np.where(tail, 0, (bits >> 18) - (135 << 5) + 1)
    fraction = np.where(tail, r.astype(np.int64) << 10, bits & 0x3FFFF)
    return upper, index, fraction


def quantile_cells(word: U32, level: npt.NDArray[np.uint8], quantiles: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Conductances in G steps of cells of `level` [...] drawn by `word` [...] from tables [levels, 2, NODES]."""
    upper, index, fraction = octave(word)
    flat = quantiles.astype(np.int64).reshape(-1)
    base = (level.astype(np.int64) * 2 + upper) * NODES + index
    low = flat[base]
    value = low + ((flat[base + 1] - low) * fraction >> 18)
    steps: npt.NDArray[np.int32] = np.clip((value + 128) >> 8, 0, 32767).astype(np.int32)
    return steps


def normals(word: U32, table: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Standard normal numbers float32 by the octave table of the lower half (float32 [NODES])."""
    upper, index, fraction = octave(word)
    low = table[index]
    z = low + (table[index + 1] - low) * (fraction.astype(np.float32) * np.float32(2.0**-18))
    return np.where(upper, -z, z).astype(np.float32)
