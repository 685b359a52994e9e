"""The parts of a profile other than its programming spread. Conductances in uS; every number carries its evidence."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Literal

from pydantic import field_validator, model_validator

from device_models.validation import Document, Finite, Flag, NonNegative, PerLevel, Positive, Probability, Text


def increasing(values: tuple[float, ...], strictly: bool) -> tuple[float, ...]:
    """`values`, or ValueError where they fall (or, `strictly`, stay)."""
    for i, (before, after) in enumerate(pairwise(values), start=1):
        if after < before or (strictly and after == before):
            raise ValueError(f"{after:g} (number {i + 1}) is not {'>' if strictly else '>='} {before:g} (number {i})")
    return values


# The unit of a spread: the target conductance of the cell itself, the highest level (G_max), or uS.
Reference = Literal["own_conductance", "full_scale", "absolute_uS"]


class Evidence(Document):
    """Where numbers come from; `assumption` is true where they are ours and not the source's."""

    source: Text
    note: Text
    assumption: Flag


class Levels(Document):
    """Target conductances of a cell in uS, lowest first."""

    conductance_uS: tuple[Positive, ...]
    evidence: Evidence

    @field_validator("conductance_uS")
    @classmethod
    def _increasing(cls, levels: tuple[float, ...]) -> tuple[float, ...]:
        if len(levels) < 2 or len(levels) > 256:
            raise ValueError(f"{len(levels)} level(s) is not 2 to 256")
        return increasing(levels, strictly=True)


class Amount(Document):
    """A non-negative number (one for all levels, or one per level) with its evidence."""

    value: PerLevel
    evidence: Evidence


class NoiseSpectrum(Document):
    """Where the power of the read noise lies: shares of white noise, flicker (1/f^slope) and telegraph noise (RTN).

    Documentation: the emulated noise is independent from read to read.
    """

    band_Hz: tuple[Positive, Positive]
    slope: Finite
    share_white: Probability
    share_flicker: Probability
    share_rtn: Probability
    evidence: Evidence


class ReadNoise(Document):
    """Gaussian noise of one read of one cell: sigma = absolute_uS + relative * G (sum, not root of squares)."""

    relative: Amount | None = None
    absolute_uS: Amount | None = None
    spectrum: NoiseSpectrum | None = None


class Stuck(Document):
    """Cells that stay at one conductance, whatever is written: their share of all cells."""

    probability: Probability
    conductance_uS: NonNegative
    evidence: Evidence


class Faults(Document):
    """Stuck-at faults; a cell has at most one."""

    stuck_low: Stuck | None = None
    stuck_high: Stuck | None = None

    @model_validator(mode="after")
    def _not_more_than_all(self) -> Faults:
        total = sum(stuck.probability for stuck in (self.stuck_low, self.stuck_high) if stuck is not None)
        if total > 1:
            raise ValueError(f"stuck_low and stuck_high: probabilities add up to {total:g}, which is not <= 1")
        return self


class ReadDisturb(Document):
    """Mean relative change of a cell's conductance by one read. Emulated by device_models.array, and by a board
    whose bundle says so (`rram export --aging`)."""

    relative_change_per_read: Finite
    evidence: Evidence


class ProgrammingCost(Document):
    """Mean cost of programming one cell, verify pulses included. Documentation."""

    pulses: Positive
    pulse_width_ns: Positive | None = None
    energy_pJ: Positive | None = None
    evidence: Evidence


def refuse_bare_noise(value: Any) -> Any:
    """`value`, or ValueError where it is a number without a meaning."""
    if isinstance(value, (int, float)):
        raise ValueError(f"{value!r} alone is not a read noise: say relative (to own conductance) or absolute_uS")
    return value
