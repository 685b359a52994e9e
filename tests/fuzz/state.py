"""Fuzz the reader of saved states, and what a chip makes of them: python -m tests.fuzz.state --minutes 10."""

from __future__ import annotations

import hashlib
import struct
import sys
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from firmware_py import Chip, RramError, c_engine
from firmware_py.bundle import Bundle
from tests.fuzz.mutate import NUMBERS, VALUES
from tests.fuzz.pack import seeds
from tests.fuzz.run import Case, main
from tests.fuzz.target import one_line, try_state, use

SEED = 5  # of the chip
SIZES = [n for n in NUMBERS if type(n) is int and n >= 0]


@cache
def bundle() -> Bundle:
    """The bundle whose states these are."""
    folder = Path(tempfile.mkdtemp(prefix="rram-fuzz-"))
    (folder / "b").write_bytes(seeds()[1])
    return Bundle.open(folder / "b")


@cache
def whole() -> bytes:
    """A state as a chip saves it."""
    with tempfile.TemporaryDirectory() as folder:
        Chip(bundle(), SEED).save(folder)
        return (Path(folder) / "state.a").read_bytes()


def mutated(number: int, seed: int) -> bytes:
    """State file `number` of the run `seed`; mostly with a right checksum, so that the table behind it is read."""
    rng = np.random.default_rng([seed, number])
    data = bytearray(whole())
    for _ in range(rng.choice([1, 1, 2, 4])):
        at, kind = int(rng.integers(len(data) - 32)), rng.integers(6)
        if kind == 0:
            data[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            del data[at : at + int(rng.choice([1, 4, 50]))]
        elif kind == 2:
            data[at:at] = rng.bytes(int(rng.choice([1, 4, 50])))
        elif kind == 3:
            struct.pack_into("<Q", data, min(at, len(data) - 40), int(SIZES[rng.integers(len(SIZES))]) % 2**64)
        elif kind == 4:
            _number(data, rng)
        else:  # the head, where sizes stand
            struct.pack_into("<I", data, 4 * int(rng.integers(18)), int(SIZES[rng.integers(len(SIZES))]) % 2**32)
        if len(data) < 200:
            break
    if rng.random() < 0.9:
        data[16:24] = struct.pack("<Q", len(data))
        data[-32:] = hashlib.sha256(data[:-32]).digest()
    return bytes(data)


def _number(data: bytearray, rng: np.random.Generator) -> None:
    """One value of one array, at a place where the file has one."""
    at = data.find(b"conv2.") if rng.random() < 0.5 else data.find(b"counters")
    value = float(VALUES[rng.integers(len(VALUES))])
    kind = "<d" if rng.random() < 0.5 else "<f"
    place = min(max(at, 0) + int(rng.integers(16, 60)), len(data) - 40)
    with np.errstate(over="ignore"):
        raw = struct.pack(kind, value if kind == "<d" else float(np.float32(value)))
    data[place : place + len(raw)] = raw


def cases(seed: int) -> Case:
    """Case `number` of a run: a folder with this file as its only slot, loaded, and taken over by a chip."""

    def case(number: int, folder: Path) -> str:
        (folder / "state.a").write_bytes(mutated(number, seed))
        found = try_state(folder, bundle().digest, SEED)
        chips = [Chip(bundle(), SEED, engine) for engine in (("numpy", "c") if c_engine.available() else ("numpy",))]
        before = [chip.correction.arrays(chip.bundle)["conv1.gain"].copy() for chip in chips]
        refused = [_restore(chip, folder) for chip in chips]
        assert len(set(refused)) == 1, refused
        if refused[0]:
            now = [chip.correction.arrays(chip.bundle)["conv1.gain"] for chip in chips]
            assert all(np.array_equal(a, b) for a, b in zip(before, now, strict=True)), "refused, but taken in part"
        else:
            use(chips, wild=True)
        return f"{found}, {'refused' if refused[0] else 'taken'}"

    return case


def _restore(chip: Chip, folder: Path) -> str:
    try:
        chip.restore(folder)
    except RramError as error:
        one_line(error, folder)
        return str(error)
    return ""


if __name__ == "__main__":
    sys.exit(main("tests.fuzz.state", cases, Path(tempfile.gettempdir()) / "rram-fuzz-state"))
