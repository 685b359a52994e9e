"""Measured cells by target level and time: what a spread is fitted to, and judged against."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from device_models.errors import ProfileError
from device_models.measured.cells import MeasuredCells

Array = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MIN_CELLS = 30   # of a group: below, its distribution says next to nothing
MAX_TIMES = 64   # more are clock times, not nominal ones


@dataclass(frozen=True)
class Groups:
    """Conductances in uS, `values[level][time]`, with their cells; levels and times (s) ascend, programming is first.

    A level is its place in `levels`, which holds the indices of the target levels.
    """

    source: str
    levels: tuple[int, ...]
    times_s: tuple[float, ...]
    values: tuple[tuple[Array, ...], ...]
    cells: tuple[tuple[Integers, ...], ...]

    def where(self, chosen: Callable[[Integers], npt.NDArray[np.bool_]]) -> Groups:
        """The readings of the cells for which `chosen` is true."""
        masks = [[chosen(cells) for cells in row] for row in self.cells]
        values = tuple(tuple(x[m] for x, m in zip(*pair, strict=True)) for pair in zip(self.values, masks, strict=True))
        cells = tuple(tuple(c[m] for c, m in zip(*pair, strict=True)) for pair in zip(self.cells, masks, strict=True))
        return Groups(self.source, self.levels, self.times_s, values, cells)

    def at(self, times_s: Container[float]) -> Groups:
        """Without the readings at other times."""
        keep = [i for i, time_s in enumerate(self.times_s) if time_s in times_s]
        return Groups(self.source, self.levels, tuple(self.times_s[i] for i in keep),
                      tuple(tuple(row[i] for i in keep) for row in self.values),
                      tuple(tuple(row[i] for i in keep) for row in self.cells))

    def medians(self, time: int) -> Array:
        """Median of every level at one time in uS."""
        return np.array([np.median(row[time]) for row in self.values])


def group(cells: MeasuredCells) -> Groups:
    """All groups of `cells`; ProfileError where there are too many times to be nominal ones, or too few levels."""
    levels, level = np.unique(cells.level, return_inverse=True)
    times, time = np.unique(cells.time_s, return_inverse=True)
    if len(times) > MAX_TIMES:
        raise ProfileError(f"{cells.source}: {len(times)} different times, expected at most {MAX_TIMES} nominal ones: "
                           "name the column of nominal times")
    if len(levels) < 2:
        raise ProfileError(f"{cells.source}: one level only ({levels[0]}), expected at least 2")
    place = level * len(times) + time
    order = np.argsort(place, kind="stable")
    ends = np.searchsorted(place[order], np.arange(len(levels) * len(times) + 1))

    def split(column: npt.NDArray[np.generic]) -> list[npt.NDArray[np.generic]]:
        return [column[order[a:b]] for a, b in pairwise(ends)]

    rows = [slice(i * len(times), (i + 1) * len(times)) for i in range(len(levels))]
    g, cell = split(cells.g_uS), split(cells.cell)
    return Groups(cells.source, tuple(map(int, levels)), tuple(map(float, times)),
                  tuple(tuple(g[row]) for row in rows), tuple(tuple(cell[row]) for row in rows))  # type: ignore[arg-type]


def enough(groups: Groups) -> Groups:
    """Without later times at which a level has fewer than MIN_CELLS cells; at programming that is a ProfileError."""
    counts = np.array([[len(x) for x in row] for row in groups.values])
    few = np.flatnonzero(counts[:, 0] < MIN_CELLS)
    if len(few):
        level = groups.levels[few[0]]
        raise ProfileError(f"{groups.source}: level {level} has {counts[few[0], 0]} cells at {groups.times_s[0]:g} s, "
                           f"expected at least {MIN_CELLS}")
    columns = zip(groups.times_s, counts.T, strict=True)
    return groups.at([time_s for time_s, column in columns if column.min() >= MIN_CELLS])
