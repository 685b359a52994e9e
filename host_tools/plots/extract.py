"""Levels that can be told apart against the error that is allowed, and the spread of each level."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from device_models.extract import Extraction

STYLES = (("o", "-"), ("s", "--"), ("^", ":"), ("D", "-."), ("v", "-"), ("x", "--"), ("+", ":"))
FEWEST_PERCENT = 0.01


def figure(found: Mapping[float, Extraction], source: str) -> Figure:
    """Two panels for extractions by their time in s after programming."""
    from matplotlib.figure import Figure

    fig = Figure(figsize=(10, 4), layout="constrained")
    left, right = fig.subplots(1, 2)
    for (time_s, answer), (marker, line) in zip(found.items(), STYLES * len(found), strict=False):
        label = f"{time_s:g} s"
        errors = [100 * error for error in answer.least_error]
        left.plot(errors[1:], range(2, len(errors) + 1), line, marker=marker, ms=4, mfc="none", label=label)
        index = [row.level for row in answer.levels]
        right.plot(index, [row.sd_uS for row in answer.levels], line, marker=marker, ms=4, color="tab:red",
                   label=f"{label}, sd")
        right.plot(index, [row.robust_sd_uS for row in answer.levels], line, marker=marker, ms=4, mfc="none",
                   color="tab:blue", label=f"{label}, robust (IQR / 1.349)")
    for percent in (1, 5, 10):
        left.axvline(percent, color="0.8", lw=0.8, zorder=0)
    left.set(xscale="log", xlabel="cells read in a wrong bin in per cent", ylabel="levels that can be told apart")
    left.set_xlim(left=max(FEWEST_PERCENT, left.get_xlim()[0]))
    right.set(xlabel="target level", ylabel="standard deviation of its cells in uS", yscale="log")
    left.xaxis.set_major_formatter("{x:g}")
    right.yaxis.set_major_formatter("{x:g}")
    right.yaxis.set_minor_formatter("{x:g}")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    most = max(told.error for answer in found.values() for told in answer.told)
    counts = [max(told.choice.count for told in answer.told) for answer in found.values()]
    times = [f"{time_s:g} s" for time_s in found]
    text = f"{counts[0]} levels with {100 * most:g} % of cells in a wrong bin {times[0]} after programming"
    if len(times) > 1:
        text += f", {counts[-1]} after {times[-1]}"
    fig.suptitle(f"{text} ({'/'.join(source.split('/')[-2:])})", fontsize=10)
    return fig
