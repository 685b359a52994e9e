"""What no measurement can be: conductances <= 0, r and g that disagree, mixed units, time that runs back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from device_models.errors import ProfileError
from device_models.measured.table import Table

AGREE = 1e-3  # of g with 1/r, both printed with few digits
HIGHEST_LEVEL_uS = (1e-3, 1e5)  # 1 Gohm to 10 ohm: outside of it the unit is wrong
FAR = 300.0  # no cell is so many times above the median of the highest level
STRAY = 10  # as many readings three (six) decades below their level's median, and nothing between: another unit

_DECADES = (3, 6)

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def refuse_not_positive(table: Table, column: str, values: Floats) -> None:
    """ProfileError at the first conductance or resistance that is not above zero."""
    bad = np.flatnonzero(~(values > 0) | ~np.isfinite(values))
    if bad.size:
        row = int(bad[0])
        table.refuse(row, column, f"{table.given(row, column)} is not > 0")


def refuse_disagreement(table: Table, g: str, r: str, g_uS: Floats, r_ohm: Floats) -> None:
    """ProfileError where a conductance is not 1 / resistance of its own row, both in uS and ohm."""
    ratio = g_uS * r_ohm / 1e6
    bad = np.flatnonzero(np.abs(ratio - 1) > AGREE)
    if bad.size:
        row = int(bad[0])
        many = "every row" if len(bad) == len(table) else f"{len(bad):,} of {len(table):,} rows"
        table.refuse(row, g, f"{table.given(row, g)} {table.units[g]} is {ratio[row]:.3g} times "
                             f"1/{table.given(row, r)} {table.units[r]} ({r!r}), expected once "
                             f"(in {many}): mixed units?")


def refuse_mixed_units(table: Table, column: str, g_uS: Floats, level: Integers) -> None:
    """ProfileError where conductances cannot all be in the unit that was told.

    Judged against the medians of the levels, as cells of one array lie decades apart: too high against the highest
    level, or a clump three or six decades below its own level with nothing in between. A few readings too low
    are not told from cells that failed; a resistance beside them tells (`refuse_disagreement`).
    """
    _, index = np.unique(level, return_inverse=True)
    order = np.lexsort((g_uS, index))
    counts = np.bincount(index)
    median = g_uS[order[np.cumsum(counts) - counts + counts // 2]]
    highest = float(median.max())
    if not HIGHEST_LEVEL_uS[0] <= highest <= HIGHEST_LEVEL_uS[1]:
        raise ProfileError(f"{table.path}, column {column!r}: the highest level's median is {highest:.3g} uS in the "
                           f"unit told ({table.units[column]}), expected {HIGHEST_LEVEL_uS[0]:g} to "
                           f"{HIGHEST_LEVEL_uS[1]:g} uS: another unit?")
    decades = np.log10(g_uS / median[index])
    far = g_uS > FAR * highest
    for n in _DECADES:
        clump = np.abs(decades + n) < 0.5
        between = (decades < -n / 2 + 0.5) & (decades > -n + 0.5)
        if clump.sum() >= STRAY * (1 + between.sum()):
            far |= clump
    if far.any():
        row = int(np.argmax(far))
        table.refuse(row, column, f"{table.given(row, column)} {table.units[column]} is {10 ** decades[row]:.3g} times "
                                  f"the median of its level ({int(far.sum()):,} of {len(table):,} rows are so far "
                                  "off): mixed units?")


def refuse_falling_times(table: Table, column: str, cell: Integers, temperature: Floats | None) -> None:
    """ProfileError where a row of a cell (in one bake, at one temperature) stands after a row of a later time."""
    time = table.numbers(column)
    heat = np.zeros(len(time)) if temperature is None else temperature
    order = np.lexsort((np.arange(len(time)), heat, cell))
    same = (cell[order][1:] == cell[order][:-1]) & (heat[order][1:] == heat[order][:-1])
    falls = order[1:][same & (time[order][1:] < time[order][:-1])]
    if falls.size:
        row = int(falls.min())
        before = int(order[np.flatnonzero(order == row)[0] - 1])
        table.refuse(row, column, f"{table.given(row, column)} is not >= {table.given(before, column)}, the time of "
                                  f"the row of cell {cell[row]} before it (line "
                                  f"{table.lines.number[before + table.skipped]})")
