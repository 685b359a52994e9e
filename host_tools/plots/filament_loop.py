"""I-V loops of the filament model at several compliances, and R_LRS against the compliance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from device_models.filament.studies import Loop, Universal

LINES = ("-", "--", "-.", ":")
FLOOR_A = 1e-9


def figure(measured: Sequence[Loop], law: Universal) -> Figure:
    """Left: median current of each loop. Right: median R_LRS of each compliance beside V_c / I_C."""
    from matplotlib.figure import Figure

    fig = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = fig.subplots(1, 2)
    for i, loop in enumerate(measured):
        shade = f"C{i}"
        for branch, label in ((loop.set_branch, f"{loop.limit_A * 1e6:.3g} uA"), (loop.reset_branch, None)):
            amps = np.median(np.abs(branch.current_A), axis=1)
            left.plot(branch.volts, np.maximum(amps, FLOOR_A), LINES[i % len(LINES)], color=shade, label=label, lw=1.2)
    left.set(yscale="log", xlabel="voltage in V (RESET below 0)", ylabel="|current| in A, median cell",
             title="Compliance sets the state, RESET opens it")
    left.legend(title="compliance", fontsize=8, loc="lower right", ncols=2)
    amps = np.array([row["compliance_uA"] for row in law.rows])
    right.plot(amps, [row["lrs_ohm"] / 1e3 for row in law.rows], "o", mfc="none", label="model, median cell")
    line = np.geomspace(amps.min(), amps.max(), 50)
    right.plot(line, law.critical_V / line * 1e3, "k--", lw=1, label=f"V_c / I_C, V_c = {law.critical_V:.3f} V")
    right.set(xscale="log", yscale="log", xlabel="compliance current I_C in uA", ylabel="R_LRS in kohm",
              title=f"R_LRS = V_c / I_C within {law.worst_percent:.0f} % (slope {law.slope:.2f})")
    right.legend(fontsize=8)
    for axes in (left, right):
        axes.grid(alpha=0.3)
    return fig
