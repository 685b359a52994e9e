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
                      textcoords="offset points", xytext=(4, 8), ha="left", fontsize=8)
    axes.set(xlabel=f"physical rows of {layer}", ylabel="test accuracy in per cent", xlim=(0, None))
    axes.margins(y=0.25)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="lower right")
    rows, found = [r.of(layer).physical for r in tied], [r.figures["test_accuracy"] for r in tied]
    axes.set_title(
        f"{layer} on {_span(rows, 'd')} rows instead of {before.rows}: {_span(found, '.2f')} %,"
        f" as trained {free.figures['test_accuracy']:.2f} %\n({source}, {free.figures['test_images']:,} test images)",
        fontsize=10,
    )
    return fig


def _span(values: Sequence[float], form: str) -> str:
    low, high = format(min(values), form), format(max(values), form)
    return low if low == high else f"{low} to {high}"
