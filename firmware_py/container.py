"""Reader of the safetensors container, memory-mapped, for untrusted files: every length and offset is checked.

Format: 8-byte little-endian header length, JSON header {name: {dtype, shape, data_offsets}, "__metadata__": {str: str}},
then the raw data (https://huggingface.co/docs/safetensors). The board does not need the library for it.
"""

from __future__ import annotations

import json
import mmap
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from firmware_py.errors import RramError

MAX_HEADER = 8 << 20  # bytes; a bundle's header is a few kilobytes
DTYPES = {"U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4", "F32": "<f4", "F64": "<f8", "I64": "<i8"}


def read_container(path: Path) -> tuple[dict[str, str], dict[str, np.ndarray[Any, Any]], dict[str, str]]:
    """Read (metadata, tensors as read-only views of the mapped file, dtype codes); RramError if anything is out of place."""
    try:
        with open(path, "rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError:
        raise RramError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise RramError(f"{path}: is a folder, expected a bundle file (.rram.safetensors)") from None
    except ValueError:  # mmap of an empty file
        raise RramError(f"{path}: the file is empty, expected a bundle") from None
    header, start = _header(path, data)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise RramError(f"{path}: __metadata__: expected an object of strings")
    tensors, codes, end = {}, {}, 0
    for name, entry in sorted(header.items(), key=_offset):
        tensors[name], codes[name], end = _tensor(path, data, start, name, entry, end)
    if start + end != len(data):
        raise RramError(f"{path}: the file has {len(data)} bytes, its header describes {start + end} (truncated or padded)")
    return metadata, tensors, codes


def _header(path: Path, data: mmap.mmap) -> tuple[dict[str, Any], int]:
    size = int.from_bytes(data[:8], "little")
    if len(data) < 10 or size > min(MAX_HEADER, len(data) - 8):
        raise RramError(f"{path}: header length {size} does not fit a file of {len(data)} bytes (not a bundle, or truncated)")
    try:
        header = json.loads(data[8 : 8 + size].decode("utf-8"))
    except (ValueError, RecursionError):
        raise RramError(f"{path}: the header is not valid JSON (not a bundle, or damaged)") from None
    if not isinstance(header, dict):
        raise RramError(f"{path}: the header is {type(header).__name__}, expected a JSON object")
    return header, 8 + size


def _offset(item: tuple[str, Any]) -> tuple[int, int]:
    try:
        low, high = item[1]["data_offsets"]
        return int(low), int(high)
    except (TypeError, KeyError, ValueError, OverflowError):
        return -1, -1  # refused by _tensor with the name of the key


def _tensor(
    path: Path, data: mmap.mmap, start: int, name: str, entry: Any, end: int
) -> tuple[np.ndarray[Any, Any], str, int]:
    """One tensor as a view; `end` is where the previous one ended: data must be contiguous and in range."""
    try:
        code, shape, (low, high) = entry["dtype"], entry["shape"], entry["data_offsets"]
        numbers = [*shape, low, high]
    except (TypeError, KeyError, ValueError):
        raise RramError(f"{path}: {name}: expected dtype, shape and data_offsets in the header") from None
    if code not in DTYPES:
        raise RramError(f"{path}: {name}: dtype {code!r} is not one of {', '.join(DTYPES)}")
    if not all(type(n) is int and 0 <= n <= len(data) for n in numbers) or len(shape) > 8:
        raise RramError(f"{path}: {name}: shape {shape} or offsets [{low}, {high}] out of range")
    dtype = np.dtype(DTYPES[code])
    if low != end or high - low != prod(shape) * dtype.itemsize or start + high > len(data):
        raise RramError(
            f"{path}: {name}: bytes {low}..{high} given, expected {end}..{end + prod(shape) * dtype.itemsize}"
            f" for {code}{shape} in a file of {len(data)} bytes"
        )
    view = np.frombuffer(data, dtype, prod(shape), start + low).reshape(shape)
    return view, code, high
