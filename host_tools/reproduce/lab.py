"""Networks of a recipe on chips: what every row of a reproduction is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from device_models.profile import DeviceProfile
from firmware_py.bundle import Bundle
from host_tools import console
from host_tools.data import Dataset
from host_tools.mapping.draft import ExportOptions
from host_tools.mapping.mask import MaskChoice
from host_tools.reproduce.claim import Setting
from host_tools.study.cases import Subject, cases_of
from host_tools.study.chips import ChipPlan, StudyData
from host_tools.study.prepare import export_kept
from host_tools.study.run import StudyOptions, ideal_accuracy, run_study, study_data
from host_tools.study.sources import BundleSource
from host_tools.training.recipes import Recipe
from host_tools.training.workshop import Workshop

Values = npt.NDArray[np.float64]
NO_MASK = MaskChoice("none")


@dataclass(frozen=True)
class Lab:
    """One recipe's networks, bundles and chips. chips: how many; images: of the test part at most (None: all)."""

    recipe: Recipe
    data: Dataset
    setting: Setting
    chips: int
    images: int | None = None

    @cached_property
    def workshop(self) -> Workshop:
        """Where the networks come from."""
        cache = self.setting.cache / "networks"
        return Workshop(self.recipe, self.data, self.setting.seed, cache, self.setting.retrain, self.setting.tell)

    @cached_property
    def arrays(self) -> StudyData:
        """The test part to measure on, and the stream to learn from."""
        return study_data(self.data, self.images)

    @property
    def words(self) -> str:
        """The setting of every row that is measured on chips."""
        return (f"{self.recipe.name}, {self.recipe.profile}, {self.chips} chips, {len(self.arrays.x_test):,} test "
                "images, read noise, 8-bit DAC and ADC, int8 activations")

    def bundle(self, network: str, mask: MaskChoice, profile: DeviceProfile | None = None) -> Path:
        """The bundle of "teacher" or of a student, exported once; `profile`: for another technology."""
        teacher = self.workshop.teacher()
        path = teacher if network == "teacher" else self.workshop.student(network)
        device = profile or DeviceProfile.load(self.recipe.profile)
        options = ExportOptions(mask=mask, seed=self.setting.seed)
        return export_kept(path, teacher, device, self.data, options, self.setting.cache)

    def ideal(self) -> float:
        """Accuracy in per cent of the digital network that travels with the bundles."""
        return ideal_accuracy(Bundle.open(self.bundle("teacher", NO_MASK)), self.arrays)

    def measure(self, bundle: Path, steps: Sequence[str], **plan: Any) -> dict[str, Values]:
        """Accuracies in per cent of each chip after each step, by the step's name; chips that are kept are not
        measured again."""
        subject = Subject("student", BundleSource(Bundle.open(bundle)), ChipPlan(bundle, steps=tuple(steps), **plan))
        cases, options = cases_of([subject], [{}], self.arrays), StudyOptions(self.chips, 0, self.setting.workers)
        with (
            self.setting.kept.chips(cases[0], self.arrays, self.data.name) as journal,
            console.progress(f"{bundle.stem.split('.')[0]}: {', '.join(steps)}", self.chips) as bar,
        ):
            (found,) = run_study(cases, self.arrays, options, journal=journal, done=bar.advance)
        return {name: np.array([chip[name] for chip in found]) for name in found[0]}


@dataclass(frozen=True)
class Goal:
    """What a row must reach: its mean, and its lowest chip."""

    mean: float | None = None
    least: float | None = None

    def met(self, values: Values) -> bool | None:
        """Whether `values` hold it; None where there is no goal."""
        if self.mean is None:
            return None
        return bool(values.mean() >= self.mean and (self.least is None or values.min() >= self.least))
