"""Differential pairing: a weight is G+ - G-, and one of the two cells is always at the lowest level."""

from __future__ import annotations

import numpy as np

from device_models.array.pairing import Column, Targets, settled
from device_models.array.types import F64
from device_models.profile import DeviceProfile


def differential(share: F64, profile: DeviceProfile, clip: float, rounded: bool) -> Targets:
    """Two cells a weight [2, K, N]: plane 0 carries positive, plane 1 negative weights; full range is `clip`.

    What a board emulates (docs/numerics.md, section 3): same planes, same elements, so a chip has the same cells.
    """
    span = profile.g_max_uS - profile.g_min_uS
    magnitude = np.stack([np.maximum(share, 0.0), np.maximum(-share, 0.0)])
    level, target = settled(profile.g_min_uS + magnitude * span, profile, rounded)
    return Targets(level, target, None, None, (Column(0, 1, 1.0),), clip / span)
