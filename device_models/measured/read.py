"""Measured cells from files: one reading of one cell a row.

    read_cells([Path("relaxdata.tsv.gz")], columns=["addr", "time_s", "r_ohm", "g_S"], target="addr % 32")
"""

from __future__ import annotations

from collections.abc import Mapping as Dict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from device_models.errors import ProfileError
from device_models.measured.cells import MeasuredCells
from device_models.measured.roles import Mapping
from device_models.measured.rows import MAX_LEVELS, readings
from device_models.measured.table import read_table
from device_models.measured.target import parse_target


def read_cells(
    files: Sequence[Path], *, columns: Sequence[str] | None = None, mapping: Path | None = None,
    target: str | None = None, units: Dict[str, str] | None = None, min_levels: int = 2,
) -> MeasuredCells:
    """The readings in the files, joined: cell, target level, nominal time in s, conductance in uS, temperature in C.

    `columns`: names where the files have no header line; `mapping`: a file that says which column is what;
    `target`: an expression over the columns (`parse_target`), else a column says the level; `units`: column -> unit.
    What the caller says goes before the mapping. ProfileError names file, line and column.
    """
    told = Mapping() if mapping is None else Mapping.load(mapping)
    if not files:
        raise ProfileError("no file is given, expected at least one table of measured cells")
    if len({path.resolve() for path in files}) < len(files):
        raise ProfileError(f"one file is given twice: {', '.join(map(str, files))}")
    expression = target if target is not None else told.target
    parsed = None if expression is None else parse_target(expression)
    names = columns if columns is not None else told.columns
    all_units = {**told.units(), **(units or {})}
    joined = _join([readings(read_table(path, names, all_units), told, parsed) for path in files])
    _refuse_levels(joined, min_levels)
    return joined


def read_bakes(
    files: Sequence[Path], *, columns: Sequence[str] | None = None, mapping: Path | None = None,
    target: str | None = None, units: Dict[str, str] | None = None,
) -> MeasuredCells:
    """The same from bakes, where a column says the temperature: a cell has rows before (time 0) and after each bake."""
    cells = read_cells(files, columns=columns, mapping=mapping, target=target, units=units)
    if cells.temperature_C is None:
        raise ProfileError(f"{cells.source}: no column says the temperature of the bakes, expected one named "
                           "temperature or temp, or a mapping file")
    return cells


def _join(parts: list[MeasuredCells]) -> MeasuredCells:
    """The rows of all files, in their order."""
    if len(parts) == 1:
        return parts[0]
    heat = [part.temperature_C for part in parts]
    for part, temperature in zip(parts, heat, strict=True):
        if (temperature is None) != (heat[0] is None):
            raise ProfileError(f"{part.source}: {'no' if temperature is None else 'a'} temperature column, expected as "
                               f"in {parts[0].source}")
    return MeasuredCells(
        ", ".join(part.source for part in parts),
        np.concatenate([part.cell for part in parts]), np.concatenate([part.level for part in parts]),
        np.concatenate([part.time_s for part in parts]), np.concatenate([part.g_uS for part in parts]),
        None if heat[0] is None else np.concatenate([values for values in heat if values is not None]),
        tuple(line for part in parts for line in part.said),
    )


def _refuse_levels(cells: MeasuredCells, least: int) -> None:
    n = len(np.unique(cells.level))
    if n < least:
        raise ProfileError(f"{cells.source}: one target level only ({cells.level[0]}), expected 2 to {MAX_LEVELS}")
    if n > MAX_LEVELS:
        raise ProfileError(f"{cells.source}: {n:,} target levels, expected 2 to {MAX_LEVELS}: an expression such as "
                           "--target 'addr % 32' may be meant")
