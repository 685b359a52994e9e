"""The octave grid: from a 32-bit random word to a place in a quantile table (docs/numerics.md, section 2)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

NODES = 514
FRACTION_BITS = 18
_FIRST_OCTAVE = 8  # below 2^8 of 2^24 the grid is one linear segment
_PARTS = 32        # segments of an octave


def nodes() -> npt.NDArray[np.int64]:
    """Places of the 514 nodes, int64, in 2^-25 of probability: 0, 32 to an octave from 2^8 on, last 2^24 (median)."""
    octave = 2 ** np.arange(_FIRST_OCTAVE, 24, dtype=np.int64)[:, None]
    inner = (octave * (_PARTS + np.arange(_PARTS, dtype=np.int64)) // _PARTS).ravel()
    return np.concatenate([[0], inner, [2**24]]).astype(np.int64)


def node_probabilities() -> npt.NDArray[np.float64]:
    """Probability at every node of the lower half, 0 to 1/2 (exact); the upper half has 1 minus it."""
    return nodes() / 2.0**25


def locate(
    words: npt.NDArray[np.uint32],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Half (0 lower, 1 upper), node index below, and fraction (18 bits) of the way to the next node, for every word."""
    half = (words >> np.uint32(31)).astype(np.int64)
    r = ((words & np.uint32(0x7FFFFFFF)) >> np.uint32(7)).astype(np.int64)
    bits = r.astype(np.float32).view(np.int32).astype(np.int64)  # 24 bits: the conversion is exact
    in_octaves = r >= 2**_FIRST_OCTAVE
    index = np.where(in_octaves, (bits >> FRACTION_BITS) - ((127 + _FIRST_OCTAVE) << 5) + 1, 0)
    fraction = np.where(in_octaves, bits & (2**FRACTION_BITS - 1), r << (FRACTION_BITS - _FIRST_OCTAVE))
    return half, index, fraction
