"""Small profiles for the tests of training, made from the preset so that they stay valid documents."""

from __future__ import annotations

from typing import Any

from device_models.profile import DeviceProfile


def charan() -> dict[str, Any]:
    """The preset as a document."""
    return DeviceProfile.load("charan-65nm").model_dump(mode="json", exclude_none=True)


def changed(sigma: float | None = None, levels: list[float] | None = None, stuck_low: float = 0.0) -> dict[str, Any]:
    """The preset with another relative spread, other levels, or stuck cells at 0 uS."""
    document = charan()
    if sigma is not None:
        document["programming"]["sigma"] = sigma
    if levels is not None:
        document["levels"]["conductance_uS"] = levels
    if stuck_low:
        evidence = document["levels"]["evidence"]
        document["faults"] = {"stuck_low": {"probability": stuck_low, "conductance_uS": 0.0, "evidence": evidence}}
    return document
