"""Cells of every level, counted between candidate boundaries: all that choosing levels and boundaries needs to know."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from device_models.errors import ProfileError

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LEAST_CELLS = 30     # of a level; fewer say nothing about a share of a few per cent
MOST_BOUNDARIES = 4096


@dataclass(frozen=True)
class LevelCounts:
    """counts[k, i]: cells of level index[k] in [boundary i-1, boundary i); boundaries in uS, increasing.

    index int64 [L], counts int64 [L, B + 1], boundaries_uS float64 [B].
    """

    index: Ints
    counts: Ints
    boundaries_uS: Array

    @classmethod
    def of(cls, level: npt.NDArray[Any], g_uS: npt.NDArray[Any], least: int = LEAST_CELLS,
           most_boundaries: int = MOST_BOUNDARIES) -> LevelCounts:
        """From cells: level [n] (integers), g_uS [n] (> 0).

        Boundaries are the midpoints between neighbouring conductances of all cells, thinned evenly to
        `most_boundaries`. ProfileError for fewer than two levels or fewer than `least` cells of one.
        """
        index, position, sizes = np.unique(level, return_inverse=True, return_counts=True)
        if len(index) < 2:
            raise ProfileError(f"{len(index)} level(s), expected at least 2 to tell apart")
        if sizes.min() < least:
            few = int(np.argmin(sizes))
            raise ProfileError(f"level {index[few]} has {sizes[few]} cells, expected at least {least}")
        values = np.unique(g_uS)
        if len(values) < 2:
            raise ProfileError(f"every conductance is {values[0]:g} uS, expected different ones")
        middles = (values[1:] + values[:-1]) / 2
        if len(middles) > most_boundaries:
            middles = middles[np.linspace(0, len(middles) - 1, most_boundaries).astype(int)]
        cell = np.searchsorted(middles, g_uS, side="right")
        width = len(middles) + 1
        counts = np.bincount(position * width + cell, minlength=len(index) * width).reshape(len(index), width)
        return cls(index.astype(np.int64), counts.astype(np.int64), middles)

    @cached_property
    def below(self) -> Array:
        """float64 [L, B]: share of the cells of each level below each boundary."""
        sums = np.cumsum(self.counts, axis=1)
        share: Array = sums[:, :-1] / sums[:, -1:]
        return share

    def resampled(self, rng: np.random.Generator) -> LevelCounts:
        """As many cells of each level, drawn anew with replacement from these."""
        sizes = self.counts.sum(axis=1)
        drawn = [rng.multinomial(n, row / n) for n, row in zip(sizes, self.counts, strict=True)]
        return LevelCounts(self.index, np.stack(drawn), self.boundaries_uS)
