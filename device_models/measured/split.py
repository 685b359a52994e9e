"""Two halves of the cells, one to fit and one to judge: by a published hash of the cell, never by its parity.

half_of(cells)    # True: half b

Neighbouring addresses often hold neighbouring target levels, so parity, blocks or strides would give the halves
different levels. The hash is SplitMix64's output function: Steele, Lea, Flood, "Fast splittable pseudorandom number
generators", OOPSLA 2014, figure 17; the half is its top bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_GOLDEN_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_STEPS = ((np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)), (np.uint64(27), np.uint64(0x94D049BB133111EB)))


def splitmix64(state: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    """The output of SplitMix64 for every state (integers, any shape): what a generator seeded with it gives first."""
    z = state.astype(np.uint64) + _GOLDEN_GAMMA
    for shift, factor in _STEPS:
        z = (z ^ (z >> shift)) * factor
    mixed: npt.NDArray[np.uint64] = z ^ (z >> np.uint64(31))
    return mixed


def half_of(cell: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """True where a cell belongs to half b, by nothing but its number (any shape)."""
    half: npt.NDArray[np.bool_] = splitmix64(cell) >> np.uint64(63) == 1
    return half
