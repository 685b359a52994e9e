"""Where a profile's numbers hold: outside of what its source covers it is refused, unless the caller says otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import field_validator

from device_models.errors import OutsideError
from device_models.parts import Evidence
from device_models.validation import Document, Finite

if TYPE_CHECKING:
    from device_models.profile import DeviceProfile

Range = tuple[Finite, Finite]


class Validity(Document):
    """Ranges that the source covers, both ends included; a range that is absent is not stated by the source."""

    conductance_uS: Range | None = None
    time_s: Range | None = None
    temperature_C: Range | None = None
    evidence: Evidence

    @field_validator("conductance_uS", "time_s", "temperature_C")
    @classmethod
    def _rising(cls, ends: Range | None) -> Range | None:
        if ends is not None and ends[1] < ends[0]:
            raise ValueError(f"{ends[1]:g} (upper end) is not >= {ends[0]:g} (lower end)")
        return ends


def refuse_outside(
    profile: DeviceProfile, *, conductance_uS: float | None = None, time_s: float | None = None,
    temperature_C: float | None = None, outside: bool = False,
) -> None:
    """OutsideError where a given value lies outside of the profile's range of validity; `outside` lets it pass."""
    if profile.validity is None or outside:
        return
    asked = {"conductance_uS": (conductance_uS, "uS"), "time_s": (time_s, "s"), "temperature_C": (temperature_C, "C")}
    for key, (value, unit) in asked.items():
        ends: Range | None = getattr(profile.validity, key)
        if value is None or ends is None or ends[0] <= value <= ends[1]:
            continue
        raise OutsideError(f"profile {profile.name}: {value:g} {unit} is not within {ends[0]:g} to {ends[1]:g} {unit}, "
                           f"where it holds ({profile.validity.evidence.source})")
