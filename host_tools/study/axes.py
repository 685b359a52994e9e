"""The axes that a study can sweep. Each changes one thing of a set-up; set-up and seed are all that decide a chip."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from device_models.derive import with_levels
from device_models.errors import ProfileError
from device_models.macro import MacroConfig
from device_models.profile import DeviceProfile
from firmware_py.correction import OPTIMIZERS, ROUNDINGS
from firmware_py.guard import Guard
from firmware_py.replay import Replay
from host_tools.errors import HostError
from host_tools.mapping.mask import CRITERIA, MaskChoice
from host_tools.shift import Shift
from host_tools.study.chips import ChipPlan
from host_tools.study.steps import CALIBRATIONS, parse_steps

Value = float | int | str
SECONDS_AN_HOUR = 3600
EVIDENCE = {"source": "rram study --sweep", "note": "A value of a sweep.", "assumption": True}


@dataclass(frozen=True)
class Setup:
    """A technology, a circuit, a mapping, and what is done to every chip."""

    profile: DeviceProfile
    macro: MacroConfig
    mask: MaskChoice
    clip_sd: float
    plan: ChipPlan


@dataclass(frozen=True)
class Axis:
    """`apply` gives the set-up with another value of what `name` says; `remaps`: a bundle alone does not hold enough.

    kind: of the values. commas: a value may hold commas, so that only ';' parts them.
    """

    name: str
    meaning: str
    kind: type
    apply: Callable[[Setup, Any], Setup]
    remaps: bool = False
    commas: bool = False


def _in_profile(change: Callable[[dict[str, Any], Any], None]) -> Callable[[Setup, Any], Setup]:
    """A change of the profile's document, which is checked again."""

    def apply(setup: Setup, value: Any) -> Setup:
        document = setup.profile.model_dump(mode="json", exclude_none=True)
        change(document, value)
        return replace(setup, profile=DeviceProfile.from_dict(document, f"--sweep: profile {setup.profile.name}"))

    return apply


def _sigma(document: dict[str, Any], value: float) -> None:
    spread = document["programming"]
    if spread["distribution"] in ("quantiles", "gaussian-mixture"):
        raise HostError(f"--sweep: programming.sigma: profile {document['name']} has its spread as "
                        f"{spread['distribution']}, not as sigma; sweep programming.scale")
    spread["sigma"] = value
    document.pop("relaxation", None)  # of the cells as they were programmed before


def _scale(document: dict[str, Any], value: float) -> None:
    spread = document["programming"]
    for key in ("sigma", "shift", "deviation"):
        if key in spread:
            spread[key] = _times(value, spread[key])
    document.pop("relaxation", None)


def _times(factor: float, numbers: Any) -> Any:
    """A number, or rows of numbers, times `factor`."""
    return [_times(factor, number) for number in numbers] if isinstance(numbers, list) else factor * numbers


def _noise(key: str) -> Callable[[dict[str, Any], float], None]:
    def change(document: dict[str, Any], value: float) -> None:
        document.setdefault("read_noise", {})[key] = {"value": value, "evidence": EVIDENCE}

    return change


def _stuck(key: str, level: int) -> Callable[[dict[str, Any], float], None]:
    def change(document: dict[str, Any], value: float) -> None:
        known = document.setdefault("faults", {}).get(key)
        where = known["conductance_uS"] if known else document["levels"]["conductance_uS"][level]
        document["faults"][key] = {"probability": value, "conductance_uS": where, "evidence": EVIDENCE}

    return change


def _levels(setup: Setup, value: int) -> Setup:
    if not 2 <= value <= 256:
        raise HostError(f"--sweep: levels: {value} is not 2 to 256")
    profile = setup.profile
    even = np.linspace(profile.g_min_uS, profile.g_max_uS, value)
    return replace(setup, profile=with_levels(profile, [float(f"{g:.9g}") for g in even]))


def _in_macro(key: str) -> Callable[[Setup, Any], Setup]:
    def apply(setup: Setup, value: Any) -> Setup:
        document = setup.macro.model_dump() | {key: value}
        macro = MacroConfig.from_dict(document, "--sweep: macro")
        refusal = macro.not_on_a_board()
        if refusal:
            raise HostError(f"--sweep: macro.{refusal}")
        return replace(setup, macro=macro)

    return apply


def _in_mask(key: str) -> Callable[[Setup, Any], Setup]:
    return lambda setup, value: replace(setup, mask=replace(setup.mask, **{key: value}))


def _clip(setup: Setup, value: float) -> Setup:
    if value <= 0:
        raise HostError(f"--sweep: clip: {value:g} is not > 0")
    return replace(setup, clip_sd=value)


def _start(step: Callable[[Any], str]) -> Callable[[Setup, Any], Setup]:
    """Cells that have been through a step before the study begins."""

    def apply(setup: Setup, value: Any) -> Setup:
        plan = setup.plan
        try:
            return replace(setup, plan=replace(plan, start=(*plan.start, *(s.text for s in parse_steps(step(value))))))
        except ProfileError as error:
            raise HostError(f"--sweep: {error}") from None

    return apply


