"""The pulse response of a cell: how far one SET (up) or RESET (down) pulse moves it, as a function of where it is."""

from __future__ import annotations

from math import isfinite
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from device_models.parts import Evidence
from device_models.validation import Document, Finite, NonNegative, Positive


class StateScale(Document):
    """Conductance of a state x: G = zero_uS + uS_per_unit x. A response in uS has 0 and 1."""

    zero_uS: Finite
    uS_per_unit: Positive
    evidence: Evidence


class StepLaw(Document):
    """One pulse: x -> x + sum_k polynomial[k] x^k + cycle_sd Z, u -> memory u + fading_sd sqrt(1 - memory^2) Z'.

    The cell is at x + u: `cycle_sd` is noise that stays, `fading_sd` (deviation of u) noise that later pulses wear
    off, by the factor `memory` each. A reading shows x + u + reading_sd Z'': that part is gone at the next reading. All
    in the unit of the state. `pulses`: how many measured pulses the numbers rest on.
    """

    polynomial: Annotated[tuple[Finite, ...], Field(min_length=1, max_length=8)]
    cycle_sd: NonNegative
    fading_sd: NonNegative = 0.0
    memory: Annotated[NonNegative, Field(lt=1)] = 0.0
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

    @model_validator(mode="after")
    def _finite(self) -> PulseResponse:
        largest = max(map(abs, self.state_range))
        for key, law in (("up", self.up), ("down", self.down)):
            bound = 0.0
            for c in reversed(law.polynomial):
                bound = bound * largest + abs(c)
            if not isfinite((bound + law.cycle_sd + law.fading_sd) * self.scale.uS_per_unit):
                raise ValueError(f"{key}: a step at the end of state_range is not a finite number of uS")
        return self
