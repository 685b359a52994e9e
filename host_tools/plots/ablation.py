"""Figure of an ablation of masks: accuracy after calibration against the mask's size, a line a criterion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3)))
MARKS = ("o", "s", "^", "D", "v", "x")


def ablation_figure(rows: Sequence[dict[str, Any]], setting: str) -> Figure:
    """Rows of `rram ablate` (masks): mean and standard deviation over chips by size; gains alone as a level."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.6, 4.6), dpi=110, layout="constrained")
    axes = figure.subplots()
    lines = by_criterion(rows)
    for i, (name, points) in enumerate(lines.items()):
        sizes = [point["mask_percent"] * (1 + 0.025 * (i - (len(lines) - 1) / 2)) for point in points]
        axes.errorbar(sizes, [point["mean"] for point in points], [point["std"] for point in points], capsize=2,
                      color=str(0.12 * i), linestyle=LINES[i % len(LINES)], marker=MARKS[i % len(MARKS)], markersize=5,
                      mfc="none", linewidth=1, label=name)  # fmt: skip
    for row in rows:
        if row["variant"] == "gains":
            axes.axhline(row["mean"], color="0.6", linewidth=1)
            axes.annotate("gains and offsets alone", (0.01, row["mean"]), xycoords=axes.get_yaxis_transform(),
                          fontsize=8, va="bottom")  # fmt: skip
    ticks = sorted({round(point["mask_percent"], 2) for points in lines.values() for point in points})
    axes.set_xscale("log")
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("mask: weights with a value in SRAM (%)")
    axes.set_ylabel("accuracy on chips after calibration (%)\nmean and standard deviation over chips")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="lower right")
    figure.suptitle(f"{finding(lines)}\n{setting}", fontsize=10)
    return figure


def by_criterion(rows: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The points of each criterion, smallest mask first; rows without a size are left out."""
    lines: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["variant"].endswith("%"):
            lines.setdefault(row["variant"].rsplit(" ", 2)[0], []).append(row)
    return {name: sorted(points, key=lambda point: point["mask_percent"]) for name, points in lines.items()}


def finding(lines: dict[str, list[dict[str, Any]]]) -> str:
    """What the smallest and the largest mask say."""
    ends = []
    for i in (0, -1):
        best = max(lines, key=lambda name: lines[name][i]["mean"])
        point = lines[best][i]
        end = f"{point['mask_percent']:.2g} % of the weights: {best} {point['mean']:.2f} %"
        if "random" in lines and best != "random":
            end += f", random {lines['random'][i]['mean']:.2f} %"
        ends.append(end)
    return "\n".join(dict.fromkeys(ends))