def _vectors(setup: Setup, value: int) -> Setup:
    steps = parse_steps(setup.plan.steps)
    fits = [step.kind in CALIBRATIONS for step in steps]
    if value < 1 or not any(fits):
        raise HostError(f"--sweep: vectors: {value} for the steps {', '.join(setup.plan.steps)}; expected at least 1, "
                        "and a step calibrated")
    changed = [step.with_vectors(str(value)) if fit else step for step, fit in zip(steps, fits, strict=True)]
    return replace(setup, plan=replace(setup.plan, steps=tuple(step.text for step in changed)))


def _labels(setup: Setup, value: int) -> Setup:
    if value < 0:
        raise HostError(f"--sweep: labels: {value} is not >= 0")
    return replace(setup, plan=replace(setup.plan, labels=value))


def _shift(setup: Setup, value: str) -> Setup:
    return replace(setup, plan=replace(setup.plan, shift=Shift.parse(value)))


def _replay(setup: Setup, value: str) -> Setup:
    return _in_adapt("replay")(setup, Replay.parse(value))


def _guard(setup: Setup, value: str) -> Setup:
    if value not in ("on", "off"):
        raise HostError(f"--sweep: adapt.guard: {value!r} is not 'on' or 'off'")
    return _in_adapt("guard")(setup, Guard() if value == "on" else None)


def _in_adapt(key: str) -> Callable[[Setup, Any], Setup]:
    return lambda setup, value: replace(
        setup, plan=replace(setup.plan, adapt=replace(setup.plan.adapt, **{key: value})))


AXES = {
    axis.name: axis
    for axis in (
        Axis("programming.sigma", "spread of the cells, in the profile's reference", float, _in_profile(_sigma)),
        Axis("programming.scale", "factor on the spread of the cells", float, _in_profile(_scale)),
        Axis("read_noise.relative", "read noise, share of a cell's conductance", float,
             _in_profile(_noise("relative"))),
        Axis("read_noise.absolute_uS", "read noise of a cell in uS", float, _in_profile(_noise("absolute_uS"))),
        Axis("faults.stuck_low", "share of cells stuck low", float, _in_profile(_stuck("stuck_low", 0))),
        Axis("faults.stuck_high", "share of cells stuck high", float, _in_profile(_stuck("stuck_high", -1))),
        Axis("age_h", "hours since programming, by the profile's tables", float,
             _start(lambda hours: f"aged:{hours * SECONDS_AN_HOUR:.12g}")),
        Axis("drift_h", "hours since programming, by the board's law of drift", float,
             _start(lambda hours: f"drifted:{hours * SECONDS_AN_HOUR:.12g}")),
        Axis("temperature_C", "temperature of a bake", float, _start(lambda celsius: f"baked:{celsius:.12g}")),
        Axis("macro.adc_bits", "bits of the ADC", int, _in_macro("adc_bits")),
        Axis("macro.dac_bits", "bits of the DAC", int, _in_macro("dac_bits")),
        Axis("macro.rows_active", "rows that one conversion sums", int, _in_macro("rows_active")),
        Axis("levels", "levels of a cell, evenly spaced", int, _levels, remaps=True),
        Axis("mask.sram_percent", "SRAM, per cent of the weights", float, _in_mask("sram_percent"), remaps=True),
        Axis("mask.criterion", f"where SRAM values go: {', '.join(CRITERIA)}", str, _in_mask("criterion"),
             remaps=True),
        Axis("clip", "clip of a plain network, standard deviations", float, _clip, remaps=True),
        Axis("vectors", "calibration vectors", int, _vectors),
        Axis("labels", "labels of a step 'adapted'", int, _labels),
        Axis("shift", "change of the input, parted by ';'", str, _shift, commas=True),
        Axis("adapt.replay", "IMAGES:REPEATS learned again with each label, 0: none", str, _replay),
        Axis("adapt.guard", "'on', or 'off': every label is learned, nothing undone", str, _guard),
        Axis("adapt.optimizer", f"how labels change the SRAM: {', '.join(OPTIMIZERS)}", str, _in_adapt("optimizer")),
        Axis("adapt.rounding", f"when numbers become the SRAM's codes: {', '.join(ROUNDINGS)}", str,
             _in_adapt("rounding")),
        Axis("adapt.beta", "memory of rms and momentum", float, _in_adapt("beta")),
        Axis("adapt.forgetting", "weight of what rls knew before a step", float, _in_adapt("forgetting")),
        Axis("adapt.prior", "variance at the start of rls, squared prior deviations", float, _in_adapt("prior")),
        Axis("adapt.lr", "learning rate of labels", float, _in_adapt("lr")),
        Axis("adapt.layers", "only so many of the last layers learn", int, _in_adapt("layers")),
    )
}  # fmt: skip
