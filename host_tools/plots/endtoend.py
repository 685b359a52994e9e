"""Accuracy on chips against programming effort, with and without training for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from host_tools.endtoend.run import EndToEnd, OnChips, Point

AXES = {"pulses": "mean pulses of a cell", "energy_pJ": "mean energy of writing a cell (pJ)",
        "time_us": "mean time of writing a cell, verify reads included (us)"}  # fmt: skip
MARKS = {"single": "o", "rvw": "s", "igvva": "^", "ispva": "v", "multipass": "D"}
STYLES = {"vat": ("black", "-", "black", "trained for what was written (VAT)"),
          "control": ("tab:blue", "-.", "0.85", "trained as long without variation"),
          "plain": ("tab:red", ":", "white", "plain network")}  # fmt: skip
ACCURACIES = (10, 30, 50, 70, 80, 90, 95, 98, 99, 99.5, 99.8)
ASIDE = {"vat": -1, "control": 0, "plain": 1}  # STEPs along the axis: bars of one effort do not hide one another
STEP = 0.012  # of the axis
LEAST = 0.05  # per cent of wrong answers: where a network without any is drawn


def endtoend_figure(found: EndToEnd, cost: str) -> Figure:
    """Marks: mean over chips, bars: standard deviation, small dashes: the lowest chip; `cost` a key of AXES.

    The three networks of an effort stand beside one another, at its cost. The height is the share of wrong answers, on
    a logarithmic axis that is labelled with accuracies.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.6, 4.8), dpi=100, layout="constrained")
    axes = figure.subplots()
    points = sorted(found.points, key=lambda point: float(point.as_json()[cost]))
    costs = [float(point.as_json()[cost]) for point in points]
    for which in STYLES:
        _series(axes, points, cost, which, (costs[-1] / costs[0]) ** (STEP * ASIDE[which]))
    axes.axhline(_wrong(found.ideal), color="black", linestyle="--", linewidth=1)
    axes.annotate(f"ideal {found.ideal:.2f} %", (0, _wrong(found.ideal)), xycoords=("axes fraction", "data"),
                  xytext=(4, 4), textcoords="offset points", fontsize=8)
    axes.set(xscale="log", yscale="log", xlabel=AXES[cost], ylabel=f"accuracy on {found.data} (%)")
    _cost_ticks(axes, costs)
    axes.margins(x=0.15, y=0.16)
    axes.invert_yaxis()
    axes.set_yticks([100 - value for value in ACCURACIES], [f"{value:g}" for value in ACCURACIES])
    axes.minorticks_off()
    axes.grid(axis="y", alpha=0.3)
    axes.legend(fontsize=8, loc="lower right")
    axes.set_title("\n".join([*finding(found), _about(found)]), fontsize=9)
    return figure


def _wrong(accuracy: float) -> float:
    return max(100 - accuracy, LEAST)


def _series(axes: Axes, points: list[Point], cost: str, which: str, aside: float) -> None:
    colour, line, fill, label = STYLES[which]
    rows: list[tuple[float, Point, OnChips]] = [(float(point.as_json()[cost]), point, getattr(point, which))
                                                for point in points]
    joined = [(x, _wrong(row.mean)) for x, point, row in rows if not _is_ramp(point)]
    axes.plot([x * aside for x, _ in joined], [y for _, y in joined], line, color=colour, linewidth=1.2)
    for x, point, row in rows:
        mean, low, high = (_wrong(value) for value in (row.mean, row.mean - row.std, row.mean + row.std))
        axes.errorbar(x * aside, mean, [[mean - high], [low - mean]], fmt=MARKS[point.written.effort.setup.algorithm],
                      color=colour, markerfacecolor=fill, markersize=6, capsize=3,
                      label=label if point is points[0] else None)
        axes.plot(x * aside, _wrong(min(row.values)), "_", color=colour, markersize=7)
        if which == ("vat" if _is_ramp(point) else "plain"):
            above = which == "vat"
            best = _wrong(max(row.mean + row.std, max(row.values)) if above else min(row.mean - row.std, *row.values))
            axes.annotate(_name(point), (x, best), xytext=(0, 6 if above else -6), textcoords="offset points",
                          ha="center", va="bottom" if above else "top", fontsize=7, color="0.25",
                          bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.5})


def _is_ramp(point: Point) -> bool:
    return point.written.effort.setup.algorithm in ("igvva", "ispva")


def _name(point: Point) -> str:
    setup = point.written.effort.setup
    if _is_ramp(point):
        return f"{setup.algorithm}\n{1000 * setup.step_V:g} mV"
    if setup.algorithm == "single":
        return "one\nattempt"
    return f"{setup.algorithm}\n±{setup.allowed_uS:.2g} uS"


def _cost_ticks(axes: Axes, values: list[float]) -> None:
    """The efforts' own costs, as far as they do not write over one another."""
    kept = values[:1]
    for value in values[1:]:
        if value > kept[-1] * (values[-1] / values[0]) ** 0.07:
            kept.append(value)
    axes.set_xticks(kept, [f"{value:.3g}" for value in kept])


def finding(found: EndToEnd) -> tuple[str, str]:
    """What training for the spread, precise writing and both win over the plain network at the least precise effort, in
    two lines."""
    worst = max(found.points, key=lambda point: point.written.error_uS)
    best = min(found.points, key=lambda point: point.written.error_uS)
    start, trained = worst.plain.mean, worst.vat.mean
    words = _words(worst)
    left, said = f"{words[0].upper()}{words[1:]} leaves the plain network {start:.1f} %", "training for it (VAT) adds"
    if best is worst:
        return left, f"{said} {trained - start:.1f} points"
    precise, both = best.plain.mean - start, best.vat.mean - start
    return left, f"{said} {trained - start:.1f} points, writing it by {_words(best)} {precise:.1f}, both {both:.1f}"


def _about(found: EndToEnd) -> str:
    first = found.points[0]
    return (f"{found.network}, {first.written.effort.setup.kind} cells, levels of {found.profile}, "
            f"{len(first.plain.values)} chips; bar: sd, dash: lowest chip")


def _words(point: Point) -> str:
    once = point.written.effort.setup.algorithm == "single"
    return "one attempt a cell" if once else _name(point).replace("\n", " ")
