"""Figure of an array's effects: the error that each adds to a product, one mark a pairing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARKS, FILLS = ("o", "s", "^"), ("black", "none", "0.7")
Rows = Sequence[Mapping[str, Any]]


def array_effects_figure(tables: Mapping[str, Rows], profile: str, shape: str) -> Figure:
    """`tables`: by pairing, rows of {effect, relative_rms or None}; effects that are in none are left out."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 4.4), dpi=100, layout="constrained")
    axes = figure.subplots()
    own = next(iter(tables.values()))
    shown = [i for i, row in enumerate(own) if row["relative_rms"]][::-1]
    for k, (pairing, rows) in enumerate(tables.items()):
        values = [100 * (rows[i]["relative_rms"] or float("nan")) for i in shown]
        places = [n + 0.26 * (1 - k) for n in range(len(shown))]
        axes.plot(values, places, MARKS[k], color="black", markerfacecolor=FILLS[k], markersize=6, label=pairing)
        for place, value in zip(places, values, strict=True):
            axes.annotate(_percent(value), (value, place), xytext=(7, 0), textcoords="offset points", va="center",
                          fontsize=7)
    axes.set_yticks(range(len(shown)), [own[i]["effect"].replace("_", " ") for i in shown])
    axes.set_ylim(-0.5, len(shown) - 0.5)
    axes.set_xscale("log")
    axes.margins(x=0.08)
    axes.set_xlabel("error that the effect adds by itself, root mean square (% of the output)")
    axes.grid(axis="x", alpha=0.3)
    for between in range(1, len(shown)):
        axes.axhline(between - 0.5, color="0.85", linewidth=0.8)
    axes.legend(title="pairing", fontsize=8, title_fontsize=8)
    axes.set_title(f"{_finding(tables, profile)}\n{shape}", fontsize=10)
    return figure


def _finding(tables: Mapping[str, Rows], profile: str) -> str:
    own = next(iter(tables.values()))
    singles = [i for i, row in enumerate(own) if row["effect"] != "all" and row["relative_rms"]]
    worst = max(singles, key=lambda i: own[i]["relative_rms"])
    costs = [f"{_percent(100 * rows[worst]['relative_rms'])} % {pairing}" for pairing, rows in tables.items()]
    return f"{profile}: {own[worst]['effect'].replace('_', ' ')} costs most, {', '.join(costs)}"


def _percent(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"
