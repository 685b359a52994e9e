"""Later readings predicted from the first: what a cell does depends on where it is, whatever its target was.

A level's distribution at a later time is that of its first readings, each moved as cells with nearly the same first
reading moved, of any level. That lends all levels' changes to each; where a level's cells move in their own way the
held-out score tells (`fit.choice`), and later readings are taken as they are.
"""

from __future__ import annotations

import numpy as np

from device_models.fit.groups import Array, Groups, Integers

NEIGHBOURS = 100  # cells among which a change is borrowed
_EVERY = 4        # of them one in so many, evenly: as smooth, and as many times faster


def followed(groups: Groups) -> Groups:
    """`groups` with later readings predicted: as many values a group as it has, even quantiles of all moves."""
    first = np.concatenate([row[0] for row in groups.values])
    cells = np.concatenate([row[0] for row in groups.cells])
    columns = [[row[0] for row in groups.values]]
    for time in range(1, len(groups.times_s)):
        start, change = _changes(groups, time, cells, first)
        columns.append([_moved(own[0], start, change, len(own[time])) for own in groups.values])
    values = tuple(tuple(column[level] for column in columns) for level in range(len(groups.levels)))
    return Groups(groups.source, groups.levels, groups.times_s, values, groups.cells)


def _changes(groups: Groups, time: int, cells: Integers, first: Array) -> tuple[Array, Array]:
    """First reading (ascending) and change until `time` of every cell that was read at both."""
    later = np.concatenate([row[time] for row in groups.values])
    _, before, after = np.intersect1d(cells, np.concatenate([row[time] for row in groups.cells]), return_indices=True)
    order = np.argsort(first[before], kind="stable")
    return first[before][order], (later[after] - first[before])[order]


def _moved(own: Array, start: Array, change: Array, n: int) -> Array:
    k = min(NEIGHBOURS, len(start))
    nearest = np.clip(np.searchsorted(start, own) - k // 2, 0, len(start) - k)
    every = own[:, None] + change[nearest[:, None] + np.arange(0, k, _EVERY)]
    every = np.sort(every, axis=None)
    place = (np.arange(n) + 0.5) / n * (len(every) - 1)  # np.quantile, six times as fast
    values: Array = np.maximum(np.interp(place, np.arange(len(every)), every), 0.0)
    return values
