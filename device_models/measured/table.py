"""A table of numbers from a text file: its columns by name with the unit that was told, its rows with their lines."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from device_models.errors import ProfileError
from device_models.measured.lines import DELIMITERS, Lines, find_lines, parse_number
from device_models.measured.text import read_text
from device_models.measured.units import Quantity, known, plain, scale_of, split_unit


@dataclass(frozen=True)
class Table:
    """The rows of one file. `columns`: name without unit -> values as they stand, numbers or (object) text, [n]."""

    path: Path
    lines: Lines
    skipped: int  # rows before the first row of data: the header
    columns: dict[str, npt.NDArray[Any]]
    units: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.lines.number) - self.skipped

    @property
    def said(self) -> str:
        """What was recognised, for a person."""
        names = (name + (f" [{self.units[name]}]" if name in self.units else "") for name in self.columns)
        return f"{self.path}: {len(self):,} rows, {DELIMITERS[self.lines.delimiter]}-separated: {', '.join(names)}"

    def refuse(self, row: int, column: str, problem: str) -> NoReturn:
        """ProfileError about one value: file, line, column, and what is given and expected."""
        raise ProfileError(f"{self.path}, line {self.lines.number[row + self.skipped]}, column {column!r}: {problem}")

    def given(self, row: int, column: str) -> str:
        """A value as it stands in the file, shortened."""
        text = self.lines.fields(row + self.skipped)[list(self.columns).index(column)]
        return repr(text if len(text) <= 30 else text[:27] + "...")

    def numbers(self, column: str) -> npt.NDArray[np.float64]:
        """A column as finite float64; ProfileError at the first value that is none."""
        values = self._raw(column)
        if values.dtype.kind in "OUSb":
            values = self._parsed(column, values)
        numbers = values.astype(np.float64)
        bad = np.flatnonzero(~np.isfinite(numbers))
        if bad.size:
            self.refuse(int(bad[0]), column, f"{self.given(int(bad[0]), column)} is not a finite number")
        return numbers

    def whole(self, column: str) -> npt.NDArray[np.int64]:
        """A column of whole numbers, int64; ProfileError at the first that is none."""
        numbers = self.numbers(column)
        bad = np.flatnonzero((numbers != np.rint(numbers)) | (np.abs(numbers) >= 2**53))
        if bad.size:
            self.refuse(int(bad[0]), column, f"{self.given(int(bad[0]), column)} is not a whole number below 2^53")
        return numbers.astype(np.int64)

    def quantity(self, column: str, quantity: Quantity) -> npt.NDArray[np.float64]:
        """A column in uS, ohm, s or C; ProfileError where its unit was not told."""
        unit = self.units.get(column)
        if unit is None:
            example = known(quantity).split(",")[0]
            raise ProfileError(f"{self.path}, column {column!r}: no unit is told for this {quantity}, expected "
                               f"'{column}_{example}' as its name or --unit {column}={example} ({known(quantity)})")
        scale = scale_of(unit, quantity)
        if scale is None:
            raise ProfileError(f"{self.path}, column {column!r}: {unit!r} is not a unit of {quantity} "
                               f"({known(quantity)})")
        return self.numbers(column) * scale[0] + scale[1]

    def _raw(self, column: str) -> npt.NDArray[Any]:
        if column not in self.columns:
            raise ProfileError(f"{self.path}: no column {column!r}, expected one of {', '.join(self.columns)}")
        return self.columns[column]

    def _parsed(self, column: str, values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Text as numbers, one by one: slow, but for the first that is none."""
        numbers = np.empty(len(values))
        for row, value in enumerate(values):
            number = parse_number(str(value))
            if number is None:
                hint = ": a decimal comma? expected a point" if str(value).count(",") == 1 else ""
                self.refuse(row, column, f"{self.given(row, column)} is not a number{hint}")
            numbers[row] = number
        return numbers


def read_table(
    path: Path, names: Sequence[str] | None = None, units: Mapping[str, str] | None = None
) -> Table:
    """The table in a file: CSV or TSV (tab, comma, semicolon), plain or gzip, one header line unless `names` are given.

    `units`: name of a column -> its unit, where the header tells none. ProfileError: what cannot be read, and where.
    """
    lines = find_lines(path, read_text(path), None if names is None else len(names))
    header, skipped = _header(path, lines, names)
    if len(lines.number) == skipped:
        raise ProfileError(f"{path}, line {lines.number[0]}: only a header, expected rows of numbers after it")
    split = [split_unit(name) for name in header]
    bare = [name for name, _ in split]
    for name in bare:
        if not name or bare.count(name) > 1:
            raise ProfileError(f"{path}: column {name!r} {'is given twice' if name else 'has no name'}, "
                               f"expected different names, given {', '.join(header)}")
    found = {name: unit for name, unit in split if unit is not None}
    table = Table(path, lines, skipped, _values(path, lines, skipped, bare), found)
    for name, unit in _told(units or {}, dict(zip(header, bare, strict=True)), table).items():
        table.units[name] = unit
    return table


def _header(path: Path, lines: Lines, names: Sequence[str] | None) -> tuple[list[str], int]:
    """The names of the columns, and how many rows they take."""
    first = lines.fields(0)
    numbers = sum(parse_number(field) is not None for field in first)
    where = f"{path}, line {lines.number[0]}"
    for name in first:
        if not name.isprintable():  # what a terminal would obey
            raise ProfileError(f"{where}: {name[:30]!r} is not printable text, expected a name or a number")
    if names is None:
        if numbers:
            raise ProfileError(f"{where}: no header line ({len(first)} columns), expected one, or --columns with "
                               f"{len(first)} names")
        return first, 1
    if len(names) != len(first):
        raise ProfileError(f"{where}: {len(first)} column(s), but --columns has {len(names)} ({', '.join(names)})")
    if not numbers:
        raise ProfileError(f"{where}: a header ({', '.join(first)}), but --columns is for files without one")
    return [name.strip() for name in names], 0


def _told(units: Mapping[str, str], bare: Mapping[str, str], table: Table) -> dict[str, str]:
    """The units that the caller told, by bare name; never against what the header says."""
    told: dict[str, str] = {}
    for key, unit in units.items():
        name = bare.get(key, key)
        if name not in table.columns:
            raise ProfileError(f"{table.path}: unit of {key!r}: no such column, expected one of "
                               f"{', '.join(table.columns)}")
        if table.units.get(name, plain(unit)) != plain(unit):
            raise ProfileError(f"{table.path}, column {name!r}: its name says {table.units[name]}, but the unit told "
                               f"is {unit}")
        told[name] = plain(unit)
    return told


def _values(path: Path, lines: Lines, skipped: int, names: list[str]) -> dict[str, npt.NDArray[Any]]:
    """The columns by pandas' C parser; columns with anything but numbers come as text."""
    import pandas as pd

    exact = {} if int(pd.__version__.split(".")[0]) >= 3 else {"float_precision": "round_trip"}  # 3 is exact without
    try:
        frame = pd.read_csv(io.BytesIO(lines.body(skipped)), sep=lines.delimiter, header=None, names=names,
                            index_col=False, skipinitialspace=True, keep_default_na=False, na_values=[],
                            low_memory=False, **exact)
    except (ValueError, OverflowError) as error:  # pandas' ParserError is a ValueError
        raise ProfileError(f"{path}: not a table: {str(error).splitlines()[0]}") from None
    if len(frame) != len(lines.number) - skipped:
        raise ProfileError(f"{path}: {len(frame):,} rows of fields in {len(lines.number) - skipped:,} lines, expected "
                           "as many")
    return {name: frame[name].to_numpy() for name in names}
