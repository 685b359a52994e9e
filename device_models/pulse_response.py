"""The pulse response of a cell: how far one SET (up) or RESET (down) pulse moves it, as a function of where it is."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from device_models.parts import Evidence
from device_models.validation import Document, Finite, NonNegative, Positive


class StateScale(Document):
    """Conductance of a state x: G = zero_uS + uS_per_unit x. A response in uS has 0 and 1."""

    zero_uS: Finite
    uS_per_unit: Positive
    evidence: Evidence


class StepLaw(Document):
    """One pulse: x -> x + sum_k polynomial[k] x^k + cycle_sd Z, the cycle-to-cycle noise that stays in the cell.

    `reading_sd`: deviation of a reading of x that is gone at the next one (read noise, or noise of a write that decays).
    `pulses`: how many measured pulses the numbers rest on.
    """

    polynomial: Annotated[tuple[Finite, ...], Field(min_length=1, max_length=8)]
    cycle_sd: NonNegative
    reading_sd: NonNegative
    pulses: Annotated[int, Field(ge=1)]


class PulseResponse(Document):
    """Steps up and down by identical pulses, for states within `state_range`; x stays within it."""

    state_range: tuple[Finite, Finite]
    up: StepLaw
    down: StepLaw
    scale: StateScale
    evidence: Evidence

    @field_validator("state_range")
    @classmethod
    def _rising(cls, ends: tuple[float, float]) -> tuple[float, float]:
        if ends[1] <= ends[0]:
            raise ValueError(f"{ends[1]:g} (upper end) is not > {ends[0]:g} (lower end)")
        return ends
