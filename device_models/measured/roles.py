"""Which column of a table is what: by common names, or by a small mapping file (JSON, TOML).

    {"cell": "addr", "g": {"column": "G1", "unit": "S"}, "time": "timept", "target": "addr % 32"}
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

from device_models.errors import ProfileError
from device_models.measured.text import read_text
from device_models.validation import Document, Positive, Text, check, parse

# Names in lower case, the first that a table has is taken; two of one rank (a set) are ambiguous.
ALIASES: dict[str, tuple[frozenset[str], ...]] = {
    "cell": (frozenset({"cell", "addr", "address", "id", "cell_id", "cell_index", "device"}),),
    "level": (frozenset({"level", "target", "state", "target_level"}),),
    "time": (frozenset({"timept", "time_point", "nominal_time"}), frozenset({"time", "t", "elapsed"})),
    "g": (frozenset({"g", "conductance"}),),
    "r": (frozenset({"r", "resistance"}),),
    "temperature": (frozenset({"temperature", "temp"}),),
}
CLOCK = (frozenset({"time", "t", "elapsed"}),)  # when a row was read, where the time above is a nominal one


def _bare_name(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


class Column(Document):
    """A column by its name, and its unit where the name tells none; a bare text is the name alone."""

    column: Text
    unit: Text | None = None


ColumnOf = Annotated[Column, BeforeValidator(_bare_name)]


class Mapping(Document):
    """A mapping file: `columns` names all columns of a file without header; `target` is an expression over them."""

    columns: tuple[Text, ...] | None = None
    cell: ColumnOf | None = None
    level: ColumnOf | None = None
    time: ColumnOf | None = None
    g: ColumnOf | None = None
    r: ColumnOf | None = None
    temperature: ColumnOf | None = None
    target: Text | None = None
    rate_Hz: Positive | None = None

    @classmethod
    def load(cls, path: Path) -> Mapping:
        """From a JSON or (Python 3.11 and later) TOML file; ProfileError names the file and the key."""
        text = read_text(path).decode()
        if path.suffix.lower() != ".toml":
            return parse(cls, text, f"mapping {path}")
        if sys.version_info < (3, 11):
            raise ProfileError(f"mapping {path}: TOML needs Python 3.11, expected JSON")
        import tomllib

        try:
            return check(cls, tomllib.loads(text), f"mapping {path}")
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise ProfileError(f"mapping {path}: not TOML: {error}") from None

    def units(self) -> dict[str, str]:
        """The units that the mapping tells: name of a column -> unit."""
        told = (self.cell, self.level, self.time, self.g, self.r, self.temperature)
        return {role.column: role.unit for role in told if role is not None and role.unit is not None}


def find_role(role: str, names: Sequence[str], mapping: Mapping, where: str) -> str | None:
    """The column of `names` that plays a role, by the mapping or by its name; None where none does."""
    told: Column | None = getattr(mapping, role)
    if told is not None:
        if told.column not in names:
            raise ProfileError(f"{where}: no column {told.column!r} (mapping, {role}), expected one of "
                               f"{', '.join(names)}")
        return told.column
    return _by_name(role, ALIASES[role], names, where)


def find_clock(names: Sequence[str], where: str) -> str | None:
    """The column that says when a row was read; None where none does."""
    return _by_name("time", CLOCK, names, where)


def _by_name(role: str, ranks: tuple[frozenset[str], ...], names: Sequence[str], where: str) -> str | None:
    for rank in ranks:
        found = [name for name in names if name.lower() in rank]
        if len(found) > 1:
            raise ProfileError(f"{where}: {' and '.join(map(repr, found))} could both be the {role}, expected one; "
                               f"a mapping file says which: {{\"{role}\": {{\"column\": \"{found[0]}\"}}}}")
        if found:
            return found[0]
    return None
