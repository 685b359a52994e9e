"""Reader of the safetensors container, memory-mapped, for untrusted files: every length and offset is checked.

Format: 8-byte little-endian header length, JSON header {name: {dtype, shape, data_offsets}, "__metadata__": {str:
str}}, then the raw data (https://huggingface.co/docs/safetensors). The board does not need the library for it.
"""

from __future__ import annotations

import json
import mmap
from math import prod
from pathlib import Path
from reprlib import repr as shorten  # what a file says may be megabytes long
from typing import Any

import numpy as np
import numpy.typing as npt

from firmware_py.errors import RramError

MAX_HEADER = 2 << 20  # bytes; a bundle's header is a few kilobytes, with a measured profile a tenth of a megabyte
MAX_DEPTH = 24  # lists and objects within each other; what is deeper meets Python's limit in one place or another
DTYPES = {
    "U8": "u1", "U16": "<u2", "U32": "<u4", "I8": "i1", "I16": "<i2", "I32": "<i4", "I64": "<i8",
    "F32": "<f4", "F64": "<f8",
}  # fmt: skip

Tensors = dict[str, npt.NDArray[Any]]


def read_container(path: Path) -> tuple[dict[str, str], Tensors, dict[str, str]]:
    """Read (metadata, tensors as read-only views of the mapped file, dtype codes); RramError if anything is amiss."""
    data = _map(path)
    header, start = _header(path, data)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise RramError(f"{path}: __metadata__: expected an object of strings")
    tensors, codes, end = {}, {}, 0
    for name, entry in sorted(header.items(), key=_offset):
        tensors[name], codes[name], end = _tensor(path, data, start, name, entry, end)
    if start + end != len(data):
        given = f"the file has {len(data)} bytes, its header describes {start + end}"
        raise RramError(f"{path}: {given} (truncated or padded)")
    return metadata, tensors, codes


def _map(path: Path) -> mmap.mmap:
    try:
        with open(path, "rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError:
        raise RramError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise RramError(f"{path}: is a folder, expected a bundle file (.rram.safetensors)") from None
    except OSError as error:
        raise RramError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError:  # mmap of an empty file
        raise RramError(f"{path}: the file is empty, expected a bundle") from None


def _header(path: Path, data: mmap.mmap) -> tuple[dict[str, Any], int]:
    size = int.from_bytes(data[:8], "little")
    if len(data) < 10 or size > min(MAX_HEADER, len(data) - 8):
        given = f"header length {size} does not fit a file of {len(data)} bytes"
        raise RramError(f"{path}: {given} (not a bundle, or truncated)")
    try:
        header = parse_json(data[8 : 8 + size].decode("utf-8"))
    except ValueError:
        raise RramError(f"{path}: the header is not valid JSON (not a bundle, or damaged)") from None
    if not isinstance(header, dict):
        raise RramError(f"{path}: the header is {type(header).__name__}, expected a JSON object")
    return header, 8 + size


def parse_json(text: str) -> Any:
    """A JSON document; ValueError if it is none, goes deeper than MAX_DEPTH, has a key twice, or text that is no
    Unicode (half of a surrogate pair, which nothing could print).
    """
    try:
        document = json.loads(text, object_pairs_hook=_unique)
    except RecursionError:
        raise ValueError("too deep") from None
    level = [document]
    for _ in range(MAX_DEPTH + 1):
        for value in level:
            if isinstance(value, str):
                value.encode()
        level = [inner for value in level if isinstance(value, (dict, list)) for inner in _inside(value)]
        if not level:
            return document
    raise ValueError("too deep")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice")
    return found


def _inside(value: dict[str, Any] | list[Any]) -> list[Any]:
    return value if isinstance(value, list) else [*value.keys(), *value.values()]


def _offset(item: tuple[str, Any]) -> tuple[int, int]:
    try:
        low, high = item[1]["data_offsets"]
        return int(low), int(high)
    except (TypeError, KeyError, ValueError, OverflowError):
        return -1, -1  # refused by _tensor with the name of the key


def _tensor(
    path: Path, data: mmap.mmap, start: int, name: str, entry: Any, end: int
) -> tuple[npt.NDArray[Any], str, int]:
    """One tensor as a view; `end` is where the previous one ended: data must be contiguous and in range."""
    if not name.isprintable() or len(name) > 256:
        raise RramError(f"{path}: tensor {shorten(name)}: expected a name of at most 256 printable characters")
    try:
        code, shape, (low, high) = entry["dtype"], entry["shape"], entry["data_offsets"]
    except (TypeError, KeyError, ValueError):
        raise RramError(f"{path}: {name}: expected dtype, shape and data_offsets in the header") from None
    if not isinstance(code, str) or code not in DTYPES:
        raise RramError(f"{path}: {name}: dtype {shorten(code)} is not one of {', '.join(DTYPES)}")
    if not isinstance(shape, list) or len(shape) > 8 or not all(_within(n, len(data)) for n in [*shape, low, high]):
        given = f"shape {shorten(shape)} or offsets [{shorten(low)}, {shorten(high)}]"
        raise RramError(f"{path}: {name}: {given} out of range, expected whole numbers up to {len(data)}")
    dtype = np.dtype(DTYPES[code])
    size = prod(shape) * dtype.itemsize
    if low != end or high - low != size or start + high > len(data):
        expected = f"expected {end}..{end + size} for {code}{shape} in a file of {len(data)} bytes"
        raise RramError(f"{path}: {name}: bytes {low}..{high} given, {expected}")
    if size == 0 and prod(n for n in shape if n) > 2**31:  # NumPy multiplies the others and overflows
        raise RramError(f"{path}: {name}: shape {shape} out of range")
    return np.frombuffer(data, dtype, prod(shape), start + low).reshape(shape), code, high


def _within(number: Any, most: int) -> bool:
    return type(number) is int and 0 <= number <= most
