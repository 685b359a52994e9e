"""Chips made of an array's own measured cells: the half that no model and no training has seen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from device_models.derive import table_probabilities, with_levels
from device_models.measured import read_cells
from device_models.measured.cells import MeasuredCells
from device_models.parts import Evidence
from device_models.profile import DeviceProfile
from device_models.spread import QuantileSpread
from host_tools.training.recipes import TEN_OF_B

# Technology B's first file (facts of the array: docs/bring-your-own-device.md).
FILE = Path("rram") / "relaxation" / "techB" / "relaxdata.min.tsv.gz"
COLUMNS = ("addr", "time_s", "r_ohm", "g_S", "gi_S", "range", "timept_s")
TARGET = "(addr / 2) % 32"
STEP_uS = 128 / 32  # targets are (level + 1/2) times this


def unseen_half(folder: Path, levels_uS: Sequence[float] = TEN_OF_B) -> DeviceProfile:
    """Technology B with `levels_uS`, its spread the raw first readings of half b of the cells, level by level.

    techB, which students are trained for, was fitted to half a. Nothing is smoothed or pooled here.
    """
    cells = read_cells([folder / FILE], columns=COLUMNS, target=TARGET).half("b")
    first = cells.where(cells.time_s == cells.time_s.min())
    return from_cells(DeviceProfile.load("techB"), first, levels_uS)


def from_cells(base: DeviceProfile, cells: MeasuredCells, levels_uS: Sequence[float]) -> DeviceProfile:
    """`base` at other levels, with the quantiles of the cells of these targets for its spread."""
    probability = tuple(table_probabilities().tolist())
    evidence = Evidence(source=cells.source, assumption=False, note="Quantiles of the readings themselves.")
    rows = []
    for target in levels_uS:
        own = cells.g_uS[cells.level == round(target / STEP_uS - 0.5)]
        rows.append(tuple((np.quantile(own, probability) - target).tolist()))
    spread = QuantileSpread(distribution="quantiles", reference="absolute_uS", probability=probability,
                            deviation=tuple(rows), evidence=evidence)  # fmt: skip
    moved = with_levels(base, levels_uS)
    document = {key: getattr(moved, key) for key in type(moved).model_fields}
    return DeviceProfile.model_validate({**document, "name": f"{base.name}-half-b", "programming": spread,
                                         "relaxation": None, "retention": None})  # fmt: skip
