"""The spread of a cell after programming: always a distribution and a reference, never a bare number."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from device_models.parts import Evidence, Reference, increasing
from device_models.validation import Document, Finite, NonNegative, PerLevel, Probability, SignedPerLevel

Rows = tuple[tuple[Finite, ...], ...]
_SUM = 1e-6  # by which the weights of a mixture may miss 1


class NormalSpread(Document):
    """G = target + shift + sigma Z. Below zero the cell is at zero."""

    distribution: Literal["normal"]
    reference: Reference
    sigma: PerLevel
    shift: SignedPerLevel | None = None
    evidence: Evidence


class LogNormalSpread(Document):
    """ln G is normal; sigma is the standard deviation of G itself; target + shift is its mean or its median."""

    distribution: Literal["log-normal"]
    reference: Reference
    sigma: PerLevel
    shift: SignedPerLevel | None = None
    target_is: Literal["mean", "median"]
    evidence: Evidence


class NormalLogNormalVarianceSpread(Document):
    """G = target + S Z; S^2 is log-normal with mean sigma^2, and ln S^2 has the deviation `variance_sigma`, 0 to 2."""

    distribution: Literal["normal-log-normal-variance"]
    reference: Reference
    sigma: PerLevel
    variance_sigma: Annotated[NonNegative, Field(le=2)]
    evidence: Evidence


class GaussianMixtureSpread(Document):
    """G = target + shift[level][k] + sigma[level][k] Z with probability weight[level][k]. Below zero: at zero."""

    distribution: Literal["gaussian-mixture"]
    reference: Reference
    weight: tuple[tuple[Probability, ...], ...]
    shift: Rows
    sigma: tuple[tuple[NonNegative, ...], ...]
    evidence: Evidence

    @model_validator(mode="after")
    def _rows(self) -> GaussianMixtureSpread:
        for level, weights in enumerate(self.weight):
            if not weights or abs(sum(weights) - 1) > _SUM:
                raise ValueError(f"weight[{level}]: adds up to {sum(weights):g}, which is not 1")
            for key, rows in (("shift", self.shift), ("sigma", self.sigma)):
                if len(rows) != len(self.weight):
                    raise ValueError(f"{key}: {len(rows)} rows is not {len(self.weight)}, one per level as in weight")
                if len(rows[level]) != len(weights):
                    raise ValueError(f"{key}[{level}]: {len(rows[level])} values is not {len(weights)}, as in weight")
        return self


class QuantileSpread(Document):
    """A table: `deviation[level][i]` is (G - target) in units of the reference at `probability[i]`; linear between."""

    distribution: Literal["quantiles"]
    reference: Reference
    probability: tuple[Probability, ...]
    deviation: Rows
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
    NormalSpread | LogNormalSpread | NormalLogNormalVarianceSpread | GaussianMixtureSpread | QuantileSpread,
    Field(discriminator="distribution"),
]


def refuse_bare_spread(value: Any) -> Any:
    """`value`, or ValueError where it is a number without a meaning."""
    if isinstance(value, (int, float)):
        raise ValueError(f"{value!r} alone is not a spread: give distribution, reference, sigma and evidence")
    return value
