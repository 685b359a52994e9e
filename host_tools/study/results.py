"""The columns of a results file: all that made a chip's figures, and the figures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from host_tools.study.cases import DIGEST, Case, value_columns
from host_tools.study.chips import ChipPlan, StudyData
from host_tools.study.journal import Layout
from host_tools.study.pool import ARRAYS


def layout_of(cases: Sequence[Case], data: StudyData, name: str) -> Layout:
    """Columns of a study of `cases` on the data set `name`.

    An option that is swept is a key and no constant. More chips, or more values of an axis, fit into the same file.
    """
    axes = tuple(cases[0].point)
    plans = {case.subject.name: case.subject.plan for case in cases}
    longest = max(plans.values(), key=lambda plan: len(plan.steps))
    constants = {"data": name, "images": str(len(data.y_test)), **_plan_columns(longest)}
    constants = {key: value for key, value in constants.items() if key not in axes}
    constants["options"] = _digest([constants, {key: plan.steps for key, plan in plans.items()}, _images(data)])
    return Layout(constants, ("bundle", "digest", *axes, "seed"), tuple(value_columns(cases)))


def _plan_columns(plan: ChipPlan) -> dict[str, str]:
    adapt = plan.adapt
    return {
        "steps": " ".join(plan.steps),
        "shift": str(plan.shift),
        "labels": str(plan.labels),
        "adapt": f"{adapt.optimizer} lr {adapt.lr:g} horizon {adapt.horizon} floor {adapt.floor:g} beta {adapt.beta:g}"
                 f" replay {adapt.replay} guard {'off' if adapt.guard is None else adapt.guard.text}"
                 + (f" forgetting {adapt.forgetting:g} prior {adapt.prior:g}" if adapt.optimizer == "rls" else "")
                 + (f" rounding {adapt.rounding}" if adapt.in_codes else ""),
        "programming": "on" if plan.effects.programming else "off",
        "read_noise": "on" if plan.effects.read_noise else "off",
    }


def _images(data: StudyData) -> str:
    return _digest([hashlib.sha256(getattr(data, key).tobytes()).hexdigest() for key in ARRAYS])


def _digest(document: object) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:DIGEST]
