"""A power cut in the middle of a file, at every offset, and every single bit flipped: python -m tests.fuzz.cuts.

Cut: the rest is missing, is zeros, or is still what stood there before. Whatever is damaged, the state that is restored
is the newest or the one before, and the message says which, and what is wrong with the other.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from firmware_py.state import SLOTS, Arrays, StateHeader, load_state, save_state

HEADER = StateHeader(digest=hashlib.sha256(b"bundle").hexdigest(), seed=7)


def numbers(generation: int, size: int) -> Arrays:
    """Arrays of every type, all of whose values are the generation."""
    return {
        "fc.gain": np.full(size, generation, np.float32),
        "fc.ms": np.full((3, 1), generation, np.float64),
        "counters": np.full(2, generation, np.int64),
    }


def damages(new: bytes, old: bytes, stride: int) -> Iterator[tuple[str, bytes]]:
    """All that can become of a file `new` that is written where `old` was."""
    for at in range(0, len(new), stride):
        yield "cut off", new[:at]
        yield "zeros from there", new[:at] + bytes(len(new) - at)
        yield "old from there", new[:at] + old[at:]
    for bit in range(0, 8 * len(new), stride):
        flipped = bytearray(new)
        flipped[bit // 8] ^= 1 << bit % 8
        yield "a bit flipped", bytes(flipped)


def cuts(folder: Path, size: int, stride: int) -> Counter[str]:
    """Damage the newest slot, then the other, in every way; returns how often what was done."""
    for generation in (1, 2, 3):
        save_state(folder, HEADER, numbers(generation, size))
    slots = {folder / name: (folder / name).read_bytes() for name in SLOTS}  # generation 3 in a, 2 in b
    counts: Counter[str] = Counter()
    for (path, whole), (other, untouched), survivor in zip(slots.items(), [*slots.items()][::-1], (2, 3), strict=True):
        for what, data in damages(whole, untouched, stride):
            path.write_bytes(data)
            expected = survivor if data != whole and data != untouched else None
            generation, message = check(folder, size)
            counts[what] += 1
            if expected is None:  # zeros or old bytes that are the new ones: nothing is damaged
                assert generation in (2, 3) and "damaged" not in message
            else:
                assert generation == expected, f"{what}: generation {generation}, expected {expected}"
                assert message.startswith(f"generation {expected} of {other}; {path} is damaged: "), message
        path.write_bytes(whole)
    return counts


def check(folder: Path, size: int) -> tuple[int, str]:
    """The generation that is restored, whole, and what the chip would say."""
    found = load_state(folder, HEADER.digest, HEADER.seed)
    assert found is not None
    arrays, info = found
    for name, expected in numbers(info.generation, size).items():
        assert np.array_equal(arrays[name], expected), f"{name} is not what was saved"
    return info.generation, str(info)


def main() -> int:
    """Every offset and every bit."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.cuts", description=__doc__)
    parser.add_argument("--size", type=int, default=256, help="numbers in the state (default 256: 1,246 bytes)")
    parser.add_argument("--stride", type=int, default=1, help="only every so-manieth offset and bit (default 1)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        counts = cuts(Path(folder), options.size, options.stride)
        size = (Path(folder) / SLOTS[0]).stat().st_size
    for what, count in counts.items():
        print(f"{count:6} {what}")
    print(f"{sum(counts.values()):6} damages of files of {size} bytes: always the newest state or the one before it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
