"""What reordered rows save: the error of the last layer's sums, by how noisy the bit lines are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from host_tools.integer.orders import Reordered

STYLES = {"trained": ("o", "-", "rows as trained"), "random": ("s", "--", "rows in random order"),
          "reordered": ("^", ":", "rows reordered")}


def figure(results: Sequence[Reordered], source: str) -> Figure:
    """Two panels: error in units of one cell times one code, and its cut with the 95 % interval."""
    from matplotlib.figure import Figure

    fig = Figure(figsize=(9, 3.8), layout="constrained")
    left, right = fig.subplots(1, 2)
    results = sorted(results, key=lambda r: r.current)
    noise = [100 * r.current for r in results]
    for name, (marker, line, label) in STYLES.items():
        rms = [r.outcome[name].rms for r in results]
        left.errorbar(noise, [v.mean() for v in rms], [v.std(ddof=1) for v in rms], ls=line, marker=marker, mfc="none",
                      capsize=3, label=label)
    for values, marker, label in (([r.cut for r in results], "o", "against the trained order"),
                                  ([r.random_cut for r in results], "s", "against a random order")):
        middle = [v[0] for v in values]
        bars = [[v[0] - v[1] for v in values], [v[2] - v[0] for v in values]]
        right.errorbar(noise, middle, bars, ls="-" if marker == "o" else "--", marker=marker, mfc="none", capsize=3,
                       label=label)
    right.axhline(5.6, color="0.5", ls=":", label="Weinstock: 5.6 %")
    left.set(xlabel="noise of a bit line in per cent of its current", ylabel="rms error of the sums, cells x codes")
    right.set(xlabel="noise of a bit line in per cent of its current", ylabel="cut of the error in per cent")
    left.set_ylim(bottom=0)
    right.set_ylim(bottom=0)
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    cuts = [r.cut[0] for r in results]
    span = f"{cuts[0]:.1f} %" if len(cuts) == 1 else f"{min(cuts):.1f} to {max(cuts):.1f} %"
    fig.suptitle(f"Reordered rows cut the last layer's error by {span} ({source})", fontsize=10)
    return fig
