"""Tables for the tests: text in a file, and the measured arrays where they are."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from device_models.measured import MeasuredCells, read_bakes, read_cells

DATA = Path(__file__).parents[4] / "shared" / "data" / "rram" / "relaxation"
RELAXATION = ["addr", "time", "r", "g", "gi", "range", "timept"]
BAKE = ["addr", "time", "r", "g", "temp"]
UNITS = {"g": "S", "r": "ohm", "time": "s"}
ARRAYS = {"A": ("techA/relaxdata.min.tsv.gz", "addr % 32"), "B": ("techB/relaxdata.min.tsv.gz", "addr // 2 % 32"),
          "B 10k": ("techB/relaxdata_10k.min.tsv.gz", "addr % 32")}


def written(folder: Path, text: str | bytes, name: str = "cells.csv") -> Path:
    """A file with the text; packed where its name ends in .gz."""
    data = text.encode() if isinstance(text, str) else text
    path = folder / name
    path.write_bytes(gzip.compress(data, mtime=0) if name.endswith(".gz") and isinstance(text, str) else data)
    return path


def measured(name: str) -> Path:
    """A file of the measured arrays; skips the test where it is absent."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"no measured data at {path}")
    return path


def array(which: str) -> MeasuredCells:
    """The cells of a measured array."""
    name, target = ARRAYS[which]
    return read_cells([measured(name)], columns=RELAXATION, target=target, units={**UNITS, "timept": "s"})


def bakes(technology: str) -> MeasuredCells:
    """The bakes of a technology; B's addresses are all even."""
    return read_bakes([measured(f"tech{technology}/bake.tsv.gz")], columns=BAKE, units={**UNITS, "temp": "C"},
                      target={"A": "addr % 32", "B": "addr / 2 % 32"}[technology])
