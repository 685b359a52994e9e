"""A profile at a glance: where the cells of each level lie, and how spread depends on conductance and time."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from host_tools.commands.profile.spread_rows import level_spreads, nearer_to_another

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from device_models.profile import DeviceProfile

IQR_OF_NORMAL = 1.349
TIMES_SHOWN = 3


def figure(profile: DeviceProfile) -> Figure:
    """Two panels: quantile bands of every level; standard deviations in uS against conductance."""
    from matplotlib.figure import Figure

    fig = Figure(figsize=(9.5, 4), layout="constrained")
    left, right = fig.subplots(1, 2)
    _bands(left, profile)
    _deviations(right, profile)
    share = 100 * nearer_to_another(profile)
    fig.suptitle(f"{profile.name}: {profile.n_levels} levels, {share:.2g} % of the cells lie nearer to another level",
                 fontsize=10)
    return fig


def _bands(axes: Any, profile: DeviceProfile) -> None:
    rows = level_spreads(profile)
    targets = [row.target for row in rows]
    ends = (targets[0], targets[-1])
    axes.plot(ends, ends, "--", color="0.5", lw=0.8, label="target")
    width = 0.55 * min(b - a for a, b in pairwise(targets))
    width = min(width, 0.06 * (ends[1] - ends[0]))
    for row in rows:
        q5, q25, q50, q75, q95 = row.quantiles
        first = row is rows[0]
        axes.bar(row.target, q95 - q5, width, q5, color="#c6d8ea", edgecolor="#7f9fbf", lw=0.5,
                 label="5 to 95 % of the cells" if first else None)
        axes.bar(row.target, q75 - q25, 0.7 * width, q25, color="#4a7fb5", label="middle half" if first else None)
        axes.plot([row.target], [q50], "_", color="black", ms=8, label="median" if first else None)
    low, high = min(row.quantiles[0] for row in rows), max(row.quantiles[-1] for row in rows)
    axes.set_ylim(max(low, 0) - 0.04 * (high - low), high + 0.04 * (high - low))
    axes.set(xlabel="target conductance in uS", ylabel="conductance after programming in uS")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=4, columnspacing=1,
                handlelength=1.5)


def _deviations(axes: Any, profile: DeviceProfile) -> None:
    rows = level_spreads(profile)
    # where means do not rise with the level, a line over them would run to and fro
    key = "mean" if all(a.mean < b.mean for a, b in pairwise(rows)) else "target"
    x = [getattr(row, key) for row in rows]
    robust = [(row.quantiles[3] - row.quantiles[1]) / IQR_OF_NORMAL for row in rows]
    axes.plot(x, robust, "s--", ms=7, mfc="none", color="#4a7fb5", label="robust (IQR / 1.349)")
    axes.plot(x, [row.sd for row in rows], "o-", ms=3, color="#b5541c", label="sd after programming")
    if any(row.read_noise for row in rows):
        axes.plot(x, [row.read_noise for row in rows], "^:", ms=4, mfc="none", color="0.3", label="one read")
    aged = [one for one in profile.relaxation.aged if one.spread != profile.programming] if profile.relaxation else []
    for one, line in zip(aged[-TIMES_SHOWN:], ("-.", (0, (1, 1)), (0, (5, 1, 1, 1))), strict=False):
        old = level_spreads(profile.model_copy(update={"programming": one.spread}))
        axes.plot([getattr(row, key) for row in old], [row.sd for row in old], linestyle=line, color="#3b7d3b",
                  label=f"sd after {one.time_s:g} s")
    axes.set(xlabel=f"{key} conductance of a level in uS", ylabel="standard deviation in uS")
    axes.set_ylim(0, None if any(row.sd or row.read_noise for row in rows) else 1)
    if not any(row.sd for row in rows):
        axes.text(0.5, 0.5, "no spread given", transform=axes.transAxes, ha="center")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
