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


def plot(path: Path, title: str, rows: Sequence[Row]) -> None:
    """A strip of chips per row: every chip a dot, the mean a bar."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 0.7 * len(rows) + 1.6), layout="constrained")
    for i, row in enumerate(rows):
        jitter = np.linspace(-0.25, 0.25, len(row.values)) if len(row.values) > 1 else [0.0]
        axes.plot(row.values, np.array(jitter) + i, "o", ms=4, mfc="none", mec="#1f4e79")
        axes.plot([np.mean(row.values)] * 2, [i - 0.35, i + 0.35], "-", color="black", lw=2)
        axes.annotate(
            f"{np.mean(row.values):.2f} %", (np.mean(row.values), i - 0.38), ha="center", va="bottom", fontsize=8
        )
    axes.set_yticks(range(len(rows)), [TITLES[row.row] for row in rows])
    axes.invert_yaxis()
    axes.set_ylim(len(rows) - 0.4, -0.75)
    axes.set_xlim(None, 101)
    axes.set_xlabel("test accuracy in per cent (a dot is a chip, a bar the mean)")
    axes.grid(axis="x", alpha=0.3)
    axes.set_title(title, fontsize=10, loc="left")
    figure.savefig(path, dpi=150)
    plt.close(figure)
