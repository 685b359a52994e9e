"""Figure of a macro's cost: shares of its area, and what 'per cent area' means for the weights in SRAM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from device_models.cost import Reading

HATCHES = ("", "///", "...", "xx", "\\\\\\", "--", "++", "oo")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
MARKS = ("o", "s", "^", "D", "v")
AREA_PERCENT = 7.86  # Charan et al., DAC 2020


def cost_figure(area_um2: Mapping[str, float], readings: Sequence[Reading], title: str, values: str) -> Figure:
    """Two panels: area by component in mm2 with its share; area overhead against weights in SRAM, by reading.

    `values` names the values in SRAM ("values of 8 bits").
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 4.2), dpi=100, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1.15, 1])
    _areas(left, area_um2)
    _readings(right, readings, values)
    figure.suptitle(title, fontsize=11)
    return figure


def _areas(axes: Axes, area_um2: Mapping[str, float]) -> None:
    total = sum(area_um2.values())
    names = list(area_um2)[::-1]
    for row, name in enumerate(names):
        area = area_um2[name]
        axes.barh(row, area * 1e-6, color="0.85", edgecolor="black", hatch=HATCHES[row % len(HATCHES)])
        axes.annotate(f" {100 * area / total:.1f} %", (area * 1e-6, row), va="center", fontsize=8)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_xlim(0, 1.2e-6 * max(area_um2.values()))
    axes.set_xlabel(f"area (mm²); {total * 1e-6:.3g} mm² in all")


def _readings(axes: Axes, readings: Sequence[Reading], values: str) -> None:
    shares = [0.1 * 10 ** (i / 20) for i in range(49)]  # 0.1 to 25 %
    for reading, line, mark in zip(readings, LINES, MARKS, strict=False):
        label = f"{reading.key}: {reading.text}"
        axes.loglog(shares, [reading.overhead_percent(share) for share in shares], color="black", linestyle=line,
                    marker=mark, markevery=12, markersize=4, linewidth=1, label=label)
    axes.axhline(AREA_PERCENT, color="0.5", linewidth=0.8)
    axes.annotate(f" {AREA_PERCENT}", (1, AREA_PERCENT), xycoords=axes.get_yaxis_transform(), fontsize=8, va="center")
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * (high / low) ** 0.5)  # room for the legend
    axes.set_xlabel(f"weights in SRAM (%), {values}")
    axes.set_ylabel("area of the SRAM (%)")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7, loc="upper left")
