"""Profiles for the tests of programming: one small, one from measured cells."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from device_models.measured import MeasuredCells, read_cells
from device_models.profile import DeviceProfile
from device_models.write.port import Array
from tests.device_models.documents import EVIDENCE, HEAD, document

COLUMNS = ["addr", "time", "r", "g", "gi", "range", "timept"]
UNITS = {"time": "s", "r": "ohm", "g": "S", "gi": "S", "timept": "s"}
TARGETS_uS = (np.arange(32) + 0.5) * 240 / 32  # of technology A, as /shared/facts.md infers them
_P = (0.0, 0.005, 0.02, 0.05, 0.1, 0.158655, 0.25, 0.4, 0.5, 0.6, 0.75, 0.841345, 0.9, 0.95, 0.98, 0.995, 1.0)


def relaxing(sd_uS: float, aged: dict[float, float]) -> DeviceProfile:
    """Levels of 10, 20 and 40 uS, normal spread `sd_uS`, and of `aged[time_s]` later."""

    def normal(sigma: float) -> dict[str, object]:
        return {"distribution": "normal", "reference": "absolute_uS", "sigma": sigma, "evidence": EVIDENCE}

    times = [{"time_s": time_s, "spread": normal(sigma)} for time_s, sigma in aged.items()]
    relaxation = {"aged": times, "evidence": EVIDENCE}
    return DeviceProfile.from_dict(document(programming=normal(sd_uS), relaxation=relaxation))


def technology_a(data: Path) -> MeasuredCells:
    """The measured array A: 16,384 cells at 32 levels, 0 to 1e4 s."""
    file = data / "rram/relaxation/techA/relaxdata.min.tsv.gz"
    return read_cells([file], columns=COLUMNS, target="addr % 32", units=UNITS)


def technology_b(data: Path) -> MeasuredCells:
    """The measured array B, its 10k file: the same addresses, levels to 128 uS."""
    file = data / "rram/relaxation/techB/relaxdata_10k.min.tsv.gz"
    return read_cells([file], columns=COLUMNS, target="addr % 32", units=UNITS)


def from_cells(cells: MeasuredCells, targets_uS: Array = TARGETS_uS) -> DeviceProfile:
    """A profile that holds the quantiles of `cells` at 0 s and later."""

    def spread(time_s: float) -> dict[str, object]:
        rows = [np.quantile(cells.g_uS[(cells.level == i) & (cells.time_s == time_s)], _P) - target
                for i, target in enumerate(targets_uS)]
        return {"distribution": "quantiles", "reference": "absolute_uS", "probability": _P,
                "deviation": [row.tolist() for row in rows], "evidence": EVIDENCE}

    aged = [{"time_s": float(t), "spread": spread(t)} for t in np.unique(cells.time_s) if t > 0]
    return DeviceProfile.from_dict({
        **HEAD, "levels": {"conductance_uS": targets_uS.tolist(), "evidence": EVIDENCE}, "programming": spread(0.0),
        "relaxation": {"aged": aged, "evidence": EVIDENCE}})
