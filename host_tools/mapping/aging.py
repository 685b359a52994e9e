"""What of a profile lets cells age on the board: its law of drift in log time, its read disturb (docs/bundle.md)."""

from __future__ import annotations

import numpy as np

from device_models.compile import STEPS
from device_models.profile import DeviceProfile
from firmware_py.aging import MOST_DISTURB
from host_tools.errors import HostError
from host_tools.mapping.bare import Tensors


def aging_tensors(profile: DeviceProfile) -> Tensors:
    """The tensors of a bundle whose cells age; HostError where the profile knows neither, or more than a board takes.

    A deviation that falls with time (a fit to few cells may say so) is none.
    """
    out: Tensors = {}
    law = None if profile.relaxation is None else profile.relaxation.law
    if law is not None:
        step = (profile.g_max_uS - profile.g_min_uS) / STEPS
        sd = np.maximum(law.sd_per_decade_uS, 0)
        out["profile.drift"] = np.stack([np.array(law.mean_per_decade_uS), sd]) / step
        out["profile.drift_s"] = np.array([law.from_s, law.to_s])
    change = 0.0 if profile.read_disturb is None else profile.read_disturb.relative_change_per_read
    if abs(change) > MOST_DISTURB:
        raise HostError(f"--aging: profile {profile.name}: {change:g} of a cell a read is more than a board takes")
    if change:
        out["profile.disturb"] = np.array([change])
    if not out:
        raise HostError(f"--aging: profile {profile.name} has neither a law of drift (relaxation.law) nor read_disturb")
    return out
