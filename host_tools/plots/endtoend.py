"""Accuracy on chips against programming effort, with and without training for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from host_tools.endtoend.run import EndToEnd, Point

AXES = {"pulses": "mean pulses of a cell", "energy_pJ": "mean energy of writing a cell (pJ)",
        "time_us": "mean time of writing a cell, verify reads included (us)"}  # fmt: skip
MARKS = {"single": "o", "rvw": "s", "igvva": "^", "ispva": "v", "multipass": "D"}


def endtoend_figure(found: EndToEnd, cost: str) -> Figure:
    """Marks: mean over chips, bars: standard deviation, small dashes: the worst chip; `cost` a key of AXES."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.4, 4.6), dpi=100, layout="constrained")
    axes = figure.subplots()
    points = sorted(found.points, key=lambda point: float(point.as_json()[cost]))
    _series(axes, points, cost, "vat")
    _series(axes, points, cost, "plain")
    axes.axhline(found.ideal, color="black", linestyle="--", linewidth=1)
    axes.annotate(f"ideal {found.ideal:.2f} %", (0, found.ideal), xycoords=("axes fraction", "data"), xytext=(4, 3),
                  textcoords="offset points", fontsize=8)
    axes.set(xscale="log", xlabel=AXES[cost], ylabel=f"accuracy on {found.data} (%)", ylim=(None, 104))
    _ticks(axes, [float(point.as_json()[cost]) for point in points])
    axes.margins(x=0.09)
    axes.grid(axis="y", alpha=0.3)
    axes.legend(fontsize=8, loc="lower right")
    axes.set_title(_finding(found), fontsize=10)
    return figure


def _series(axes: Axes, points: list[Point], cost: str, which: str) -> None:
    style = {"vat": ("black", "-", "black", 1.0), "plain": ("tab:red", ":", "white", 0.0)}[which]
    colour, line, fill, name_above = style
    rows = [(float(point.as_json()[cost]), point, getattr(point, which)) for point in points]
    joined = [row for row in rows if row[1].written.effort.setup.algorithm in ("single", "rvw")]
    label = {"vat": "trained for what was written (VAT)", "plain": "plain network"}[which]
    axes.plot([x for x, _, _ in joined], [row.mean for _, _, row in joined], line, color=colour, linewidth=1.2)
    for x, point, row in rows:
        mark = MARKS[point.written.effort.setup.algorithm]
        axes.errorbar(x, row.mean, row.std, fmt=mark, color=colour, markerfacecolor=fill, markersize=6, capsize=3,
                      label=label if point is points[0] else None)
        axes.plot(x, min(row.values), "_", color=colour, markersize=7)
        if not name_above:
            axes.annotate(_name(point), (x, min(min(row.values), row.mean - row.std)), xytext=(0, -6), rotation=0,
                          textcoords="offset points", ha="center", va="top", fontsize=7, color="0.25")


def _name(point: Point) -> str:
    setup = point.written.effort.setup
    if setup.algorithm in ("igvva", "ispva"):
        return f"{setup.algorithm}\n{1000 * setup.step_V:g} mV"
    if setup.algorithm == "single":
        return "one\nattempt"
    return f"{setup.algorithm}\n±{setup.allowed_uS:.2g} uS"


def _ticks(axes: Axes, values: list[float]) -> None:
    """The efforts' own costs, as far as they do not write over one another."""
    kept = values[:1]
    for value in values[1:]:
        if value > kept[-1] * (values[-1] / values[0]) ** 0.07:
            kept.append(value)
    axes.set_xticks(kept, [f"{value:.3g}" for value in kept])
    axes.minorticks_off()


def _finding(found: EndToEnd) -> str:
    worst = max(found.points, key=lambda point: point.written.error_uS)
    best = min(found.points, key=lambda point: point.written.error_uS)
    return (f"{found.network}, {worst.written.effort.setup.kind} cells, levels of {found.profile}: "
            f"{_name(worst).replace(chr(10), ' ')} {worst.plain.mean:.1f} %,\nwith VAT {worst.vat.mean:.1f} %; "
            f"{_name(best).replace(chr(10), ' ')} {best.plain.mean:.1f} %, with VAT {best.vat.mean:.1f} %")
