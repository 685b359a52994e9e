"""High-resistance state of the filament model against the voltage at which RESET stops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figure(rows: Sequence[dict[str, float]], decades_per_V: float) -> Figure:
    """Median and 10 to 90 % of the cells; `rows` of studies.stop_voltages."""
    from matplotlib.figure import Figure

    fig = Figure(figsize=(6, 4.2), layout="constrained")
    axes = fig.subplots()
    volts = [row["stop_V"] for row in rows]
    axes.plot(volts, [row["hrs_ohm"] / 1e3 for row in rows], "o-", mfc="none", label="median cell")
    axes.fill_between(volts, [row["hrs_10_percent_ohm"] / 1e3 for row in rows],
                      [row["hrs_90_percent_ohm"] / 1e3 for row in rows], alpha=0.25, label="10 to 90 % of cells")
    axes.set(yscale="log", xlabel="RESET stop voltage in V (magnitude)", ylabel="R_HRS in kohm",
             title=f"HRS rises {decades_per_V:.1f} decades per V of stop voltage")
    axes.grid(alpha=0.3)
    axes.legend()
    return fig
