"""The columns of a results file: all that made a chip's figures, and the figures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from firmware_py.correction import AdaptConfig
from host_tools.study.cases import DIGEST, Case, value_columns
from host_tools.study.chips import ChipPlan, StudyData
from host_tools.study.journal import Layout
from host_tools.study.pool import ARRAYS
from host_tools.study.steps import CALIBRATIONS, parse_steps

SWEPT = "swept"


def layout_of(cases: Sequence[Case], data: StudyData, name: str) -> Layout:
    """Columns of a study of `cases` on the data set `name`.

    An option that is swept is a key and no constant, or 'swept' where a constant tells several. More chips, or more
    values of an axis, fit into the same file.
    """
    axes = tuple(cases[0].point)
    plans = {case.subject.name: case.subject.plan for case in cases}
    longest = max(plans.values(), key=lambda plan: len(plan.steps))
    constants = {"data": name, "images": str(len(data.y_test)),
                 **_plan_columns(longest, [case.plan for case in cases], axes)}  # fmt: skip
    constants = {key: value for key, value in constants.items() if key not in axes}
    constants["options"] = _digest([constants, {key: plan.steps for key, plan in plans.items()}, _images(data)])
    return Layout(constants, ("bundle", "digest", *axes, "seed"), tuple(value_columns(cases)))


def _plan_columns(plan: ChipPlan, plans: Sequence[ChipPlan], axes: Sequence[str]) -> dict[str, str]:
    """What `plan` says of every chip; plans: those of all points."""
    return {
        "steps": " ".join(_steps(plan, "vectors" in axes)),
        "shift": str(plan.shift),
        "labels": str(plan.labels),
        "adapt": _adapt(plan.adapt, [other.adapt for other in plans], axes),
        "programming": "on" if plan.effects.programming else "off",
        "read_noise": "on" if plan.effects.read_noise else "off",
    }


def _steps(plan: ChipPlan, vectors_swept: bool) -> list[str]:
    steps = parse_steps(plan.steps)
    return [step.with_vectors(SWEPT).text if vectors_swept and step.kind in CALIBRATIONS else step.text
            for step in steps]  # fmt: skip


def _adapt(adapt: AdaptConfig, every: Sequence[AdaptConfig], axes: Sequence[str]) -> str:
    """How labels are learned; of what only some do (`every`: all points'), what that is as soon as one does."""
    told = {"lr": f"{adapt.lr:g}", "horizon": str(adapt.horizon), "floor": f"{adapt.floor:g}",
            "beta": f"{adapt.beta:g}", "replay": str(adapt.replay),
            "guard": "off" if adapt.guard is None else adapt.guard.text}  # fmt: skip
    if any(other.optimizer == "rls" for other in every):
        told |= {"forgetting": f"{adapt.forgetting:g}", "prior": f"{adapt.prior:g}"}
    if any(other.layers is not None for other in every):
        told |= {"layers": "all" if adapt.layers is None else str(adapt.layers)}
    if any(other.in_codes for other in every):
        told |= {"rounding": adapt.rounding}
    told = {key: SWEPT if f"adapt.{key}" in axes else value for key, value in told.items()}
    optimizer = f"optimizer {SWEPT}" if "adapt.optimizer" in axes else adapt.optimizer
    return " ".join([optimizer, *(f"{key} {value}" for key, value in told.items())])


def _images(data: StudyData) -> str:
    return _digest([hashlib.sha256(getattr(data, key).tobytes()).hexdigest() for key in ARRAYS])


def _digest(document: object) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:DIGEST]
