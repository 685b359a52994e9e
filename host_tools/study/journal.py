"""The results file: one line of CSV a chip, written as soon as the chip is done, so that a study can go on after it.

Every line says all that made it: the columns before `seed` are the study's options and the point of its sweep, those
after it accuracies in per cent. What is in the file is never measured again, and never overwritten.
"""

from __future__ import annotations

import csv
import fcntl
import importlib.util
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from host_tools.errors import HostError

Key = tuple[str, ...]  # a chip: its point's values and its seed, as text


@dataclass(frozen=True)
class Layout:
    """Columns: `constants` (name to value) are the same on every line, `keys` say which chip, `values` what it reaches.

    The first of `keys` is the name of the bundle. option: what an error names.
    """

    constants: dict[str, str]
    keys: tuple[str, ...]
    values: tuple[str, ...]
    option: str = "--output"

    @property
    def header(self) -> list[str]:
        """All columns in order."""
        return [*self.constants, *self.keys, *self.values]


class Journal:
    """An open results file; `found` holds what was in it: chip to accuracies."""

    def __init__(self, path: Path, layout: Layout, handle: int) -> None:
        self.path, self.layout, self._handle = path, layout, handle
        self.name = f"{layout.option}: {path}"  # in an error
        text, whole = _read(path)
        rows = list(csv.reader(io.StringIO(text[:whole].decode("utf-8", "replace"), newline="")))
        if rows or not _line(layout.header).startswith(text):
            self._check_header(rows[0] if rows else [text.decode("utf-8", "replace")])
        self.found: dict[Key, dict[str, float]] = dict(self._take(i, row) for i, row in enumerate(rows[1:], start=2))
        if whole < len(text):
            os.ftruncate(handle, whole)  # a line that was being written when the power went
        if not rows:
            self._append(layout.header)

    def add(self, key: Key, values: Mapping[str, float]) -> None:
        """One chip more, on the disk before this returns. Names that it did not reach stay empty."""
        numbers = [repr(values[name]) if name in values else "" for name in self.layout.values]
        self._append([*self.layout.constants.values(), *key, *numbers])
        self.found[key] = dict(values)

    def count(self) -> int:
        """Chips in the file, as it is now."""
        return self.path.read_bytes().count(b"\n") - 1

    def _append(self, row: Sequence[str]) -> None:
        data = _line(row)
        if os.write(self._handle, data) != len(data):
            raise HostError(f"{self.name}: cannot be written (is the disk full?); run again to go on")
        os.fsync(self._handle)

    def _check_header(self, given: list[str]) -> None:
        if given != self.layout.header:
            other = sorted(set(given) ^ set(self.layout.header)) or ["their order"]
            raise HostError(f"{self.name}: made by another study (columns: {', '.join(other[:5])} differ); "
                            "give another file, it is not overwritten")

    def _take(self, number: int, row: list[str]) -> tuple[Key, dict[str, float]]:
        constants, keys = len(self.layout.constants), len(self.layout.keys)
        damaged = HostError(f"{self.name}: line {number} is damaged; take it out, its chip is done again")
        if len(row) != len(self.layout.header):
            raise damaged
        for (name, mine), given in zip(self.layout.constants.items(), row, strict=False):
            if mine != given:
                raise HostError(f"{self.name}: made with {name} {given or 'empty'}, now it is {mine}; "
                                "give another file, it is not overwritten")
        try:
            texts = zip(self.layout.values, row[constants + keys :], strict=True)
            return tuple(row[constants : constants + keys]), {name: float(text) for name, text in texts if text}
        except ValueError:
            raise damaged from None


@contextmanager
def open_journal(path: Path, layout: Layout) -> Iterator[Journal]:
    """The results file at `path`, made if it is not there; HostError for another study's, or one that is in use."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise HostError(f"{layout.option}: {path}: another study is writing it") from None
        yield Journal(path, layout, handle)
    finally:
        os.close(handle)


def _line(row: Sequence[str]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerow(row)
    return text.getvalue().encode()


def _read(path: Path) -> tuple[bytes, int]:
    """The file, and how much of it is whole lines."""
    data = path.read_bytes()
    return data, data.rfind(b"\n") + 1


def write_parquet(journal: Path, output: Path, layout: Layout, metadata: Mapping[str, Any]) -> None:
    """The journal's table as Parquet, whole or not at all; `metadata` goes beside it, under 'rram_study'."""
    refuse_without_parquet()
    import pyarrow
    import pyarrow.csv
    import pyarrow.parquet

    text = dict.fromkeys([*layout.constants, layout.keys[0]], pyarrow.string())
    types = text | dict.fromkeys(layout.values, pyarrow.float64())
    table = pyarrow.csv.read_csv(journal, convert_options=pyarrow.csv.ConvertOptions(column_types=types))
    table = table.replace_schema_metadata({"rram_study": json.dumps(metadata, sort_keys=True)})
    draft = output.with_name(f".{output.name}.part")
    pyarrow.parquet.write_table(table, draft)
    os.replace(draft, output)


def refuse_without_parquet() -> None:
    """HostError where pyarrow is not installed."""
    if importlib.util.find_spec("pyarrow") is None:
        raise HostError("--output: Parquet needs pyarrow (pip install 'rram-edge[parquet]'); .csv needs nothing")
