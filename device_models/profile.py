"""DeviceProfile: the statistics of one RRAM technology, as a checked document. Conductances are in uS.

    profile = DeviceProfile.load("charan-65nm")        # a preset, or the path of a JSON file
    profile.levels.conductance_uS

A spread says its distribution and its reference; every number its evidence. docs/numerics.md: what becomes of them.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from device_models.errors import ProfileError
from device_models.validation import (
    Document,
    Finite,
    Flag,
    NonNegative,
    PerLevel,
    Positive,
    Probability,
    Text,
    Version,
    check,
    parse,
    render,
)

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
        return _increasing(levels, strictly=True)


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
        return _increasing(values, strictly=True)

    @model_validator(mode="after")
    def _rows(self) -> QuantileSpread:
        for level, row in enumerate(self.deviation):
            if len(row) != len(self.probability):
                raise ValueError(f"deviation[{level}]: {len(row)} values, probability has {len(self.probability)}")
            try:
                _increasing(row, strictly=False)
            except ValueError as error:
                raise ValueError(f"deviation[{level}]: {error}") from None
        return self


def _refuse_bare_spread(value: Any) -> Any:
    if isinstance(value, (int, float)):
        raise ValueError(f"{value!r} alone is not a spread: give distribution, reference, sigma and evidence")
    return value


def _refuse_bare_noise(value: Any) -> Any:
    if isinstance(value, (int, float)):
        raise ValueError(f"{value!r} alone is not a read noise: say relative (to own conductance) or absolute_uS")
    return value


Spread = Annotated[
    NormalSpread | LogNormalSpread | NormalLogNormalVarianceSpread | QuantileSpread, Field(discriminator="distribution")
]


class Amount(Document):
    """A non-negative number (one for all levels, or one per level) with its evidence."""

    value: PerLevel
    evidence: Evidence


class ReadNoise(Document):
    """Gaussian noise of one read of one cell: sigma = absolute_uS + relative * G (sum, not root of squares)."""

    relative: Amount | None = None
    absolute_uS: Amount | None = None


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


class Drift(Document):
    """Change since programming: mean and deviation at given times, in units of the reference. Not emulated yet."""

    time_s: tuple[NonNegative, ...]
    temperature_C: Finite
    reference: Reference
    mean_shift: tuple[Finite, ...]
    sigma: tuple[NonNegative, ...]
    evidence: Evidence

    @field_validator("time_s")
    @classmethod
    def _times(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        return _increasing(values, strictly=True)

    @model_validator(mode="after")
    def _lengths(self) -> Drift:
        for key, row in (("mean_shift", self.mean_shift), ("sigma", self.sigma)):
            if len(row) != len(self.time_s):
                raise ValueError(f"{key}: {len(row)} values is not {len(self.time_s)}, one per time")
        return self


class ReadDisturb(Document):
    """Mean relative change of a cell's conductance by one read. Not emulated yet."""

    relative_change_per_read: Finite
    evidence: Evidence


class ProgrammingCost(Document):
    """Mean cost of programming one cell, verify pulses included. Documentation."""

    pulses: Positive
    pulse_width_ns: Positive | None = None
    energy_pJ: Positive | None = None
    evidence: Evidence


class DeviceProfile(Document):
    """The statistics of one technology. Levels, programming, read noise and faults are emulated, the rest documents."""

    schema_version: Version
    name: Annotated[Text, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=64)]
    description: Text
    source: Text
    licence: Text
    conditions: Text
    levels: Levels
    programming: Annotated[Spread, BeforeValidator(_refuse_bare_spread)]
    read_noise: Annotated[ReadNoise, BeforeValidator(_refuse_bare_noise)] = ReadNoise()
    faults: Faults = Faults()
    relaxation: Drift | None = None
    retention: tuple[Drift, ...] | None = None
    read_disturb: ReadDisturb | None = None
    programming_cost: ProgrammingCost | None = None

    @model_validator(mode="after")
    def _one_value_per_level(self) -> DeviceProfile:
        spread = self.programming
        rows: dict[str, Any] = {"programming.deviation": spread.deviation} if isinstance(spread, QuantileSpread) else {
            "programming.sigma": spread.sigma}
        for key, amount in (("relative", self.read_noise.relative), ("absolute_uS", self.read_noise.absolute_uS)):
            if amount is not None:
                rows[f"read_noise.{key}.value"] = amount.value
        for path, value in rows.items():
            if isinstance(value, tuple) and len(value) != self.n_levels:
                raise ValueError(f"{path}: {len(value)} values is not {self.n_levels}, one per level")
        return self

    @property
    def n_levels(self) -> int:
        """Number of levels of a cell."""
        return len(self.levels.conductance_uS)

    @property
    def g_min_uS(self) -> float:
        """Lowest level in uS."""
        return self.levels.conductance_uS[0]

    @property
    def g_max_uS(self) -> float:
        """Highest level in uS: "full scale"."""
        return self.levels.conductance_uS[-1]

    @classmethod
    def from_json(cls, text: str, where: str = "profile") -> DeviceProfile:
        """From JSON text; `where` names it in the one line of a ProfileError."""
        return parse(cls, text, where)

    @classmethod
    def from_dict(cls, data: dict[str, Any], where: str = "profile") -> DeviceProfile:
        """From a parsed JSON document."""
        return check(cls, data, where)

    def to_json(self) -> str:
        """JSON text that `from_json` reads back to an equal profile."""
        return render(self)

    @classmethod
    def load(cls, name_or_path: str | Path) -> DeviceProfile:
        """A preset by its name, or a JSON file by its path."""
        from device_models import presets

        if str(name_or_path) in presets.names():
            return presets.load(str(name_or_path))
        path = Path(name_or_path)
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            known = ", ".join(presets.names())
            raise ProfileError(f"profile {path}: no such file, and not a preset ({known})") from None
        except UnicodeDecodeError:
            raise ProfileError(f"profile {path}: not a text file (UTF-8)") from None
        except OSError as error:
            raise ProfileError(f"profile {path}: {error.strerror}") from None
        return cls.from_json(text, f"profile {path}")


def _increasing(values: tuple[float, ...], strictly: bool) -> tuple[float, ...]:
    for i, (before, after) in enumerate(pairwise(values), start=1):
        if after < before or (strictly and after == before):
            raise ValueError(f"{after:g} (number {i + 1}) is not {'>' if strictly else '>='} {before:g} (number {i})")
    return values
