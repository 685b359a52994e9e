"""The SRAM state on disk: two slots with checksum and generation number, so that one of them is always whole.

A save replaces the older slot (temporary file, fsync, rename, fsync of the folder); the newer one is never touched.
All numbers are little endian:

    0   8  magic "RRAMSRAM"          32  8  chip seed
    8   4  format version            40 32  digest of the bundle (sha256)
    12  4  number of arrays          72 ..  per array: u16 length of the name, name, u8 type (1 float32, 2 float64,
    16  8  size of the whole file           3 int64), u8 dimensions, u32 each dimension, the values
    24  8  generation                .. 32  sha256 of all before it
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_py.errors import RramError

MAGIC = b"RRAMSRAM"
VERSION = 1
SLOTS = ("state.a", "state.b")
HEAD = struct.Struct("<8sIIQQQ32s")
CHECKSUM_BYTES = 32
TYPES: dict[int, np.dtype[Any]] = {1: np.dtype("<f4"), 2: np.dtype("<f8"), 3: np.dtype("<i8")}

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class StateHeader:
    """Whose state it is: digest of the bundle (64 hex digits) and chip seed (uint64)."""

    digest: str
    seed: int


@dataclass(frozen=True)
class StateInfo:
    """Where a restored state came from; `damaged` holds one line per slot that could not be used."""

    generation: int
    slot: Path
    damaged: tuple[str, ...]

    def __str__(self) -> str:
        note = "".join(f"; {line}" for line in self.damaged)
        return f"generation {self.generation} of {self.slot}{note}"


@dataclass(frozen=True)
class _Slot:
    """One valid slot."""

    path: Path
    header: StateHeader
    generation: int
    arrays: Arrays


class _Damaged(Exception):
    """A slot that is not whole; the text says how."""


def save_state(folder: str | os.PathLike[str], header: StateHeader, arrays: Mapping[str, NDArray[Any]]) -> int:
    """Save `arrays` (float32, float64 or int64) in the older slot of `folder`; return the new generation.

    The folder is made if absent. RramError: a value that is not finite, a folder that holds the state of another bundle
    or chip, a full disk or any other trouble with files. In each case the state saved last stays as it was.
    """
    root = Path(folder)
    for name, values in arrays.items():
        if not np.isfinite(values).all():
            raise RramError(f"state: {name} holds a value that is not finite; not saved, the state saved last stays")
    try:
        root.mkdir(parents=True, exist_ok=True)
        with locked(root) as folder_fd:
            slots, _ = _read_slots(root)
            for slot in slots:
                _check_owner(slot, header.digest, header.seed)
            generation = max((slot.generation for slot in slots), default=0) + 1
            newest = max(slots, key=lambda slot: slot.generation, default=None)
            path = root / (SLOTS[1] if newest is not None and newest.path.name == SLOTS[0] else SLOTS[0])
            replace_file(path, _encode(header, generation, arrays), folder_fd)
    except OSError as error:
        raise RramError(f"state: cannot save in {root}: {error.strerror}; the state saved last stays") from error
    return generation


def load_state(folder: str | os.PathLike[str], digest: str, seed: int) -> tuple[Arrays, StateInfo] | None:
    """The newest valid state in `folder`, or None if nothing was ever saved there.

    RramError: the state belongs to another bundle or chip, or no slot is whole.
    """
    root = Path(folder)
    slots, damaged = _read_slots(root)
    if not slots:
        if damaged:
            raise RramError(f"state: no valid state left ({'; '.join(damaged)}); remove {root} to start afresh")
        return None
    newest = max(slots, key=lambda slot: slot.generation)
    _check_owner(newest, digest, seed)
    return newest.arrays, StateInfo(newest.generation, newest.path, damaged)


def _check_owner(slot: _Slot, digest: str, seed: int) -> None:
    given = slot.header
    if given.digest != digest:
        digests = f"digest {given.digest[:12]}, expected {digest[:12]}"
        raise RramError(f"state: {slot.path} belongs to another bundle: {digests}")
    if given.seed != seed:
        raise RramError(f"state: {slot.path} belongs to another chip: seed {given.seed}, expected {seed}")


def _read_slots(root: Path) -> tuple[list[_Slot], tuple[str, ...]]:
    slots, damaged = [], []
    for name in SLOTS:
        path = root / name
        try:
            slots.append(_decode(path, path.read_bytes()))
        except FileNotFoundError:
            continue
        except OSError as error:  # a worn-out card: the other slot may still be readable
            damaged.append(f"{path} cannot be read: {error.strerror}")
        except _Damaged as error:
            damaged.append(f"{path} is damaged: {error}")
    return slots, tuple(damaged)


def _encode(header: StateHeader, generation: int, arrays: Mapping[str, NDArray[Any]]) -> bytes:
    parts = []
    for name, values in arrays.items():
        code = next((code for code, dtype in TYPES.items() if dtype == values.dtype), None)
        if code is None:
            raise RramError(f"state: {name} is {values.dtype}, expected float32, float64 or int64")
        text = name.encode()
        parts.append(struct.pack(f"<H{len(text)}sBB{values.ndim}I", len(text), text, code, values.ndim, *values.shape))
        parts.append(np.ascontiguousarray(values, TYPES[code]).tobytes())
    body = b"".join(parts)
    size = HEAD.size + len(body) + CHECKSUM_BYTES
    head = HEAD.pack(MAGIC, VERSION, len(arrays), size, generation, header.seed, bytes.fromhex(header.digest))
    return head + body + hashlib.sha256(head + body).digest()


def _decode(path: Path, data: bytes) -> _Slot:
    """The state in `data`. The checksum comes first: nothing of a damaged slot is believed, not even whose it is."""
    if len(data) < HEAD.size + CHECKSUM_BYTES:
        raise _Damaged(f"{len(data)} bytes, expected at least {HEAD.size + CHECKSUM_BYTES}")
    body = memoryview(data)[:-CHECKSUM_BYTES]
    if hashlib.sha256(body).digest() != data[-CHECKSUM_BYTES:]:
        raise _Damaged("its checksum does not match")
    magic, version, count, size, generation, seed, digest = HEAD.unpack_from(data)
    if magic != MAGIC or size != len(data):
        raise _Damaged("it is no state file")
    if version != VERSION:
        raise RramError(f"state: {path}: format version {version}, expected {VERSION}")
    try:
        arrays = _decode_arrays(body, count)
    except (struct.error, KeyError, ValueError) as error:
        raise _Damaged(f"its array table is wrong ({error})") from error
    return _Slot(path, StateHeader(digest.hex(), seed), generation, arrays)


def _decode_arrays(body: memoryview, count: int) -> Arrays:
    arrays: Arrays = {}
    at = HEAD.size
    for _ in range(count):
        (length,) = struct.unpack_from("<H", body, at)
        name, code, dimensions = struct.unpack_from(f"<{length}sBB", body, at + 2)
        at += 2 + length + 2
        shape = struct.unpack_from(f"<{dimensions}I", body, at)
        at += 4 * dimensions
        size = int(np.prod(shape, dtype=np.int64))
        values = np.frombuffer(body, TYPES[code], size, at).reshape(shape)
        arrays[name.decode()] = values.astype(values.dtype.newbyteorder("="))  # a copy: `body` is read-only
        at += values.nbytes
    return arrays


@contextmanager
def locked(root: Path) -> Iterator[int]:
    """The folder's descriptor, locked against a second process that saves at the same time."""
    import fcntl

    folder_fd = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(folder_fd, fcntl.LOCK_EX)
        yield folder_fd
    finally:
        os.close(folder_fd)


def replace_file(path: Path, data: bytes, folder_fd: int) -> None:
    """Put `data` at `path` so that a power cut leaves either the old file or the new one."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(file, view) :]
            os.fsync(file)
        finally:
            os.close(file)
        os.replace(temporary, path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise
    os.fsync(folder_fd)
