"""One sentence, six technologies: "so many levels, a variance of 50 %" under each way in which the field says a spread.

    for reading in readings(DeviceProfile.load("charan-65nm"), 0.5, on_off_ratio=5):
        reading.profile

The conventions are those of device_models.extract; every profile is an assumption, which is the point.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from device_models.errors import ProfileError
from device_models.profile import DeviceProfile

INFINITE = 1e4  # on/off ratio that stands for an infinite one: the lowest level draws no current worth counting


@dataclass(frozen=True)
class Reading:
    """A way to read the number, in words, and the profile that it gives."""

    name: str
    meaning: str
    profile: DeviceProfile


def readings(profile: DeviceProfile, share: float, on_off_ratio: float | None = None) -> list[Reading]:
    """Six profiles with the number of levels, G_max, read noise and faults of `profile`, for a spread of `share` (0.5).

    on_off_ratio: G_max / G_min, above 1 (default: the profile's own; math.inf: none flows at the lowest level); levels
    are equally spaced. ProfileError for a share outside of 0 to 1.
    """
    if not 0 < share <= 1:
        raise ProfileError(f"share: {share:g} is not > 0 and <= 1")
    base = _with_ratio(profile, on_off_ratio)
    levels = base["levels"]["conductance_uS"]
    span = levels[-1] - levels[0]
    percent = f"{100 * share:g} %"
    own: dict[str, Any] = {"reference": "own_conductance"}
    # ln G of deviation s about ln of the median m: sd of G = m exp(s^2 / 2) sqrt(exp(s^2) - 1)
    log_sd = math.exp(share**2 / 2) * math.sqrt(math.expm1(share**2))
    spreads: list[tuple[str, str, dict[str, Any]]] = [
        ("own-mean", f"sd = {percent} of the cell's own mean, log-normal",
         {"distribution": "log-normal", **own, "sigma": share, "target_is": "mean"}),
        ("own-mean-normal", f"sd = {percent} of the cell's own mean, normal, cut at zero",
         {"distribution": "normal", **own, "sigma": share}),
        ("log", f"sd of ln G = {share:g}, the target is the median",
         {"distribution": "log-normal", **own, "sigma": log_sd, "target_is": "median"}),
        ("variance", f"variance / mean² = {percent}: sd = {100 * math.sqrt(share):.3g} % of the mean, log-normal",
         {"distribution": "log-normal", **own, "sigma": math.sqrt(share), "target_is": "mean"}),
        ("range", f"sd = {percent} of G_max - G_min, normal, cut at zero",
         {"distribution": "normal", "reference": "absolute_uS", "sigma": share * span}),
        ("step", f"sd = {percent} of the distance between levels, normal",
         {"distribution": "normal", "reference": "absolute_uS", "sigma": share * span / (len(levels) - 1)}),
    ]
    return [Reading(name, meaning, _reading(profile, base, name, meaning, spread)) for name, meaning, spread in spreads]


def with_on_off_ratio(profile: DeviceProfile, on_off_ratio: float) -> DeviceProfile:
    """The profile with equally spaced levels from G_max / `on_off_ratio` (math.inf: none flows) to its G_max.

    Its spread, faults and read noise as they are stated; relaxation and retention, measured at its own levels, are left
    out. ProfileError for a ratio that is not > 1.
    """
    base = _with_ratio(profile, on_off_ratio)
    ratio = f"{on_off_ratio:g}"
    return DeviceProfile.from_dict(
        {**base, "name": f"{profile.name[:40]}-ratio-{ratio}",
         "description": f"{profile.name} with G_max / G_min = {ratio}: an assumption."},
        f"profile {profile.name} with G_max / G_min = {ratio}")


def _with_ratio(profile: DeviceProfile, on_off_ratio: float | None) -> dict[str, Any]:
    base = profile.model_dump(mode="json", exclude_none=True, exclude={"relaxation", "retention", "validity"})
    if on_off_ratio is None:
        return base
    if not on_off_ratio > 1:
        raise ProfileError(f"on_off_ratio: {on_off_ratio:g} is not > 1")
    top, count = profile.g_max_uS, profile.n_levels
    bottom = top / min(on_off_ratio, INFINITE)
    base["levels"]["conductance_uS"] = [bottom + (top - bottom) * i / (count - 1) for i in range(count)]
    return base


def _reading(profile: DeviceProfile, base: dict[str, Any], name: str, meaning: str,
             spread: dict[str, Any]) -> DeviceProfile:
    evidence = {"source": profile.source, "assumption": True,
                "note": f"One of several readings of the same sentence: {meaning}."}
    return DeviceProfile.from_dict(
        {**base, "name": f"{profile.name[:40]}-{name}", "description": f"{profile.name} read as: {meaning}.",
         "programming": {**spread, "evidence": evidence}}, f"reading {name}")
