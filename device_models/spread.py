"""The spread of a cell after programming: always a distribution and a reference, never a bare number."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from device_models.parts import Evidence, Reference, increasing
from device_models.validation import Document, Finite, NonNegative, PerLevel, Probability


class NormalSpread(Document):
    """G = target + sigma Z. Below zero the cell is at zero."""

    distribution: Literal["normal"]
    reference: Reference
    sigma: PerLevel
    evidence: Evidence


class LogNormalSpread(Document):
    """ln G is normal; sigma is the standard deviation of G, not of ln G; the target is the mean or the median of G."""

    distribution: Literal["log-normal"]
    reference: Reference
    sigma: PerLevel
    target_is: Literal["mean", "median"]
    evidence: Evidence


class NormalLogNormalVarianceSpread(Document):
    """G = target + S Z; S^2 is log-normal with mean sigma^2, and ln S^2 has the deviation `variance_sigma`, 0 to 2."""

    distribution: Literal["normal-log-normal-variance"]
    reference: Reference
    sigma: PerLevel
    variance_sigma: Annotated[NonNegative, Field(le=2)]
    evidence: Evidence


class QuantileSpread(Document):
    """A table: `deviation[level][i]` is (G - target) in units of the reference at `probability[i]`; linear between."""

    distribution: Literal["quantiles"]
    reference: Reference
    probability: tuple[Probability, ...]
    deviation: tuple[tuple[Finite, ...], ...]
    evidence: Evidence

    @field_validator("probability")
    @classmethod
    def _from_0_to_1(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if len(values) < 2 or values[0] != 0 or values[-1] != 1:
            raise ValueError(f"{', '.join(map(str, values[:1] + values[1:][-1:])) or 'nothing'} is not first 0, last 1")
        return increasing(values, strictly=True)

    @model_validator(mode="after")
    def _rows(self) -> QuantileSpread:
        for level, row in enumerate(self.deviation):
            if len(row) != len(self.probability):
                raise ValueError(f"deviation[{level}]: {len(row)} values, probability has {len(self.probability)}")
            try:
                increasing(row, strictly=False)
            except ValueError as error:
                raise ValueError(f"deviation[{level}]: {error}") from None
        return self


Spread = Annotated[
    NormalSpread | LogNormalSpread | NormalLogNormalVarianceSpread | QuantileSpread, Field(discriminator="distribution")
]


def refuse_bare_spread(value: Any) -> Any:
    """`value`, or ValueError where it is a number without a meaning."""
    if isinstance(value, (int, float)):
        raise ValueError(f"{value!r} alone is not a spread: give distribution, reference, sigma and evidence")
    return value
