"""Which levels, cut at which conductances, are told apart with the fewest cells in a wrong bin. Exact, not greedy.

A chosen level is read right while G lies between its lower and its upper boundary, so the share of its cells in a wrong
bin is the share below the one plus the share above the other: errors add up over boundaries, and the best boundary
between two neighbours i < j of a choice does not depend on the others. Its cost is

    c(i, j) = min over b of P(G_i >= b) + P(G_j < b),   b between the medians of both,

and the best choice of k levels is a shortest path of k - 1 steps (dynamic programming). "Between the medians" says that
a level of which more than half lies on one wrong side is not told apart, and keeps boundaries in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from device_models.extract.counts import Array, Ints, LevelCounts


@dataclass(frozen=True)
class Separation:
    """Levels that are told apart: indices, boundaries_uS between them, share of cells in a wrong bin (mean, worst)."""

    levels: tuple[int, ...]
    boundaries_uS: tuple[float, ...]
    error: float
    worst_level_error: float

    @property
    def count(self) -> int:
        """How many levels."""
        return len(self.levels)


def separations(cells: LevelCounts) -> list[Separation]:
    """For k = 1, 2, ...: the k levels with the least mean error (each level counts alike); ends where none are left."""
    cost, cut = pair_costs(cells)
    total = np.zeros(len(cost))
    before: list[Ints] = []
    found = [_separation(cells, [int(np.argmax(cells.counts.sum(axis=1)))], [])]
    while True:
        through = total[:, None] + cost
        previous = np.argmin(through, axis=0)
        total = through[previous, np.arange(len(cost))]
        if not np.isfinite(total).any():
            return found
        before.append(previous.astype(np.int64))
        chain = [int(np.argmin(total))]
        for step in reversed(before):
            chain.insert(0, int(step[chain[0]]))
        found.append(_separation(cells, chain, [int(cut[i, j]) for i, j in pairwise(chain)]))


def most_levels(found: Sequence[Separation], error: float) -> Separation:
    """The one of `separations` with the most levels whose mean share of cells in a wrong bin is at most `error`."""
    return [one for one in found if one.error <= error or one.count == 1][-1]


def most_levels_worst(cells: LevelCounts, error: float) -> Separation:
    """The most levels of which *none* has more than `error` (below 1/2) of its cells in a wrong bin.

    Exact: for a chain of k levels that ends at level j, the lower its last boundary the more is possible after it, so
    only the lowest one is kept; and a lower boundary below j never makes the lowest boundary above j higher.
    """
    below, size = cells.below, len(cells.index)
    none = below.shape[1]
    lower: list[Ints] = [np.full(size, -1, dtype=np.int64)]  # boundary below level j; -1: no level below it
    before: list[Ints] = []
    while True:
        upper = np.array([_first_above(below[i], int(b), error) for i, b in enumerate(lower[-1])])
        best, chosen = np.full(size, none), np.zeros(size, dtype=np.int64)
        for j in range(1, size):
            i = int(np.argmin(upper[:j]))
            if upper[i] < none and below[j, upper[i]] <= error:
                best[j], chosen[j] = upper[i], i
        if (best == none).all():
            break
        lower.append(best.astype(np.int64))
        before.append(chosen)
    chain = [int(np.argmin(lower[-1]))]
    cuts: list[int] = []
    for bounds, step in zip(reversed(lower[1:]), reversed(before), strict=True):
        cuts.insert(0, int(bounds[chain[0]]))
        chain.insert(0, int(step[chain[0]]))
    return _separation(cells, chain, cuts)


def wrong_shares(choice: Separation, level: npt.NDArray[Any], g_uS: npt.NDArray[Any]) -> Array:
    """Per chosen level, the share of cells [n] outside of its bin: cells that `choice` need not have been made from."""
    read = np.searchsorted(choice.boundaries_uS, g_uS, side="right")
    return np.array([np.mean(read[level == one] != position) for position, one in enumerate(choice.levels)])


def pair_costs(cells: LevelCounts) -> tuple[Array, Ints]:
    """c(i, j) [L, L], infinite where there is no boundary between the medians, and the index of the best boundary."""
    below, size = cells.below, len(cells.index)
    cost, cut = np.full((size, size), np.inf), np.zeros((size, size), dtype=np.int64)
    for i in range(size - 1):
        start = int(np.searchsorted(below[i], 0.5))
        others = below[i + 1 :, start:]
        if not others.shape[1]:
            continue
        gain = np.where(others < 0.5, below[i, start:] - others, -np.inf)
        at = _middle_of_best(gain)
        cost[i, i + 1 :] = 1 - gain[np.arange(len(at)), at]
        cut[i, i + 1 :] = start + at
    return cost, cut


def _middle_of_best(gain: Array) -> Ints:
    """Per row, the index of the largest value; of several alike (a gap without cells) the middle one."""
    alike = gain >= gain.max(axis=1, keepdims=True) - 1e-12
    wanted = (alike.sum(axis=1, keepdims=True) + 1) // 2
    middle: Ints = np.argmax(np.cumsum(alike, axis=1) == wanted, axis=1)
    return middle


def _first_above(below: Array, lower: int, error: float) -> int:
    """The lowest boundary above a level that leaves at most `error` of it outside of both, or len(below)."""
    none = len(below)
    if lower == none:
        return none
    left = 1 + (below[lower] if lower >= 0 else 0.0) - error  # below[b] must reach this
    return int(np.searchsorted(below, left - 1e-12))


def _separation(cells: LevelCounts, chain: Sequence[int], cuts: Sequence[int]) -> Separation:
    below = cells.below
    wrong = np.zeros(len(chain))
    for k, cut in enumerate(cuts):
        wrong[k] += 1 - below[chain[k], cut]
        wrong[k + 1] += below[chain[k + 1], cut]
    return Separation(tuple(int(cells.index[i]) for i in chain), tuple(float(cells.boundaries_uS[c]) for c in cuts),
                      float(wrong.mean()), float(wrong.max()))
