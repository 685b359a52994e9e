"""From the columns of one table to the readings of cells: conductance in uS, target level, time, temperature."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from device_models.errors import ProfileError
from device_models.measured.cells import MeasuredCells
from device_models.measured.plausible import (
    refuse_disagreement,
    refuse_falling_times,
    refuse_mixed_units,
    refuse_not_positive,
)
from device_models.measured.roles import Mapping, find_clock, find_role
from device_models.measured.table import Table
from device_models.measured.target import Target
from device_models.measured.units import UNITS

MAX_LEVELS = 256  # of a profile

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def readings(table: Table, told: Mapping, target: Target | None) -> MeasuredCells:
    """The readings of one table, rows in its order; ProfileError at what cannot be a measurement."""
    names, where = list(table.columns), str(table.path)
    cell_column = find_role("cell", names, told, where)
    if cell_column is None:
        raise ProfileError(f"{where}: no column says the cell, expected one named cell, addr, address or id, or a "
                           f"mapping file; given {', '.join(names)}")
    cell = table.whole(cell_column)
    column, g_uS = conductance(table, told)
    heat_column = find_role("temperature", names, told, where)
    heat = None if heat_column is None else table.quantity(heat_column, "temperature")
    clock = find_clock(names, where) if told.time is None else told.time.column
    if clock is not None:
        refuse_falling_times(table, clock, cell, heat)
    level = target_level(table, told, target)
    refuse_mixed_units(table, column, g_uS, level)
    return MeasuredCells(where, cell, level, _time(table, told), g_uS, heat, (table.said,))


def conductance(table: Table, told: Mapping) -> tuple[str, Floats]:
    """Conductances in uS and the column that they come from: g, or 1 / r; where both have units, both must agree."""
    names, where = list(table.columns), str(table.path)
    g, r = find_role("g", names, told, where), find_role("r", names, told, where)
    if g is None and r is None:
        raise ProfileError(f"{where}: no column says the conductance, expected one named g, conductance, r or "
                           f"resistance, or a mapping file; given {', '.join(names)}")
    r_ohm = None
    if r is not None and (g is None or r in table.units):
        r_ohm = table.quantity(r, "resistance")
        refuse_not_positive(table, r, r_ohm)
    if g is None:
        assert r is not None and r_ohm is not None
        return r, 1e6 / r_ohm
    g_uS = table.quantity(g, "conductance")
    refuse_not_positive(table, g, g_uS)
    if r is not None and r_ohm is not None:
        refuse_disagreement(table, g, r, g_uS, r_ohm)
    return g, g_uS


def target_level(table: Table, told: Mapping, target: Target | None) -> Integers:
    """Index of the target level of every row: the expression, or the column that says it."""
    if target is not None:
        return _evaluated(table, target)
    column = find_role("level", list(table.columns), told, str(table.path))
    if column is None:
        raise ProfileError(f"{table.path}: nothing says the target level, expected a column named level, target or "
                           f"state, or an expression such as --target 'addr % 32'; given {', '.join(table.columns)}")
    if table.units.get(column) in UNITS["conductance"]:  # target conductances: their ranks are the levels
        values = table.quantity(column, "conductance")
        return np.unique(values, return_inverse=True)[1].astype(np.int64)
    level = table.whole(column)
    if level.min() < 0:
        row = int(np.argmax(level < 0))
        table.refuse(row, column, f"{table.given(row, column)} is not >= 0, the index of a level")
    return level


def _evaluated(table: Table, target: Target) -> Integers:
    unknown = [name for name in target.names if name not in table.columns]
    if unknown:
        raise ProfileError(f"{table.path}: target {target.text!r}: no column {unknown[0]!r}, expected one of "
                           f"{', '.join(table.columns)}")
    value = np.broadcast_to(target.evaluate({name: table.numbers(name) for name in target.names}), len(table))
    bad = np.flatnonzero(~((value == np.rint(value)) & (value >= 0) & (value < 2**31)))
    if bad.size:
        row = int(bad[0])
        inputs = ", ".join(f"{name} = {table.given(row, name)}" for name in target.names)
        raise ProfileError(f"{table.path}, line {table.lines.number[row + table.skipped]}: target {target.text!r} is "
                           f"{value[row]:g}{' for ' if inputs else ''}{inputs}, expected a whole number >= 0")
    return value.astype(np.int64)


def _time(table: Table, told: Mapping) -> Floats:
    """Nominal times in s; without a column for them every row was read right after programming."""
    column = find_role("time", list(table.columns), told, str(table.path))
    if column is None:
        return np.zeros(len(table))
    time_s = table.quantity(column, "time")
    if time_s.min() < 0:
        row = int(np.argmax(time_s < 0))
        table.refuse(row, column, f"{table.given(row, column)} is not >= 0, a time since programming")
    return time_s
