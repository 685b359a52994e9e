"""Normal draws of a filament array: each is a function of (seed, purpose, pulse, cell), never of a hidden state.

Philox4x64-10 (Salmon et al., SC 2011) as numpy has it; cell e takes word e mod 4 of the block e div 4, through the
normal's quantile function. So any range of cells can be drawn alone: chunks and threads do not change a number.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

DEVICE_BARRIER, DEVICE_THRESHOLD, CYCLE, READ = 1, 2, 3, 4  # purposes
BLOCK = 4  # words of one counter value: a range begins at a multiple of it


def normals(seed: int, purpose: int, pulse: int, first: int, count: int, dtype: Any = np.float64) -> npt.NDArray[Any]:
    """`count` unit normal numbers of the cells from `first` (a multiple of 4) on, for the pulse (or read) `pulse`."""
    if first % BLOCK:
        raise ValueError(f"first cell {first} is not a multiple of {BLOCK}")
    generator = np.random.Philox(key=[seed, 0], counter=[first // BLOCK, purpose, pulse, 0])
    words = generator.random_raw(count)
    # 53 bits and half a step: never 0 or 1, where the quantile is infinite
    z: npt.NDArray[Any] = ndtri(((words >> np.uint64(11)) + 0.5) * 2.0**-53)
    return z.astype(dtype)
