"""The whole way: each effort's cells, the network trained for them and the plain one, both on the same chips."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from device_models.profile import DeviceProfile
from firmware_py.bundle import Bundle
from firmware_py.cells import Effects
from host_tools import console
from host_tools.data import Dataset
from host_tools.endtoend.efforts import Effort, Written, write
from host_tools.errors import HostError
from host_tools.mapping.draft import ExportOptions
from host_tools.mapping.mask import MaskChoice
from host_tools.record import load_model
from host_tools.study.chips import UNTOUCHED, ChipPlan, StudyData, measure_chips
from host_tools.study.prepare import export_kept
from host_tools.study.run import StudyOptions, study_data
from host_tools.study.statistics import OverChips
from host_tools.training.loop import accuracy
from host_tools.training.recipes import Recipe, StudentPlan
from host_tools.training.workshop import Workshop

Values = tuple[float, ...]
CONTROL = "control"


@dataclass(frozen=True)
class Plan:
    """What is done for every effort. recipe: its `student` says how a network is trained for what was written, kd 0
    makes that VAT; cells: of each level that are written; chips: with read noise and converters, not calibrated;
    teacher: a trained network to take instead of the recipe's."""

    recipe: Recipe
    cells: int
    chips: StudyOptions
    seed: int
    cache: Path
    teacher: Path | None = None
    export: ExportOptions = field(default_factory=lambda: ExportOptions(mask=MaskChoice("none")))


@dataclass(frozen=True)
class OwnTeacher(Workshop):
    """A workshop whose ideal network may be the user's own."""

    own: Path | None = None

    def teacher(self) -> Path:
        """The user's network, or the recipe's."""
        return self.own or super().teacher()


@dataclass(frozen=True)
class OnChips(OverChips):
    """A network on chips: accuracy in per cent of each, and what writing one chip costs as the network uses levels."""

    pulses: float
    energy_pJ: float | None

    def as_json(self) -> dict[str, Any]:
        """Keys of the report."""
        return {**super().as_json(), "pulses_of_a_chip": self.pulses, "energy_of_a_chip_pJ": self.energy_pJ}


@dataclass(frozen=True)
class Point:
    """One effort: what was written, the plain network on it, and the one trained for it (VAT).

    control: a network trained exactly as long, for the levels but without variation: what of VAT is mere training.
    """

    written: Written
    plain: OnChips
    control: OnChips
    vat: OnChips

    def as_json(self) -> dict[str, Any]:
        """Keys of the report; a cell's figures are means over all levels, as `rram program` prints them."""
        report, setup = self.written.report, self.written.effort.setup
        return {"effort": self.written.effort.name, "algorithm": setup.algorithm, "cell_model": setup.kind,
                "tolerance_uS": setup.allowed_uS, "pulses": report.pulses, "energy_pJ": report.energy_pJ,
                "time_us": float(np.mean([row.time_us for row in report.levels])), "sd_uS": report.sd_uS,
                "error_uS": self.written.error_uS, "failed_percent": report.failed_percent,
                "plain": self.plain.as_json(),
                "control": self.control.as_json(), "vat": self.vat.as_json()}


@dataclass(frozen=True)
class EndToEnd:
    """All efforts. ideal, levels_only: accuracy in per cent of the digital network, and of the plain one on cells that
    stand exactly at their targets (levels and converters alone)."""

    data: str
    network: str
    profile: str
    ideal: float
    levels_only: float
    points: tuple[Point, ...]

    def as_json(self) -> dict[str, Any]:
        """Keys of the report."""
        return {"data": self.data, "network": self.network, "profile": self.profile, "ideal_percent": self.ideal,
                "levels_only_percent": self.levels_only, "efforts": [point.as_json() for point in self.points]}


