"""Measured cells made from known distributions: one cell read at every time, numbered across the levels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from device_models.fit.groups import Groups, group
from device_models.measured.cells import MeasuredCells

Array = npt.NDArray[np.float64]


def generator(seed: int) -> np.random.Generator:
    """Numbers that are a function of the seed, on every machine."""
    return np.random.Generator(np.random.Philox(key=seed))


def table(values: Sequence[Sequence[Array]], times_s: Sequence[float] = (0.0,)) -> MeasuredCells:
    """The readings `values[level][time]` in uS, in the order of time."""
    rows = [(i * len(values) + level, level, times_s[j], g) for j in range(len(times_s))
            for level, row in enumerate(values) for i, g in enumerate(row[j])]
    cell, level, time, g = (np.array(column) for column in zip(*rows, strict=True))
    return MeasuredCells("made", cell.astype(np.int64), level.astype(np.int64), time.astype(np.float64), g)


def groups(values: Sequence[Sequence[Array]], times_s: Sequence[float] = (0.0,)) -> Groups:
    """The same, grouped."""
    return group(table(values, times_s))
