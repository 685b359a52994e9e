"""DeviceProfile: the statistics of one RRAM technology, as a checked document. Conductances are in uS.

    profile = DeviceProfile.load("charan-65nm")        # a preset, or the path of a JSON file
    profile.levels.conductance_uS

A spread says its distribution and its reference; every number its evidence. docs/numerics.md: what becomes of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from device_models.aging import Relaxation, Retention
from device_models.errors import ProfileError
from device_models.parts import Faults, Levels, ProgrammingCost, ReadDisturb, ReadNoise, refuse_bare_noise
from device_models.pulse_response import PulseResponse
from device_models.spread import GaussianMixtureSpread, QuantileSpread, Spread, refuse_bare_spread
from device_models.validation import Document, Text, Version, check, parse, render
from device_models.validity import Validity

Name = Annotated[Text, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=64)]


class DeviceProfile(Document):
    """The statistics of one technology. Levels, programming, read noise and faults are emulated, the rest documents."""

    schema_version: Version
    name: Name
    description: Text
    source: Text
    licence: Text
    conditions: Text
    validity: Validity | None = None
    levels: Levels
    programming: Annotated[Spread, BeforeValidator(refuse_bare_spread)]
    read_noise: Annotated[ReadNoise, BeforeValidator(refuse_bare_noise)] = ReadNoise()
    faults: Faults = Faults()
    relaxation: Relaxation | None = None
    retention: Retention | None = None
    read_disturb: ReadDisturb | None = None
    programming_cost: ProgrammingCost | None = None
    pulse_response: PulseResponse | None = None

    @model_validator(mode="after")
    def _one_value_per_level(self) -> DeviceProfile:
        rows = _spread_rows("programming", self.programming)
        for key, amount in (("relative", self.read_noise.relative), ("absolute_uS", self.read_noise.absolute_uS)):
            if amount is not None:
                rows[f"read_noise.{key}.value"] = amount.value
        if self.relaxation is not None:
            for i, aged in enumerate(self.relaxation.aged):
                rows |= _spread_rows(f"relaxation.aged[{i}].spread", aged.spread)
            if self.relaxation.law is not None:
                rows["relaxation.law.mean_per_decade_uS"] = self.relaxation.law.mean_per_decade_uS
                rows["relaxation.law.sd_per_decade_uS"] = self.relaxation.law.sd_per_decade_uS
        for i, bake in enumerate(self.retention.bakes if self.retention else ()):
            rows |= {f"retention.bakes[{i}].{key}": getattr(bake, key) for key in ("mean_shift_uS", "sd_uS")}
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


def _spread_rows(path: str, spread: Spread) -> dict[str, Any]:
    """What of a spread may hold one value (or row) per level, by its path."""
    if isinstance(spread, QuantileSpread):
        return {f"{path}.deviation": spread.deviation}
    if isinstance(spread, GaussianMixtureSpread):
        return {f"{path}.weight": spread.weight}
    return {f"{path}.sigma": spread.sigma, f"{path}.shift": getattr(spread, "shift", None)}
