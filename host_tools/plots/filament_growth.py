"""The filament model's pulse beside SciPy's ODE solver and beside the closed form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from device_models.filament.growth import Growth


def figure(compared: Sequence[Growth]) -> Figure:
    """Above: conductance against time; below: deviation of model and closed form from SciPy."""
    from matplotlib.figure import Figure

    fig = Figure(figsize=(8, 6), layout="constrained")
    above, below = fig.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    for i, (one, marker) in enumerate(zip(compared, "osD^", strict=False)):
        above.plot(one.seconds, one.ode_uS, "-", color=f"C{i}", lw=1, label=f"{one.name}: SciPy")
        above.plot(one.seconds[::5], one.model_uS[::5], marker, color=f"C{i}", mfc="none", label=f"{one.name}: model")
        below.plot(one.seconds, 100 * np.abs(one.model_uS / one.ode_uS - 1) + 1e-8, "-", marker=marker, ms=3,
                   color=f"C{i}", mfc="none")
        if one.closed_uS is not None:
            above.plot(one.seconds[2::5], one.closed_uS[2::5], "kx", ms=4,
                       label="closed form" if i == 0 else None, zorder=3)
    worst = max(one.worst_percent for one in compared)
    above.set(xscale="log", yscale="log", ylabel="conductance in uS",
              title=f"A pulse agrees with SciPy's ODE solver within {worst:.2f} %")
    above.set_ylim(bottom=0.1)  # room for the legend
    above.legend(fontsize=7, ncols=2, loc="lower left")
    below.set(yscale="log", xlabel="time in the pulse in s", ylabel="deviation in %")
    for axes in (above, below):
        axes.grid(alpha=0.3)
    return fig
