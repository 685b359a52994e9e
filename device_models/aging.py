"""What time and heat do to programmed cells: relaxation at the temperature of use, retention in bakes."""

from __future__ import annotations

from pydantic import field_validator, model_validator

from device_models.parts import Evidence, increasing
from device_models.spread import Spread
from device_models.validation import Document, Finite, NonNegative, Positive


class AgedSpread(Document):
    """The spread of the cells (programming included) `time_s` after programming."""

    time_s: Positive
    spread: Spread


class LogTimeLaw(Document):
    """Per level: mean and standard deviation of G - G(0) grow by these amounts with every decade of time from `from_s`.

    Fitted to `from_s` to `to_s`. Cells that age on a board follow it (`rram export --aging`); device_models takes the
    spreads.
    """

    from_s: Positive
    to_s: Positive
    mean_per_decade_uS: tuple[Finite, ...]
    sd_per_decade_uS: tuple[Finite, ...]


class Relaxation(Document):
    """How the programmed spread changes with time. Between the times quantiles move linearly in log time."""

    temperature_C: Finite | None = None
    aged: tuple[AgedSpread, ...]
    law: LogTimeLaw | None = None
    evidence: Evidence

    @field_validator("aged")
    @classmethod
    def _times(cls, values: tuple[AgedSpread, ...]) -> tuple[AgedSpread, ...]:
        if not values:
            raise ValueError("no time is given, expected at least one")
        increasing(tuple(aged.time_s for aged in values), strictly=True)
        return values


class Bake(Document):
    """Change of the cells of every level in one bake."""

    temperature_C: Finite
    time_s: Positive | None = None
    mean_shift_uS: tuple[Finite, ...]
    sd_uS: tuple[NonNegative, ...]


class Retention(Document):
    """Bakes, and the activation energy (Arrhenius) where the data support one. Documentation, not emulated."""

    bakes: tuple[Bake, ...]
    activation_energy_eV: Positive | None = None
    evidence: Evidence

    @model_validator(mode="after")
    def _at_least_one(self) -> Retention:
        if not self.bakes:
            raise ValueError("bakes: no bake is given, expected at least one")
        return self
