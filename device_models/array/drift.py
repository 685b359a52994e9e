"""Drift while in use: the spread of the cells at the time of use instead of right after programming."""

from __future__ import annotations

from device_models.derive import aged
from device_models.profile import DeviceProfile


def drifted(profile: DeviceProfile, time_s: float, outside: bool = False) -> DeviceProfile:
    """The profile `time_s` seconds after programming, by its relaxation; a cell keeps its place among its level's.

    That is: its random number is the same, so the cell that was the strongest stays the strongest. ProfileError for a
    negative time, and beyond what the profile covers unless `outside`.
    """
    return aged(profile, time_s, outside)
