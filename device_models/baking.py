"""A profile's cells after one of its bakes: what heat adds to the spread that programming and time have left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from device_models.derive import finite_quantiles, quantile_table, table_probabilities
from device_models.distributions import Distribution, GaussianMixture
from device_models.errors import ProfileError

if TYPE_CHECKING:
    from device_models.aging import Bake
    from device_models.profile import DeviceProfile

_LEAST_SD = 1e-6  # of the range: a mixture's parts need a width


def baked(profile: DeviceProfile, temperature_C: float) -> DeviceProfile:
    """The profile after its bake at `temperature_C`; ProfileError names the bakes there are.

    A cell's change is normal with the mean and deviation of its level (retention.bakes) and independent of the
    conductance before: our reading, as a bake's statistics say no more. What time would do after a bake is not known,
    so the result has no relaxation.
    """
    bake = _find(profile, temperature_C)
    p = table_probabilities()
    rows = []
    for level, target in enumerate(profile.levels.conductance_uS):
        after = _after(profile, bake, level)
        x = np.empty_like(p)
        x[1:-1] = after.ppf(p[1:-1])
        x[0] = min(2 * float(after.segment_mean(0.0, p[1])) - x[1], x[1])
        x[-1] = max(2 * float(after.segment_mean(p[-2], 1.0)) - x[-2], x[-2])
        rows.append(np.maximum(x, 0.0) - target)
    assert profile.retention is not None
    return profile.model_copy(update={
        "name": f"{profile.name[:48]}-baked-{temperature_C:g}C".replace("+", ""),
        "programming": quantile_table(p, np.stack(rows), profile.retention.evidence),
        "description": f"{profile.description} Cells after the bake at {temperature_C:g} C.", "relaxation": None})


def _find(profile: DeviceProfile, temperature_C: float) -> Bake:
    if profile.retention is None:
        raise ProfileError(f"profile {profile.name}: has no bakes, so nothing is known at {temperature_C:g} C")
    found = [bake for bake in profile.retention.bakes if bake.temperature_C == temperature_C]
    if not found:
        known = ", ".join(f"{bake.temperature_C:g}" for bake in profile.retention.bakes)
        raise ProfileError(f"profile {profile.name}: no bake at {temperature_C:g} C; it has bakes at {known} C")
    return found[0]


def _after(profile: DeviceProfile, bake: Bake, level: int) -> Distribution:
    """Distribution in uS of the cells of `level`: each segment of the table before, moved and blurred by the bake."""
    p = table_probabilities()
    x = finite_quantiles(profile, profile.programming, level, p)
    least = _LEAST_SD * (profile.g_max_uS - profile.g_min_uS)
    sd = np.sqrt(bake.sd_uS[level] ** 2 + np.diff(x) ** 2 / 12)  # x runs evenly through a segment
    centres = (x[1:] + x[:-1]) / 2 + bake.mean_shift_uS[level]
    return GaussianMixture(np.diff(p), centres, np.maximum(sd, least))
