"""Figure of a study without a sweep: every chip of every row, on an axis that pulls high accuracies apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from host_tools.study.report import Row

ACCURACY_TICKS = (0.0, 50.0, 80.0, 90.0, 95.0, 98.0, 99.0, 99.5, 99.8, 99.9)
LEAST_ERROR = 0.05  # per cent; no error at all has no place on a logarithmic axis


def strips(title: str, rows: Sequence[Row]) -> Figure:
    """A strip of chips per row, every chip a dot, the mean a bar. `title` says what was measured."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 0.7 * len(rows) + 1.9), layout="constrained")
    axes = figure.subplots()
    for i, row in enumerate(rows):
        errors = np.maximum(100 - np.array(row.values), LEAST_ERROR)
        jitter = np.linspace(-0.22, 0.22, len(errors)) if len(errors) > 1 else np.zeros(1)
        mean = max(100 - float(np.mean(row.values)), LEAST_ERROR)
        axes.plot(errors, jitter + i, "o", ms=4, mfc="none", mec="#1f4e79")
        axes.plot([mean, mean], [i - 0.33, i + 0.33], "-", color="black", lw=2)
        axes.annotate(f"{np.mean(row.values):.2f} %", (mean, i - 0.36), ha="center", va="bottom", fontsize=8)
    axes.set_xlim(110, _least(rows) / 1.6)
    error_scale(axes, "x", _least(rows) / 1.6)
    axes.set_yticks(range(len(rows)), [row.heading for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.75)
    axes.set_xlabel(f"test accuracy in per cent (a dot is a chip, a bar the mean)\n{title}")
    axes.grid(axis="x", alpha=0.3)
    figure.suptitle(finding(rows), fontsize=9, x=0.01, ha="left")
    return figure


def error_scale(axes: Axes, which: str, least: float) -> None:
    """Logarithmic in the error, labelled with accuracies, down to errors of `least` per cent."""
    ticks = [100 - accuracy for accuracy in ACCURACY_TICKS if 100 - accuracy >= least]
    getattr(axes, f"set_{which}scale")("log")
    getattr(axes, f"set_{which}ticks")(ticks, [f"{100 - error:g}" for error in ticks])
    axes.minorticks_off()


def _least(rows: Sequence[Row]) -> float:
    return min(max(100 - max(row.values), LEAST_ERROR) for row in rows)


def finding(rows: Sequence[Row]) -> str:
    """What the rows show, in one sentence."""
    mean = {row.row: float(np.mean(row.values)) for row in rows}
    parts = []
    if "plain" in mean and "student" in mean:
        parts.append(f"training for the cells lifts chips from {mean['plain']:.0f} to {mean['student']:.1f} %")
    if "calibrated" in mean:
        parts.append(f"calibration without labels brings {mean['calibrated']:.1f} %")
    if "adapted" in mean and "shifted" in mean:
        parts.append(f"labels {mean['shifted']:.0f} to {mean['adapted']:.1f} % after a change of the input")
    last = rows[-1]
    text = "; ".join(parts) or f"{mean[last.row]:.1f} % on chips ({last.heading})"
    return text[0].upper() + text[1:]
