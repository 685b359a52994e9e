"""Figure of a sweep: accuracy against an axis, mean with spread and the lowest chip, a panel for every other point."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from host_tools.plots.study import LEAST_ERROR, error_scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from host_tools.study.report import Row

STYLES = (("-", "o"), ("--", "s"), ("-.", "^"), (":", "D"), ((0, (5, 1)), "v"), ((0, (1, 1)), "P"))
COLOURS = ("#1f4e79", "#b2541a", "#3b7d3b", "#6a3d9a", "#7f7f7f", "#000000")
PANELS = 6


def sweep_figure(title: str, rows: Sequence[Row]) -> Figure:
    """`rows` hold the points; the axis with most values runs along, the others make panels (at most 6).

    A line is a row's mean, its band one standard deviation over chips, a small mark the lowest chip.
    """
    from matplotlib.figure import Figure

    along = main_axis(rows)
    panels = _panels(rows, along)[:PANELS]
    count = len(panels)
    figure = Figure(figsize=(6.4 if count == 1 else min(3.9 * count, 12), 4.4 * -(-count // 3)), dpi=100,
                    layout="constrained")
    grid = figure.subplots(-(-count // 3), min(count, 3), squeeze=False, sharey=True)
    least = min(max(100 - max(row.values), LEAST_ERROR) for row in rows) / 1.5
    most = max(100 - min(row.values) for row in rows) * 1.3
    for axes, (name, part) in zip(grid.flat, panels, strict=False):
        _panel(axes, along, part)
        axes.set_title(name, fontsize=9)
        error_scale(axes, "y", least)
        axes.set_ylim(min(most, 110), least)
    for axes in list(grid.flat)[count:]:
        axes.set_visible(False)
    grid[0][0].set_ylabel("test accuracy in per cent\n(mean; band or bar: sd; small mark: lowest chip)")
    grid[0][0].legend(fontsize=8, loc="best")
    figure.suptitle(textwrap.fill(finding(rows), 90 if count == 1 else 140), fontsize=9)
    figure.supxlabel(title, fontsize=8)
    return figure


def main_axis(rows: Sequence[Row]) -> str:
    """The axis with most values; of equals the first."""
    counts = {name: len({row.point[name] for row in rows}) for name in rows[0].point}
    return max(counts, key=lambda name: counts[name])


def _panels(rows: Sequence[Row], along: str) -> list[tuple[str, list[Row]]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        others = ", ".join(f"{name} = {_text(value)}" for name, value in row.point.items() if name != along)
        found.setdefault(others, []).append(row)
    return list(found.items())


def _panel(axes: Axes, along: str, rows: Sequence[Row]) -> None:
    values = list(dict.fromkeys(row.point[along] for row in rows))
    words = any(isinstance(value, str) for value in values)
    place = {value: i if words else value for i, value in enumerate(values)}
    for i, name in enumerate(dict.fromkeys(row.row for row in rows)):
        mine = sorted((row for row in rows if row.row == name), key=lambda row: place[row.point[along]])
        x = [place[row.point[along]] + (0.12 * i if words else 0) for row in mine]
        errors = [np.maximum(100 - np.array(row.values), LEAST_ERROR) for row in mine]
        mean = np.array([error.mean() for error in errors])
        spread = np.array([error.std(ddof=1) if len(error) > 1 else 0.0 for error in errors])
        style, marker = STYLES[i % len(STYLES)]
        colour = COLOURS[i % len(COLOURS)]
        low, high = np.maximum(mean - spread, LEAST_ERROR), mean + spread
        if words:  # nothing lies between two words
            bars = np.array([mean - low, high - mean])
            axes.errorbar(x, mean, bars, fmt=marker, color=colour, label=mine[0].heading, ms=6, capsize=3)
        else:
            axes.plot(x, mean, linestyle=style, marker=marker, color=colour, label=mine[0].heading, ms=6)
            axes.fill_between(x, low, high, color=colour, alpha=0.15, lw=0)
        axes.plot(x, [error.max() for error in errors], linestyle="none", marker=marker, color=colour, ms=3, mfc="none")
    if words:
        axes.set_xticks(range(len(values)), [str(value) for value in values], rotation=20)
    axes.set_xlabel(along)
    axes.grid(alpha=0.3)


def finding(rows: Sequence[Row]) -> str:
    """What the first and the last row do from one end of the axis to the other; for words, the best and the worst."""
    along = main_axis(rows)
    panels = _panels(rows, along)
    where, part = panels[0]
    names = list(dict.fromkeys(row.row for row in part))
    told = []
    if isinstance(part[0].point[along], str):  # words have no ends
        last = sorted((row for row in part if row.row == names[-1]), key=lambda row: -np.mean(row.values))
        best, worst = (f"{np.mean(row.values):.2f} % with {row.point[along]}" for row in (last[0], last[-1]))
        return f"{names[-1]}: {best}, {worst}{f' ({where})' if len(panels) > 1 else ''}"
    for name in dict.fromkeys((names[0], names[-1])):
        mine = [row for row in part if row.row == name]
        told.append(f"{name} {np.mean(mine[0].values):.2f} to {np.mean(mine[-1].values):.2f} %")
    ends = f"{along} from {_text(part[0].point[along])} to {_text(part[-1].point[along])}"
    return f"{ends}: {', '.join(told)}{f' ({where})' if len(panels) > 1 else ''}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:g}"
