"""Spread of the filament model's cells against their conductance, after SET and after RESET."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figure(rows: Sequence[dict[str, float]], slope: float) -> Figure:
    """Left: sigma(G) / G, cycle and device. Right: sigma of log10 R; `rows` of studies.spread, `slope` after SET."""
    from matplotlib.figure import Figure

    fig = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = fig.subplots(1, 2)
    for after, marker in ((1.0, "o"), (0.0, "s")):
        some = sorted((row for row in rows if row["after_set"] == after), key=lambda row: row["median_uS"])
        if not some:
            continue
        g_uS, name = [row["median_uS"] for row in some], "SET" if after else "RESET"
        left.plot(g_uS, [row["cycle_percent"] for row in some], "-", marker=marker, color="C0",
                  label=f"after {name}, cycle to cycle")
        left.plot(g_uS, [row["device_percent"] for row in some], "--", marker=marker, mfc="none", color="C1",
                  label=f"after {name}, device to device")
        right.plot(g_uS, [row["sigma_log10_r"] for row in some], "-", marker=marker, color="C2", label=f"after {name}")
    sets = [row for row in rows if row["after_set"]]
    if sets:
        g = np.array(sorted(row["median_uS"] for row in sets))
        left.plot(g, sets[0]["cycle_percent"] * np.sqrt(sets[0]["median_uS"] / g), "k:", lw=1, label="1 / sqrt(G)")
    left.set(xscale="log", yscale="log", xlabel="median conductance in uS", ylabel="sigma(G) / G in %",
             title=f"After SET sigma(G) / G falls as G^{slope:.2f}")
    right.set(xscale="log", yscale="log", xlabel="median conductance in uS", ylabel="sigma of log10 R",
              title=_finding(rows))
    right.title.set_fontsize(9)
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    return fig


def _finding(rows: Sequence[dict[str, float]]) -> str:
    after = {name: [row["sigma_log10_r"] for row in rows if row["after_set"] == value]
             for name, value in (("SET", 1.0), ("RESET", 0.0))}
    return "Sigma of log10 R: " + ", ".join(f"{min(some):.2f} to {max(some):.2f} after {name}"
                                             for name, some in after.items() if some)
