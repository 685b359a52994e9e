"""The lines of a table before any number is read: which hold rows, what separates their fields, that none is ragged."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from device_models.errors import ProfileError

DELIMITERS = {"\t": "tab", ",": "comma", ";": "semicolon"}
MAX_ROWS = 50_000_000
MAX_FIELDS = 1000

_NEWLINE, _COMMENT, _BLANK = ord("\n"), ord("#"), b" \t"


@dataclass(frozen=True)
class Lines:
    """The rows of a text; `number[i]` is the line in the file of row i (from 1), blank lines and '#' lines left out."""

    text: bytes
    delimiter: str
    number: npt.NDArray[np.int64]
    n_fields: int

    def fields(self, row: int) -> list[str]:
        """The fields of one row, as text without spaces around them."""
        line = int(self.number[row])
        return split_line(self.text.split(b"\n", line)[line - 1].decode(), self.delimiter)

    def body(self, skipped: int) -> bytes:
        """The text of the rows from `skipped` on, and of nothing else."""
        first = int(self.number[skipped])
        rest = self.text.split(b"\n", first - 1)[-1]
        if len(self.number) - skipped == self.number[-1] - first + 1:  # no line to leave out in between
            return rest
        lines = rest.split(b"\n")
        return b"\n".join(lines[number] for number in (self.number[skipped:] - first).tolist())


def split_line(line: str, delimiter: str) -> list[str]:
    """The fields of one line, quotes and spaces around them taken off."""
    try:
        return [field.strip() for field in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])]
    except csv.Error:
        return [field.strip() for field in line.split(delimiter)]


def parse_number(text: str) -> float | None:
    """The number that a field holds (nan and inf too), or None where it is none; Python's 1_000 is none."""
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def find_lines(path: Path, text: bytes, columns: int | None = None, max_fields: int = MAX_FIELDS) -> Lines:
    """The rows of `text`; ProfileError for too many, for no delimiter, or where one has other fields than the first.

    `columns`: the number of fields that the caller has names for.
    """
    start, end = _ends(text)
    used = _used(text, start, end)
    if not used.any():
        raise ProfileError(f"{path}: only blank lines and comments, expected a table")
    if used.sum() > MAX_ROWS:
        raise ProfileError(f"{path}: {used.sum():,} rows, expected at most {MAX_ROWS:,}")
    number = np.flatnonzero(used) + 1
    first = text[start[used][0]:end[used][0]].decode()
    delimiter = _delimiter(path, first, int(number[0]), columns)
    n_fields = len(split_line(first, delimiter))
    if n_fields > max_fields:
        raise ProfileError(f"{path}, line {number[0]}: {n_fields:,} columns, expected at most {max_fields:,}")
    _refuse_open_quotes(path, text, number)
    counts = _counts(text, start[used], end[used], delimiter)
    ragged = np.flatnonzero(counts != n_fields)
    if ragged.size:
        row = int(ragged[0])
        raise ProfileError(f"{path}, line {number[row]}: {counts[row]} field(s), expected {n_fields} as in line "
                           f"{number[0]} ({DELIMITERS[delimiter]}-separated)")
    return Lines(text, delimiter, number, n_fields)


def _ends(text: bytes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """First byte of every line, and the byte after its last."""
    newline = np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == _NEWLINE)
    end = newline if text.endswith(b"\n") else np.append(newline, len(text))
    return np.concatenate([[0], end[:-1] + 1]), end


def _used(
    text: bytes, start: npt.NDArray[np.int64], end: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Which lines are neither blank nor comments."""
    first = np.frombuffer(text + b"\n", dtype=np.uint8)[start]
    used: npt.NDArray[np.bool_] = (first != _COMMENT) & (start != end)
    for line in np.flatnonzero(used & np.isin(first, list(_BLANK))):  # few: lines that begin with white space
        used[line] = bool(text[start[line]:end[line]].strip())
    return used


def _delimiter(path: Path, line: str, number: int, columns: int | None) -> str:
    """The one that gives the number of columns that was told, or else the most fields."""
    counts = {mark: len(split_line(line, mark)) for mark in DELIMITERS}
    best = max(counts, key=lambda mark: (counts[mark] == columns and counts[mark] > 1, counts[mark]))
    if counts[best] == 1:
        raise ProfileError(f"{path}, line {number}: one field, expected several, separated by tab, comma or semicolon; "
                           f"the line begins {line[:30]!r}")
    return best


def _refuse_open_quotes(path: Path, text: bytes, number: npt.NDArray[np.int64]) -> None:
    if b'"' not in text:
        return
    lines = text.split(b"\n")
    for line in number.tolist():
        if lines[line - 1].count(b'"') % 2:
            raise ProfileError(f"{path}, line {line}: a quotation mark without its end, expected both in one line")


def _counts(
    text: bytes, start: npt.NDArray[np.int64], end: npt.NDArray[np.int64], delimiter: str
) -> npt.NDArray[np.int64]:
    """Number of fields of every line."""
    if b'"' in text:
        rows = (text[a:b].decode() for a, b in zip(start, end, strict=True))
        return np.array([len(split_line(row, delimiter)) for row in rows])
    marks = np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == ord(delimiter))
    counts: npt.NDArray[np.int64] = np.searchsorted(marks, end) - np.searchsorted(marks, start) + 1
    return counts
