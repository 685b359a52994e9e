"""Measured pulse responses beside the fitted filament model: curves, residuals, and the spread from run to run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from device_models.filament.response import Fitted


def figure(fits: Sequence[Fitted], spreads: Sequence[tuple[np.ndarray, np.ndarray] | None]) -> Figure:
    """One column a response; rows: conductance, residual in % of the range, deviation over runs where there are."""
    from matplotlib.figure import Figure

    runs = any(spread is not None for spread in spreads)
    fig = Figure(figsize=(5 * len(fits), 8 if runs else 6), layout="constrained")
    panels = fig.subplots(3 if runs else 2, len(fits), squeeze=False, sharex="col",
                          height_ratios=(2, 1, 1) if runs else (2, 1))
    for column, (fit, spread) in enumerate(zip(fits, spreads, strict=True)):
        pulses = np.arange(len(fit.model_uS))
        top, middle = panels[0][column], panels[1][column]
        top.plot(pulses, fit.response.g_uS[: len(pulses)], color="0.8", lw=0.6)
        top.plot(pulses, fit.response.median_uS, "k-", lw=1.5, label="measured, median")
        top.plot(pulses, fit.model_uS, "C3--", lw=1.5, label=f"model, {fit.volts:.2f} V")
        top.set(ylabel="conductance in uS",
                title=f"{fit.response.name} ({'SET' if fit.response.up else 'RESET'}): rms {fit.rms_percent:.1f} %"
                      f" of the range")
        top.legend(fontsize=8)
        middle.plot(pulses, fit.residual_percent, "C3-", lw=1)
        middle.axhline(0, color="k", lw=0.6)
        middle.set(ylabel="residual in % of range")
        if spread is not None:
            low = panels[2][column]
            low.plot(pulses, spread[0], "k-", label="measured runs")
            low.plot(pulses, spread[1], "C3--", label="modelled runs (preset's variation)")
            low.set(ylabel="sd of the change in uS")
            low.legend(fontsize=8)
        panels[-1][column].set(xlabel="pulses")
        for row in panels:
            row[column].grid(alpha=0.3)
    return fig
