"""Profiles derived from a profile: its cells some time after programming, or at other target conductances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from device_models.compile import spread_distribution
from device_models.distributions import Distribution
from device_models.errors import OutsideError, ProfileError
from device_models.parts import Evidence, ReadNoise
from device_models.spread import QuantileSpread, Spread
from device_models.validity import refuse_outside

if TYPE_CHECKING:
    from device_models.profile import DeviceProfile

Array = npt.NDArray[np.float64]
_TAIL = 2.0**-12  # outermost probability beside 0 and 1 of a table


def table_probabilities() -> Array:
    """Probabilities of a quantile table: 0, then from 1/4096 evenly in normal quantile to its mirror image, then 1."""
    from scipy.special import ndtr, ndtri

    inner = ndtr(np.linspace(ndtri(_TAIL), -ndtri(_TAIL), 63))
    return np.concatenate([[0.0], inner, [1.0]])


def aged(profile: DeviceProfile, time_s: float, outside: bool = False) -> DeviceProfile:
    """The profile of the same cells `time_s` seconds after programming; 0 is the profile itself.

    Programming is what was read first: where the range of validity begins, if not at 0. Between two measured times
    every quantile moves linearly in log time (from 0 to the first time t1: in log(1 + 9 t / t1)). ProfileError without
    relaxation, for a negative time, and beyond the last time or the range of validity unless `outside`, which then
    holds the last spread (before the first: programming's).
    """
    if not (np.isfinite(time_s) and time_s >= 0):
        raise ProfileError(f"profile {profile.name}: {time_s:g} s is not a time >= 0")
    if time_s in (0, _programmed_s(profile)):
        return profile
    if profile.relaxation is None:
        raise ProfileError(f"profile {profile.name}: has no relaxation, so nothing is known at {time_s:g} s")
    refuse_outside(profile, time_s=time_s, outside=outside)
    if time_s < _programmed_s(profile):
        return profile
    last = profile.relaxation.aged[-1].time_s
    if time_s > last and not outside:
        raise OutsideError(f"profile {profile.name}: {time_s:g} s is later than {last:g} s, the last time of its "
                           "relaxation", "holds the last one")
    return profile.model_copy(update={
        "name": f"{profile.name[:48]}-at-{time_s:g}s".replace("+", ""), "programming": _spread_at(profile, time_s),
        "description": f"{profile.description} Cells {time_s:g} s after programming.", "relaxation": None})


def distribution_at(profile: DeviceProfile, level: int, time_s: float, outside: bool = False) -> Distribution:
    """Distribution in uS of the cells of `level` at `time_s`; errors as in `aged`."""
    return spread_distribution(profile, aged(profile, time_s, outside).programming, level)


def with_levels(profile: DeviceProfile, levels_uS: Sequence[float], outside: bool = False) -> DeviceProfile:
    """The same technology at other target conductances (increasing, uS).

    Quantiles of G - target are interpolated linearly between the profile's levels; below the lowest and above the
    highest they stay. ProfileError outside of the validity (or, where none is stated, of the levels) unless `outside`.
    """
    for level in levels_uS:
        refuse_outside(profile, conductance_uS=level, outside=outside)
        stated = profile.validity is not None and profile.validity.conductance_uS is not None
        if not (outside or stated or profile.g_min_uS <= level <= profile.g_max_uS):
            raise OutsideError(f"profile {profile.name}: {level:g} uS is not within its levels, {profile.g_min_uS:g} "
                               f"to {profile.g_max_uS:g} uS")
    own = profile.levels.conductance_uS
    p = table_probabilities()

    def moved(spread: Spread) -> QuantileSpread:
        rows = np.stack([finite_quantiles(profile, spread, i, p) - target for i, target in enumerate(own)])
        columns = [np.interp(levels_uS, own, column) for column in rows.T]
        return quantile_table(p, np.maximum(np.stack(columns, axis=1), -np.array(levels_uS)[:, None]), spread.evidence)

    data = profile.model_dump(exclude_none=True)
    data["levels"] = {"conductance_uS": list(levels_uS), "evidence": _derived(profile.levels.evidence)}
    data["programming"] = moved(profile.programming)
    data.pop("retention", None)  # per level of the source
    if profile.relaxation is not None:
        later = [{"time_s": a.time_s, "spread": moved(a.spread)} for a in profile.relaxation.aged]
        data["relaxation"] = {"aged": later, "evidence": profile.relaxation.evidence}
    data["read_noise"] = read_noise_at(profile, levels_uS)
    return type(profile).from_dict(data, f"profile {profile.name} at other levels")


def read_noise_at(profile: DeviceProfile, levels_uS: Sequence[float]) -> ReadNoise:
    """The profile's read noise at other target conductances in uS: linear between its levels, beyond them it stays."""
    noise, changed = profile.read_noise, {}
    for key, amount in (("relative", noise.relative), ("absolute_uS", noise.absolute_uS)):
        if amount is not None and isinstance(amount.value, tuple):
            value = np.interp(levels_uS, profile.levels.conductance_uS, amount.value)
            changed[key] = amount.model_copy(update={"value": tuple(value.tolist())})
    return noise.model_copy(update=changed)


def _spread_at(profile: DeviceProfile, time_s: float) -> Spread:
    assert profile.relaxation is not None
    times = [_programmed_s(profile)] + [a.time_s for a in profile.relaxation.aged]
    spreads: list[Spread] = [profile.programming] + [a.spread for a in profile.relaxation.aged]
    after = int(np.searchsorted(times, time_s))
    if after == len(times):
        return spreads[-1]
    if times[after] == time_s:
        return spreads[after]
    weight = _log_way(time_s, times[after - 1], times[after])
    p = table_probabilities()
    rows = [(1 - weight) * finite_quantiles(profile, spreads[after - 1], level, p)
            + weight * finite_quantiles(profile, spreads[after], level, p) - target
            for level, target in enumerate(profile.levels.conductance_uS)]
    return quantile_table(p, np.stack(rows), spreads[after].evidence)


def _programmed_s(profile: DeviceProfile) -> float:
    """When the cells of the programming spread were read."""
    stated = profile.validity.time_s if profile.validity is not None else None
    return max(stated[0], 0.0) if stated is not None else 0.0


def _log_way(time_s: float, before_s: float, after_s: float) -> float:
    if before_s == 0:
        return float(np.log10(1 + 9 * time_s / after_s))
    return float(np.log(time_s / before_s) / np.log(after_s / before_s))


def finite_quantiles(profile: DeviceProfile, spread: Spread, level: int, p: Array) -> Array:
    """Quantiles in uS at p (0 first, 1 last), not below zero; the ends keep the mean of their segment."""
    distribution = spread_distribution(profile, spread, level)
    x = np.empty_like(p)
    x[1:-1] = distribution.ppf(p[1:-1])
    x[0] = min(2 * float(distribution.segment_mean(0.0, p[1])) - x[1], x[1])
    x[-1] = max(2 * float(distribution.segment_mean(p[-2], 1.0)) - x[-2], x[-2])
    return np.maximum(x, 0.0)


def quantile_table(p: Array, deviation: Array, evidence: Evidence) -> QuantileSpread:
    """Deviations in uS [levels, n] from the targets at probabilities p [n], made to rise along p."""
    rows = tuple(tuple(float(f"{value:.6g}") for value in row) for row in np.maximum.accumulate(deviation, axis=1))
    return QuantileSpread(distribution="quantiles", reference="absolute_uS", probability=tuple(map(float, p)),
                          deviation=rows, evidence=_derived(evidence))


def _derived(evidence: Evidence) -> Evidence:
    return evidence.model_copy(update={"note": f"Interpolated. {evidence.note}"})
