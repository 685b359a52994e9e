"""Accuracy of every chip by pairing, one group an on/off ratio."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from host_tools.pairing.compare import PairingResult

MARKS = {"differential": "o", "offset": "s", "bit-sliced": "^"}


def pairings_figure(found: Sequence[PairingResult], labels: Mapping[str, str], ideal: float, setting: str) -> Figure:
    """Marks are chips, bars means; `labels`: on/off ratio of each profile. `ideal` (%) is a line."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 3.9), dpi=100, layout="constrained")
    axes = figure.subplots()
    profiles, pairings = list(labels), list(dict.fromkeys(row.pairing for row in found))
    for row in found:
        k = pairings.index(row.pairing)
        x = profiles.index(row.profile) + 0.25 * (k - (len(pairings) - 1) / 2)
        jitter = np.linspace(-0.06, 0.06, len(row.values)) if len(row.values) > 1 else np.zeros(1)
        axes.plot(x + jitter, row.values, MARKS[row.pairing], color="0.35", markerfacecolor="none", markersize=4.5,
                  label=row.pairing if row.profile == profiles[0] else None)
        axes.plot([x - 0.09, x + 0.09], [row.mean] * 2, "-", color="black", linewidth=2)
        axes.annotate(f"{row.mean:.1f}", (x, min(row.values)), xytext=(0, -6), textcoords="offset points", ha="center",
                      va="top", fontsize=8)
    axes.axhline(ideal, linestyle="--", color="black", linewidth=1)
    axes.annotate(f"ideal {ideal:.2f}", (1, ideal), xycoords=("axes fraction", "data"), xytext=(-4, 3),
                  textcoords="offset points", ha="right", fontsize=8)
    axes.set(xticks=range(len(profiles)), xticklabels=[labels[name] for name in profiles], ylim=(0, 110),
             xlim=(-0.5, len(profiles) - 0.5), xlabel=f"on/off ratio G_max / G_min\n{setting}", ylabel="accuracy (%)")
    axes.grid(axis="y", alpha=0.3)
    axes.legend(fontsize=8, loc="center right")
    axes.set_title(_finding(found), fontsize=10)
    return figure


def _finding(found: Sequence[PairingResult]) -> str:
    parts = []
    for pairing in dict.fromkeys(row.pairing for row in found):
        means = [row.mean for row in found if row.pairing == pairing]
        low, high = min(means), max(means)
        parts.append(f"{pairing} {low:.0f} %" if round(low) == round(high) else f"{pairing} {low:.0f} to {high:.0f} %")
    return "On chips: " + ", ".join(parts)
