"""Accuracy against the physical rows that a layer is tied to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from host_tools.integer.report import Tied

PAPER = 46  # rows of 84 that Weinstock's row rename leaves


def figure(results: Sequence[Tied], layer: str, source: str) -> Figure:
    """One panel; the first result is the network as trained."""
    from matplotlib.figure import Figure

    fig = Figure(figsize=(6.4, 4), layout="constrained")
    axes = fig.subplots()
    free, tied = results[0], sorted(results[1:], key=lambda r: r.of(layer).physical)
    before = free.of(layer)
    axes.axhline(free.figures["test_accuracy"], color="0.4", ls="--", lw=1,
                 label=f"as trained: {before.physical} kinds of rows in {before.rows}")
    axes.plot([r.of(layer).physical for r in tied], [r.figures["test_accuracy"] for r in tied], "-o", mfc="none",
              label="tied and trained on")
    if before.rows == 84:
        axes.axvline(PAPER, color="0.7", ls=":", label=f"Weinstock: {PAPER} of 84 rows (96.66 %)")
    for r in tied:
        axes.annotate(f"-{r.of(layer).saved:.0f} %", (r.of(layer).physical, r.figures["test_accuracy"]),
                      textcoords="offset points", xytext=(0, 8), ha="center", fontsize=8)
    best = max(tied, key=lambda r: (round(r.figures["test_accuracy"], 1), r.of(layer).saved))
    lost = free.figures["test_accuracy"] - best.figures["test_accuracy"]
    axes.set(xlabel=f"physical rows of {layer}", ylabel="test accuracy in per cent", xlim=(0, None))
    axes.margins(y=0.25)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="lower right")
    word = "loses" if lost >= 0 else "gains"
    axes.set_title(f"{layer} on {best.of(layer).physical} rows instead of {before.rows} {word} {abs(lost):.2f} points\n"
                   f"({source})", fontsize=10)
    return fig
