"""IDX files, the format of MNIST: a big-endian header (type, dimensions), then the data; plain or gzip."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from host_tools.errors import HostError

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: Path) -> NDArray[Any]:
    """The array of an IDX file. HostError: not IDX, a broken gzip stream, or not as long as its header says."""
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise HostError(f"{path}: broken gzip stream, expected a whole IDX file ({error})") from None
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in TYPES:
        raise HostError(
            f"{path}: not an IDX file: starts with {data[:4].hex() or 'nothing'}, expected 0000, a type and a rank"
        )
    rank, dtype = data[3], np.dtype(TYPES[data[2]])
    start = 4 + 4 * rank
    if len(data) < start:
        raise HostError(f"{path}: truncated IDX header: {len(data)} bytes, expected at least {start}")
    shape = struct.unpack(f">{rank}I", data[4:start])
    expected = start + int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if len(data) != expected:
        raise HostError(f"{path}: {len(data)} bytes, expected {expected} for an IDX array of shape {shape}")
    array = np.frombuffer(data, dtype, offset=start).reshape(shape)
    return array.astype(dtype.newbyteorder("="))


def find_idx(folder: Path) -> dict[str, Path]:
    """The four MNIST-like files of `folder` by role (x_train, y_train, x_test, y_test), as far as they are there."""
    found: dict[str, Path] = {}
    for part, prefixes in (("train", ("train",)), ("test", ("t10k", "test"))):
        for letter, kind in (("x", "images"), ("y", "labels")):
            names = [
                f"{p}-{kind}{dot}idx{rank}-ubyte{gz}"
                for p in prefixes
                for dot in "-."
                for rank in (1, 3, 4)
                for gz in (".gz", "")
            ]
            hit = next((folder / n for n in names if (folder / n).is_file()), None)
            if hit is not None:
                found[f"{letter}_{part}"] = hit
    return found