def end_to_end(efforts: Sequence[Effort], data: Dataset, plan: Plan) -> EndToEnd:
    """Write, train, map and measure, effort by effort; trainings and bundles are kept in plan.cache.

    HostError for no effort or one given twice, ProfileError where the cells cannot be written so.
    """
    arrays, written = study_data(data, plan.chips.images), _written(efforts, plan.cells)
    profile = written[0].effort.setup.profile
    students = {_slug(one.effort): _student(one.profile, plan) for one in written}
    students[CONTROL] = _student(profile, plan, variation=0.0)
    workshop = OwnTeacher(replace(plan.recipe, more=students), data, plan.seed, plan.cache / "networks",
                          own=plan.teacher)  # fmt: skip
    teacher = workshop.teacher()
    on = Chips(teacher, data, arrays, plan)
    points = []
    for one in written:
        console.say(f"{one.effort.name}: {one.report.pulses:.3g} pulses a cell, sd {one.report.sd_uS:.3g} uS")
        plain, control = on.of(teacher, one), on.of(workshop.student(CONTROL), one)
        points.append(Point(one, plain, control, on.of(workshop.student(_slug(one.effort)), one)))
    return EndToEnd(data.name, load_model(teacher).name, profile.name, on.ideal(), on.exact(profile), tuple(points))


def _slug(effort: Effort) -> str:
    return "vat-" + re.sub(r"[^a-z0-9.]+", "-", effort.name.lower())


def _student(profile: DeviceProfile, plan: Plan, **changes: Any) -> StudentPlan:
    return StudentPlan(replace(plan.recipe.student, **changes), profile=str(_kept_profile(profile, plan.cache)))


def _kept_profile(profile: DeviceProfile, cache: Path) -> Path:
    """A profile as a file, by its content: trainings name it."""
    text = profile.to_json()
    path = cache / "written" / f"{profile.name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, path)
    return path


def _written(efforts: Sequence[Effort], cells: int) -> list[Written]:
    if not efforts:
        raise HostError("--effort: none given, expected at least one")
    for effort in efforts:
        if [_slug(other) for other in efforts].count(_slug(effort)) > 1:
            raise HostError(f"--effort: {effort.name} is given twice")
    with console.progress("writing cells", len(efforts)) as bar:
        written = []
        for effort in efforts:
            written.append(write(effort, cells))
            bar.advance(1, effort.name)
    return written


@dataclass(frozen=True)
class Chips:
    """Networks on chips of a plan; bundles are exported once, with `teacher` as the ideal network."""

    teacher: Path
    data: Dataset
    arrays: StudyData
    plan: Plan

    def of(self, network: Path, written: Written) -> OnChips:
        """A network on the cells that were written, and what writing them costs."""
        cost = written.cost_of(cells_by_level(Bundle.open(self._bundle(network, written.profile))))
        return OnChips(self.values(network, written.profile), *cost)

    def values(self, network: Path, profile: DeviceProfile) -> Values:
        """Accuracy in per cent of a network on each chip of a technology."""
        return self._measured(self._bundle(network, profile), self.plan.chips, Effects())

    def exact(self, profile: DeviceProfile) -> float:
        """Accuracy in per cent of the plain network whose cells stand exactly at their targets."""
        bundle, one = self._bundle(self.teacher, profile), replace(self.plan.chips, chips=1)
        return self._measured(bundle, one, Effects(programming=False, read_noise=False))[0]

    def ideal(self) -> float:
        """Accuracy in per cent of the digital network."""
        return accuracy(load_model(self.teacher), self.arrays.x_test, self.arrays.y_test)

    def _bundle(self, network: Path, profile: DeviceProfile) -> Path:
        return export_kept(network, self.teacher, profile, self.data, self.plan.export, self.plan.cache)

    def _measured(self, bundle: Path, options: StudyOptions, effects: Effects) -> Values:
        with console.progress(f"{options.chips} chips", options.chips) as bar:
            chips = measure_chips(ChipPlan(bundle, steps=UNTOUCHED, effects=effects), self.arrays, options.seeds,
                                  options.workers, bar.advance)
        return tuple(chip["untouched"] for chip in chips)


def cells_by_level(bundle: Bundle) -> npt.NDArray[np.int64]:
    """How many cells of the network stand at each level of the bundle's profile."""
    count = len(bundle.tables.target)
    return np.sum([np.bincount(layer.levels.ravel(), minlength=count) for layer in bundle.layers], axis=0)
