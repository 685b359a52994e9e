"""Rows of a study: statistics over chips, as JSON, table and picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from firmware_py.correction import SramCount
from host_tools import console

PICTURES = (".png", ".pdf", ".svg")
TITLES = {
    "ideal": "ideal network, digital",
    "plain": "ideal network on chips, no help",
    "student": "student on chips, nothing else",
    "calibrated": "+ calibration without labels",
    "shifted": "the same chips, input changed",
    "adapted": "+ labels of the changed input, one at a time",
}


@dataclass(frozen=True)
class Row:
    """Accuracies in per cent over chips; clean: on the unchanged test set, where that is another figure."""

    row: str
    values: tuple[float, ...]
    sram: SramCount | None = None
    clean: tuple[float, ...] | None = None

    def as_json(self) -> dict[str, Any]:
        """The row's keys of the JSON report."""
        v = np.array(self.values)
        out: dict[str, Any] = {
            "row": self.row,
            "mean": round(float(v.mean()), 4),
            "std": round(float(v.std(ddof=1)) if len(v) > 1 else 0.0, 4),
            "min": round(float(v.min()), 4),
            "sram_percent": round(self.sram.percent, 4) if self.sram else 0.0,
            "sram_bytes": self.sram.bytes if self.sram else 0,
        }
        if self.clean is not None:
            out["clean_mean"] = round(float(np.mean(self.clean)), 4)
            out["clean_min"] = round(float(np.min(self.clean)), 4)
        return out


def print_table(title: str, rows: Sequence[Row]) -> None:
    """The table for people."""
    lines = []
    for row in rows:
        r = row.as_json()
        spread = f"± {r['std']:.2f}" if len(row.values) > 1 else ""
        clean = f"{r['clean_mean']:.2f}" if "clean_mean" in r else ""
        sram = f"{r['sram_percent']:.2f} % ({r['sram_bytes']:,} B)" if row.sram else ""
        lines.append([TITLES[row.row], f"{r['mean']:.2f} %", spread, f"{r['min']:.2f} %", clean, sram])
    console.table(title, ["", "mean", "sd", "lowest chip", "unchanged input", "SRAM"], lines)


def finding(rows: Sequence[Row]) -> str:
    """What the rows show, in one sentence; the title of the picture."""
    mean = {row.row: float(np.mean(row.values)) for row in rows}
    parts = []
    if "plain" in mean:
        parts.append(f"training for the cells lifts chips from {mean['plain']:.0f} to {mean['student']:.1f} %")
    if "calibrated" in mean:
        parts.append(f"calibration without labels brings {mean['calibrated']:.1f} %")
    if "adapted" in mean:
        parts.append(f"labels {mean['shifted']:.0f} to {mean['adapted']:.1f} % after a change of the input")
    text = "; ".join(parts) or f"{mean['student']:.1f} % on chips"
    return text[0].upper() + text[1:]


ACCURACY_TICKS = (0.0, 50.0, 80.0, 90.0, 95.0, 98.0, 99.0, 99.5, 99.8, 99.9)
LEAST_ERROR = 0.05  # per cent; no error at all has no place on a logarithmic axis


def plot(path: Path, title: str, rows: Sequence[Row]) -> None:
    """A strip of chips per row, every chip a dot, the mean a bar.

    The axis is logarithmic in the error, so that 98.2 and 98.9 % lie apart.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 0.7 * len(rows) + 1.9), layout="constrained")
    for i, row in enumerate(rows):
        errors = np.maximum(100 - np.array(row.values), LEAST_ERROR)
        jitter = np.linspace(-0.22, 0.22, len(errors)) if len(errors) > 1 else np.zeros(1)
        mean = max(100 - float(np.mean(row.values)), LEAST_ERROR)
        axes.plot(errors, jitter + i, "o", ms=4, mfc="none", mec="#1f4e79")
        axes.plot([mean, mean], [i - 0.33, i + 0.33], "-", color="black", lw=2)
        axes.annotate(f"{np.mean(row.values):.2f} %", (mean, i - 0.36), ha="center", va="bottom", fontsize=8)
    lowest = min(max(100 - max(row.values), LEAST_ERROR) for row in rows)
    axes.set_xscale("log")
    axes.set_xlim(110, lowest / 1.6)
    ticks = [100 - accuracy for accuracy in ACCURACY_TICKS if 100 - accuracy >= lowest / 1.6]
    axes.set_xticks(ticks, [f"{100 - error:g}" for error in ticks])
    axes.minorticks_off()
    axes.set_yticks(range(len(rows)), [TITLES[row.row] for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.75)
    axes.set_xlabel(f"test accuracy in per cent (a dot is a chip, a bar the mean)\n{title}")
    axes.grid(axis="x", alpha=0.3)
    figure.suptitle(finding(rows), fontsize=9, x=0.01, ha="left")
    figure.savefig(path, dpi=150)
    plt.close(figure)
