"""The cells of a bundle some time after programming: by its profile's tables, or by its board's law of drift.

By the tables (steps 'aged' and 'baked') it is other quantile tables, and everything else stays.

A cell keeps its uniform number, so it moves along the quantiles of its level: it keeps its rank among the cells of its
level. That is an assumption, and a kind one: real cells also change places, so what a chip has learned about its cells
is worth less than this says. 'aged:SECONDS:redrawn' is the other end, where no cell keeps its rank.

By the law (steps 'drifted') the chip itself does it, as on a board (numerics.md, section 3; `rram-edge --age`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from device_models.baking import baked
from device_models.compile import compile_profile
from device_models.derive import aged
from device_models.profile import DeviceProfile
from firmware_py.aging import MOST_SECONDS
from firmware_py.bundle import Bundle
from host_tools.errors import HostError
from host_tools.study.steps import OLDER, Step, parse_start, parse_steps


def cells_after(bundle: Bundle, history: tuple[Step, ...]) -> Bundle:
    """The bundle with the quantile tables that its profile has after `history`, steps 'aged' and 'baked' in order.

    What the board believes stays: targets, prior variances, converter ranges. ProfileError where the profile does not
    know such a time or temperature, HostError for a time after a bake or one that runs backwards.
    """
    profile = profile_after(DeviceProfile.from_dict(bundle.profile, f"{bundle.path}: profile"), history)
    quantiles = compile_profile(profile).quantiles
    return replace(bundle, tables=replace(bundle.tables, quantiles=quantiles))


def profile_after(fresh: DeviceProfile, history: Sequence[Step]) -> DeviceProfile:
    """The profile of cells that were programmed by `fresh`, after `history`; errors as cells_after()."""
    profile, last_s, hot = fresh, 0.0, False
    for step in history:
        _refuse_both(step, "drifted" in [other.kind for other in history])
        if step.kind == "baked":
            profile, hot = baked(profile, step.number), True
            continue
        time_s = float(step.argument.partition(":")[0])
        if hot or time_s < last_s:
            raise HostError(f"--steps: {step.text}: a chip ages before it is baked, and never backwards")
        profile, last_s = aged(fresh, time_s), time_s
    return profile


def age_after(bundle: Bundle, history: tuple[Step, ...]) -> float:
    """The age in seconds of a chip after `history`, steps 'drifted' in order. HostError where the bundle knows no drift
    or more than a board takes is asked, where time runs backwards, or a step is of the profile's tables."""
    age_s = 0.0
    for step in history:
        _refuse_both(step, any(other.kind != "drifted" for other in history))
        if bundle.aging.drift is None and step.number:
            raise HostError(f"--steps: {step.text}: {bundle.path} has no law of drift (rram export --aging, of a "
                            "profile with relaxation.law)")
        if not age_s <= step.number <= MOST_SECONDS:
            raise HostError(f"--steps: {step.text}: a chip ages from {age_s:g} to at most {MOST_SECONDS:g} s, never "
                            "backwards")  # fmt: skip
        age_s = step.number
    return age_s


def beyond_law(bundle: Bundle, steps: Sequence[str], start: Sequence[str] = ()) -> str | None:
    """One line where these steps, behind those of `start`, let cells drift for longer than the law was measured; None
    where not."""
    every = (*parse_start(start), *parse_steps(steps))
    law, ages = bundle.aging.drift, [step.number for step in every if step.kind == "drifted"]
    if law is None or max(ages, default=0.0) <= law.to_s:
        return None
    return f"age {max(ages):g} s: drift was measured to {law.to_s:g} s, and goes on as it did"


def drifts(steps: Sequence[str], start: Sequence[str] = ()) -> bool:
    """Whether a chip drifts by its board's law in `steps`, or before, in `start`."""
    return any(step.kind == "drifted" for step in _older(steps, start))


def refuse_unknown_times(steps: Sequence[str], profile: DeviceProfile, start: Sequence[str] = ()) -> None:
    """HostError or ProfileError where the profile has no law for the drift in `steps` or `start`, or does not know a
    time or a temperature of theirs."""
    older = _older(steps, start)
    drifted = [step for step in older if step.kind == "drifted"]
    if not drifted:
        profile_after(profile, older)
    elif profile.relaxation is None or profile.relaxation.law is None:
        raise HostError(f"--steps: {drifted[0].text}: profile {profile.name} has no law of drift (relaxation.law)")


def _older(steps: Sequence[str], start: Sequence[str]) -> list[Step]:
    return [step for step in (*parse_start(start), *parse_steps(steps)) if step.kind in OLDER]


def _refuse_both(step: Step, both: bool) -> None:
    if both:
        raise HostError(f"--steps: {step.text}: a chip ages by its profile's tables (aged, baked) or by its board's "
                        "law (drifted), not by both")  # fmt: skip
