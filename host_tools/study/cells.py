"""The cells of a bundle some time after programming, or after a bake: other quantile tables, everything else stays.

A cell keeps its uniform number, so it moves along the quantiles of its level: it keeps its rank among the cells of its
level. That is an assumption, and a kind one: real cells also change places, so what a chip has learned about its cells
is worth less than this says. 'aged:SECONDS:redrawn' is the other end, where no cell keeps its rank.
"""

from __future__ import annotations

from dataclasses import replace

from device_models.baking import baked
from device_models.compile import compile_profile
from device_models.derive import aged
from device_models.profile import DeviceProfile
from firmware_py.bundle import Bundle
from host_tools.errors import HostError
from host_tools.study.steps import Step


def cells_after(bundle: Bundle, history: tuple[Step, ...]) -> Bundle:
    """The bundle with the quantile tables that its profile has after `history`, steps 'aged' and 'baked' in order.

    What the board believes stays: targets, prior variances, converter ranges. ProfileError where the profile does not
    know such a time or temperature, HostError for a time after a bake or one that runs backwards.
    """
    fresh = DeviceProfile.from_dict(bundle.profile, f"{bundle.path}: profile")
    profile, last_s, hot = fresh, 0.0, False
    for step in history:
        if step.kind == "baked":
            profile, hot = baked(profile, step.number), True
            continue
        time_s = float(step.argument.partition(":")[0])
        if hot or time_s < last_s:
            raise HostError(f"--steps: {step.text}: a chip ages before it is baked, and never backwards")
        profile, last_s = aged(fresh, time_s), time_s
    quantiles = compile_profile(profile).quantiles
    return replace(bundle, tables=replace(bundle.tables, quantiles=quantiles))
