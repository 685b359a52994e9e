"""A profile beside the cells that judge it: quantile against quantile, and distributions over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from device_models.check.judge import Verdict
    from device_models.fit.groups import Groups
    from device_models.profile import DeviceProfile

MARKERS = "osD^v"
QUARTILES = np.array([0.05, 0.25, 0.5, 0.75, 0.95])


def figure(profile: DeviceProfile, judged: Groups, verdict: Verdict, outside: bool = False) -> Figure:
    """Left: measured against modelled quantiles of five levels; right: quantiles over time of three."""
    from matplotlib.figure import Figure

    fig = Figure(figsize=(10, 4.4), layout="constrained")
    left, right = fig.subplots(1, 2)
    levels = sorted({int(i) for i in np.linspace(0, len(judged.levels) - 1, 5)})
    _quantiles(left, profile, judged, levels, outside)
    _over_time(right, profile, judged, levels[1:4], outside)
    normal = verdict.baselines["normal"].ks_ratio
    fig.suptitle(f"{profile.name}: {verdict.model.ks_ratio:.2f} times as far from the cells as sampling alone puts it "
                 f"(a normal fit: {normal:.2f})", fontsize=10)
    return fig


def _quantiles(axes: Any, profile: DeviceProfile, judged: Groups, levels: list[int], outside: bool) -> None:
    from device_models.check.judge import places_of
    from device_models.derive import distribution_at

    places = places_of(profile, judged)
    p = np.linspace(0.03, 0.97, 48)
    low, high = np.inf, -np.inf
    for marker, i in zip(MARKERS, levels, strict=False):
        target = profile.levels.conductance_uS[places[i]]
        model = np.asarray(distribution_at(profile, places[i], judged.times_s[0], outside).ppf(p)) - target
        own = np.quantile(judged.values[i][0], p) - target
        axes.plot(model, own, marker, ms=3, mfc="none", label=f"level {judged.levels[i]}")
        low, high = min(low, model.min(), own.min()), max(high, model.max(), own.max())
    axes.plot([low, high], [low, high], "-", color="0.5", lw=0.8, zorder=0)
    axes.set(xlabel="modelled quantile - target in uS", ylabel="measured quantile - target in uS",
             title=f"3 to 97 % of the cells, {judged.times_s[0]:g} s after programming")
    axes.title.set_fontsize(9)
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)


def _over_time(axes: Any, profile: DeviceProfile, judged: Groups, levels: list[int], outside: bool) -> None:
    from device_models.check.judge import places_of
    from device_models.derive import distribution_at

    places = places_of(profile, judged)
    place = np.arange(len(judged.times_s))
    styles = ("-", "--", ":")
    for style, marker, i in zip(styles, MARKERS, levels, strict=False):
        model = np.array([distribution_at(profile, places[i], time_s, outside).ppf(QUARTILES)
                          for time_s in judged.times_s])
        own = np.array([np.quantile(x, QUARTILES) for x in judged.values[i]])
        for q in range(len(QUARTILES)):
            axes.plot(place, model[:, q], style, color="black", lw=1.6 if q == 2 else 0.7,
                      label=f"level {judged.levels[i]}, model" if q == 2 else None)
            axes.plot(place, own[:, q], marker, ms=4, mfc="none", color="#b5541c",
                      label=f"level {judged.levels[i]}, measured" if q == 2 else None)
    axes.set_xticks(place, [f"{t:g}" for t in judged.times_s])
    axes.set(xlabel="time since programming in s", ylabel="conductance in uS",
             title="5, 25, 50, 75 and 95 % quantiles")
    axes.title.set_fontsize(9)
    axes.legend(fontsize=7, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.14))
    axes.grid(alpha=0.3)
