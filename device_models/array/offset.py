"""Offset pairing: one cell a weight, and a reference column in the middle of the range that is taken off."""

from __future__ import annotations

import numpy as np

from device_models.array.pairing import Column, Targets, settled
from device_models.array.types import F64
from device_models.errors import ProfileError
from device_models.profile import DeviceProfile


def offset(share: F64, profile: DeviceProfile, clip: float, rounded: bool) -> Targets:
    """One cell a weight [1, K, N] around the middle level, at which the cells of the reference column stand.

    The middle level is the one with most room on its narrower side, and that room is `clip`: a weight of 0 is exact
    without spread. Half of the range carries the magnitude, and every cell has the spread of its whole conductance:
    this is why offset pairing suffers so much more from spread than differential pairs do (docs/array.md).
    """
    levels = np.array(profile.levels.conductance_uS)
    room = np.minimum(levels[-1] - levels, levels - levels[0])
    middle = int(np.argmax(room))
    if room[middle] <= 0:
        raise ProfileError(f"profile {profile.name}: {len(levels)} levels, and offset pairing needs 3: "
                           "one for the reference column, one above, one below")
    level, target = settled(levels[middle] + share[None] * room[middle], profile, rounded)
    return Targets(level, target, np.array([middle], np.uint8), levels[[middle]], (Column(0, None, 1.0),),
                   clip / float(room[middle]))
