"""Read-noise series: many readings of one cell at a fixed rate.

    read_series([Path("tsdata.tsv.gz")], rate_Hz=400, unit="S")

Two layouts. Wide: a row is a series, its fields the target level, the cell, then the samples; no header line. Long: a
table with columns for cell, level (or a target expression), conductance and time.
"""

from __future__ import annotations

from collections.abc import Mapping as Dict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from device_models.errors import ProfileError
from device_models.measured.cells import MeasuredCells
from device_models.measured.lines import MAX_FIELDS, Lines, find_lines, parse_number
from device_models.measured.read import read_cells
from device_models.measured.roles import Mapping
from device_models.measured.text import read_text
from device_models.measured.units import known, scale_of

MAX_SAMPLES = 10_000_000  # of one series
UNEVEN = 0.01  # a step between samples may differ by this share from the mean step, at most


@dataclass(frozen=True)
class Series:
    """Readings of one cell: `g_uS` [n] at `rate_Hz`; `level` is the index of its target level."""

    source: str
    level: int
    cell: int
    rate_Hz: float
    g_uS: npt.NDArray[np.float64]


def read_series(
    path: Path, *, rate_Hz: float | None = None, unit: str | None = None, columns: Sequence[str] | None = None,
    mapping: Path | None = None, target: str | None = None, units: Dict[str, str] | None = None,
) -> tuple[Series, ...]:
    """The series in a file. Wide files need `rate_Hz` and `unit` (of the samples); the others are as in `read_cells`.

    A file is wide where it has more than 1000 fields in a row, or no header line while no `columns` are given.
    A long table takes its rate from the times where `rate_Hz` is not given. ProfileError: file, line, given, expected.
    """
    told = Mapping() if mapping is None else Mapping.load(mapping)
    rate = rate_Hz if rate_Hz is not None else told.rate_Hz
    if rate is not None and not 0 < rate < float("inf"):
        raise ProfileError(f"{path}: rate of {rate} Hz is not > 0")
    text = read_text(path)
    lines = find_lines(path, text, max_fields=MAX_SAMPLES)
    named = columns is not None or told.columns is not None
    if lines.n_fields > MAX_FIELDS or (not named and parse_number(lines.fields(0)[0]) is not None):
        return _wide(path, lines, rate, unit if unit is not None else (units or {}).get("g"))
    return _long(read_cells([path], columns=columns, mapping=mapping, target=target, units=units, min_levels=1), rate)


def _wide(path: Path, lines: Lines, rate_Hz: float | None, unit: str | None) -> tuple[Series, ...]:
    if rate_Hz is None:
        raise ProfileError(f"{path}: no rate is told, expected the samples per second, such as --rate 400")
    scale = None if unit is None else scale_of(unit, "conductance")
    if scale is None:
        given = "no unit is told for the samples" if unit is None else f"{unit!r} is no unit of conductance"
        raise ProfileError(f"{path}: {given}, expected --unit g=S (one of {known('conductance')})")
    series = []
    for row in range(len(lines.number)):
        where = f"{path}, line {lines.number[row]}"
        fields = lines.fields(row)
        level, cell = (_index(where, name, field) for name, field in zip(("level", "cell"), fields, strict=False))
        series.append(Series(str(path), level, cell, rate_Hz, _samples(where, fields[2:]) * scale[0]))
    return tuple(series)


def _index(where: str, name: str, field: str) -> int:
    number = parse_number(field)
    if number is None or not 0 <= number < 2**53 or number != int(number):
        raise ProfileError(f"{where}: {name} {field[:30]!r} is not a whole number >= 0")
    return int(number)


def _samples(where: str, fields: Sequence[str]) -> npt.NDArray[np.float64]:
    if len(fields) < 2:
        raise ProfileError(f"{where}: {len(fields)} sample(s), expected level, cell, and at least 2 samples")
    try:
        values = np.array(fields, dtype=np.float64)
    except ValueError:
        values = np.array([np.nan if (number := parse_number(field)) is None else number for field in fields])
    bad = np.flatnonzero(~((values > 0) & np.isfinite(values)))
    if bad.size:
        raise ProfileError(f"{where}, field {bad[0] + 3}: {fields[bad[0]][:30]!r} is not a conductance > 0")
    return values


def _long(cells: MeasuredCells, rate_Hz: float | None) -> tuple[Series, ...]:
    series = []
    order = np.argsort(cells.cell, kind="stable")
    for places in np.split(order, np.flatnonzero(np.diff(cells.cell[order])) + 1):
        rows, cell = cells.where(places), int(cells.cell[places[0]])
        levels = np.unique(rows.level)
        if len(levels) > 1:
            raise ProfileError(f"{cells.source}: cell {cell} has the target levels {levels[0]} and {levels[1]}, "
                               "expected one in a series")
        if len(rows) < 2:
            raise ProfileError(f"{cells.source}: cell {cell} has one reading, expected a series of at least 2")
        rate = rate_Hz if rate_Hz is not None else _rate(cells.source, cell, rows.time_s)
        series.append(Series(cells.source, int(levels[0]), cell, rate, rows.g_uS))
    return tuple(series)


def _rate(source: str, cell: int, time_s: npt.NDArray[np.float64]) -> float:
    """Samples per second from evenly spaced times."""
    steps = np.diff(time_s)
    mean = float(steps.mean())
    if mean <= 0 or np.abs(steps - mean).max() > UNEVEN * mean:
        raise ProfileError(f"{source}: the times of cell {cell} are {steps.min():g} to {steps.max():g} s apart, "
                           "expected even steps, or the rate to be told (--rate)")
    return 1 / mean
