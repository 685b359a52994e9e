"""Fuzz the bundle's readers and all that runs on what they let through: python -m tests.fuzz.bundle --minutes 10."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.fuzz.mutate import mutated
from tests.fuzz.run import Case, main
from tests.fuzz.target import try_bundle


def cases(seed: int) -> Case:
    """Case `number` of a run: a file of its own."""

    def case(number: int, folder: Path) -> str:
        path = folder / "fuzzed.rram.safetensors"
        path.write_bytes(mutated(number, seed))
        return try_bundle(path)

    return case


if __name__ == "__main__":
    sys.exit(main("tests.fuzz.bundle", cases, Path(tempfile.gettempdir()) / "rram-fuzz-bundle"))
