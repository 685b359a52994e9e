"""Technologies around a profile: other levels, spread, on/off ratio. For studies."""

from __future__ import annotations

import numpy as np

from device_models.errors import ProfileError
from device_models.parts import Evidence
from device_models.profile import DeviceProfile
from device_models.spread import LogNormalSpread, NormalSpread


def with_spread(profile: DeviceProfile, sigma: float) -> DeviceProfile:
    """The profile with another deviation, one for all levels, in the units it has."""
    spread = profile.programming
    if not isinstance(spread, (LogNormalSpread, NormalSpread)):
        raise ProfileError(f"profile {profile.name}: programming is {spread.distribution}, a study of the spread needs "
                           "normal or log-normal")  # fmt: skip
    return profile.model_copy(update={"programming": spread.model_copy(update={"sigma": float(sigma)})})


def with_levels(profile: DeviceProfile, count: int, ratio: float | None = None) -> DeviceProfile:
    """`count` evenly spaced levels up to the profile's highest, from its lowest or from highest / ratio."""
    lowest = profile.g_min_uS if ratio is None else profile.g_max_uS / ratio
    for name, value in (("programming.sigma", getattr(profile.programming, "sigma", None)),
                        ("programming.shift", getattr(profile.programming, "shift", None))):  # fmt: skip
        if isinstance(value, tuple) or not hasattr(profile.programming, "sigma"):
            raise ProfileError(f"profile {profile.name}: {name} is given level by level, a study of levels needs one "
                               "value for all")  # fmt: skip
    evidence = Evidence(source=f"rram finetune study on {profile.name}", note="Evenly spaced.", assumption=True)
    spaced = tuple(np.linspace(lowest, profile.g_max_uS, count).tolist())
    levels = profile.levels.model_copy(update={"conductance_uS": spaced, "evidence": evidence})
    return profile.model_copy(update={"levels": levels})
