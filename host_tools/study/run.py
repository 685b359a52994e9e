"""A study from a bundle, or from a recipe whose trainings are done first and kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from firmware_py.bundle import Bundle
from firmware_py.correction import count_sram
from firmware_py.reference import Reference
from host_tools import console
from host_tools.data import Dataset
from host_tools.errors import HostError
from host_tools.quiet import quiet
from host_tools.study.chips import UNTOUCHED, ChipPlan, StudyData, measure_chips
from host_tools.study.report import Row


@dataclass(frozen=True)
class StudyOptions:
    """How many chips (seeds first, first + 1, ...), on how many processes; images: at most so many (None: all)."""

    chips: int = 20
    first_seed: int = 0
    workers: int | None = None
    images: int | None = None

    @property
    def seeds(self) -> Sequence[int]:
        """Chip seeds of the study."""
        return range(self.first_seed, self.first_seed + self.chips)


def study_data(data: Dataset, images: int | None = None) -> StudyData:
    """Test part to measure on; held-out training images to learn from."""
    _, x_stream, y_stream = data.validation()
    return StudyData(data.x_test[:images], data.y_test[:images], x_stream, y_stream)


def study_bundle(plan: ChipPlan, data: Dataset, options: StudyOptions) -> list[Row]:
    """Rows ideal, student, calibrated, shifted, adapted of a bundle."""
    bundle = Bundle.open(plan.bundle)
    if bundle.input_shape != data.shape or bundle.classes != data.classes:
        raise HostError(
            f"{plan.bundle}: made for images {list(bundle.input_shape)} and {len(bundle.classes)} classes,"
            f" data set {data.name} has {list(data.shape)} and {len(data.classes)}"
        )
    arrays = study_data(data, options.images)
    rows = [Row("ideal", (ideal_accuracy(bundle, arrays),))]
    with console.progress(f"{options.chips} chips", options.chips) as bar:
        chips = measure_chips(plan, arrays, options.seeds, options.workers, bar.advance)
    sram = count_sram(bundle)
    for row, step in (
        ("student", "untouched"),
        ("calibrated", "calibrated"),
        ("shifted", "shifted"),
        ("adapted", "adapted"),
    ):
        if step in chips[0]:
            clean = tuple(chip["clean"] for chip in chips) if step == "adapted" else None
            rows.append(Row(row, tuple(chip[step] for chip in chips), None if row == "student" else sram, clean))
    return rows


def plain_row(plan: ChipPlan, data: Dataset, options: StudyOptions) -> Row:
    """The ideal network itself on chips, with no help: `plan.bundle` is its own bundle."""
    with console.progress(f"ideal network on {options.chips} chips", options.chips) as bar:
        untouched = replace(plan, steps=UNTOUCHED)
        chips = measure_chips(untouched, study_data(data, options.images), options.seeds, options.workers, bar.advance)
    return Row("plain", tuple(chip["untouched"] for chip in chips))


def ideal_accuracy(bundle: Bundle, data: StudyData) -> float:
    """Accuracy in per cent of the bundle's digital network, as LiteRT runs it."""
    with quiet():
        reference = Reference(bundle)
    right = [int(np.argmax(reference.predict(x))) == y for x, y in zip(data.x_test, data.y_test, strict=True)]
    return float(100 * np.mean(right))


@dataclass(frozen=True)
class RecipeFiles:
    """What a recipe leaves behind: trained networks and their bundles."""

    teacher: Path
    student: Path
    bundle: Path
    plain: Path
