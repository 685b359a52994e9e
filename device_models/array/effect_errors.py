"""What each effect by itself costs: the error that it adds to a product, over some chips."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from device_models.array.array import Array
from device_models.array.effects import Effects
from device_models.array.pairing import paired_macro
from device_models.array.types import F64
from device_models.compile import compile_profile
from device_models.macro import MacroConfig
from device_models.profile import DeviceProfile


@dataclass(frozen=True)
class Setting:
    """What is compared: weights [K, N] within `clip`, inputs [batch, K], and how the array is used.

    time_s: age at use; reads: of each row before use; `chips` chips from `seed` on.
    """

    weights: F64
    inputs: F64
    clip: float
    profile: DeviceProfile
    macro: MacroConfig
    seed: int = 0
    chips: int = 3
    time_s: float = 0.0
    reads: int = 0
    outside: bool = False


@dataclass(frozen=True)
class EffectError:
    """relative_rms: root of (sum of squared errors / sum of squared outputs); None where the effect is not there."""

    effect: str
    relative_rms: float | None
    why_not: str = ""

    @property
    def snr_dB(self) -> float | None:
        """Signal to noise ratio; None where there is no error."""
        return -20 * float(np.log10(self.relative_rms)) if self.relative_rms else None


def effect_errors(setting: Setting) -> list[EffectError]:
    """The error of each effect by itself, and last of `all` together (against x @ weights)."""
    return [effect_error(setting, name) for name in (*Effects.names(), "all")]


def effect_error(setting: Setting, name: str) -> EffectError:
    """The error that one effect ("all": every one) adds."""
    missing = absent(setting, name)
    if missing:
        return EffectError(name, None, missing)
    ideal = setting.inputs @ setting.weights
    squares = [np.mean((_added(setting, name, setting.seed + chip, ideal)) ** 2) for chip in range(setting.chips)]
    return EffectError(name, float(np.sqrt(np.mean(squares) / np.mean(ideal**2))))


def absent(setting: Setting, name: str) -> str:
    """Why an effect cannot act here; empty where it can."""
    profile, macro = setting.profile, setting.macro
    noise, faults = profile.read_noise, profile.faults
    errors = (macro.dac_gain_sigma, macro.dac_offset_sigma_lsb, macro.adc_gain_sigma, macro.adc_offset_sigma_lsb)
    spread = any(compile_profile(profile).var) or profile.relaxation is not None
    there = {
        "programming": (spread, "no spread in the profile"),
        "drift": (profile.relaxation is not None, "no relaxation in the profile"),
        "stuck": (faults.stuck_low is not None or faults.stuck_high is not None, "no faults in the profile"),
        "disturb": (profile.read_disturb is not None, "no read disturb in the profile"),
        "read_noise": (noise.relative is not None or noise.absolute_uS is not None, "no read noise in the profile"),
        "wires": (macro.wire_resistance_ohm > 0, "no wire resistance in the macro"),
        "converter_errors": (any(errors), "no gain or offset errors in the macro"),
    }
    known, reason = there.get(name, (True, ""))
    if known and name == "drift" and setting.time_s == 0:
        return "at time 0"
    if known and name == "disturb" and setting.reads == 0:
        return "before the first read"
    return "" if known else reason


def _added(setting: Setting, name: str, seed: int, ideal: F64) -> F64:
    """Error [batch, N] that an effect adds to what it acts on: fresh cells for drift, exact converters for theirs."""
    if name == "all":
        return _product(setting, Effects(), seed) - ideal
    if name == "drift":
        fresh, aged = Effects.only("programming"), Effects.only("programming", "drift")
        return _product(setting, aged, seed) - _product(setting, fresh, seed)
    if name == "converter_errors":
        exact, real = Effects.only("dac", "adc"), Effects.only("dac", "adc", "converter_errors")
        return _product(setting, real, seed) - _product(setting, exact, seed)
    return _product(setting, Effects.only(name), seed) - ideal


def _product(setting: Setting, effects: Effects, seed: int) -> F64:
    time_s = setting.time_s if setting.profile.relaxation is not None else 0.0
    array = Array.program(setting.weights, setting.profile, setting.macro, clip=setting.clip, seed=seed,
                          effects=effects, sample=setting.inputs, time_s=time_s, outside=setting.outside)
    if setting.reads and effects.disturb:
        array.add_reads(setting.reads)
    return array.multiply(setting.inputs).astype(np.float64)


def with_pairing(setting: Setting, pairing: str) -> Setting:
    """The same with another pairing (`paired_macro`); ProfileError where the profile has too few levels for it."""
    return replace(setting, macro=paired_macro(setting.macro, setting.profile, pairing))
