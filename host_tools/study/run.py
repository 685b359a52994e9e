"""A study: every chip of every case, wherever it is done, kept as it comes; and what it says, as rows.

    subject = Subject("student", BundleSource(Bundle.open("lenet5.rram.safetensors")), ChipPlan(...))
    cases = cases_of([subject], grid([parse_sweep("programming.sigma=0.1:0.6:6")]))
    found = run_study(cases, data, StudyOptions(chips=20))
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
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
from host_tools.study.axes import AXES, Setup
from host_tools.study.chips import (
    UNTOUCHED,
    ChipPlan,
    Stock,
    StudyData,
    clean_name,
    columns,
    measure_chips,
    opened,
    vectors,
)
from host_tools.study.jobs import Job, Result, Workers, run_jobs
from host_tools.study.journal import Journal
from host_tools.study.pool import workers_for
from host_tools.study.report import Row
from host_tools.study.sources import BundleSource, Source
from host_tools.study.steps import Step, parse_steps
from host_tools.study.sweep import Point, label, text

DIGEST = 16  # hexadecimal digits of a digest in a results file
LEARNT = ("calibrated", "recalibrated", "adapted")  # steps after which the SRAM holds something


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


@dataclass(frozen=True)
class Subject:
    """What is studied: `name` (of its row for untouched chips, and before other rows unless it is 'student')."""

    name: str
    source: Source
    plan: ChipPlan
    title: str = ""


@dataclass(frozen=True)
class Case:
    """One subject at one point of the sweep."""

    subject: Subject
    point: Point
    plan: ChipPlan
    bundle: Bundle

    def key(self, seed: int) -> tuple[str, ...]:
        """Which line of a results file chip `seed` is."""
        values = (text(value) for value in self.point.values())
        return (self.subject.name, self.bundle.digest[:DIGEST], *values, str(seed))


def study_data(data: Dataset, images: int | None = None) -> StudyData:
    """Test part to measure on; held-out training images to learn from."""
    _, x_stream, y_stream = data.validation()
    return StudyData(data.x_test[:images], data.y_test[:images], x_stream, y_stream)


def cases_of(
    subjects: Sequence[Subject], points: Sequence[Point], data: StudyData, advance: Callable[[], None] = lambda: None
) -> list[Case]:
    """Every subject at every point, with its bundle; all that cannot be is refused here, before a chip is measured."""
    for subject in subjects:
        subject.source.refuse([AXES[name] for name in points[0]])
    setups = [(subject, point, _setup(subject, point)) for subject in subjects for point in points]
    cases = []
    for subject, point, setup in setups:
        case = Case(subject, point, setup.plan, subject.source.bundle(setup))
        _refuse(case, data)
        cases.append(case)
        advance()
    return cases


def _setup(subject: Subject, point: Point) -> Setup:
    setup = subject.source.setup(subject.plan)
    for name, value in point.items():
        setup = AXES[name].apply(setup, value)
    return setup


def _refuse(case: Case, data: StudyData) -> None:
    """HostError or ProfileError for steps that this bundle's chips cannot take."""
    stock = Stock(case.bundle)
    history: tuple[Step, ...] = ()
    start = parse_steps(case.plan.start) if case.plan.start else ()
    for step in (*start, *parse_steps(case.plan.steps)):
        if step.kind in ("aged", "baked"):
            history = (*history, step)
            stock.after(history)
        elif step.kind in ("calibrated", "recalibrated"):
            vectors(case.bundle, data, step)


def refuse_other_images(bundle: Bundle, data: Dataset) -> None:
    """HostError where a bundle takes other images than the data set has, or tells other classes apart."""
    if bundle.input_shape != data.shape or bundle.classes != data.classes:
        raise HostError(
            f"{bundle.path}: made for images {list(bundle.input_shape)} and {len(bundle.classes)} classes,"
            f" data set {data.name} has {list(data.shape)} and {len(data.classes)}"
        )


def run_study(
    cases: Sequence[Case], data: StudyData, options: StudyOptions, workers: Workers | None = None,
    journal: Journal | None = None, done: Callable[[], None] = lambda: None,
) -> list[list[Result]]:
    """What every chip reaches, [case][chip] in the order of the seeds.

    Chips that `journal` holds are not measured again; the others are added to it as they finish. `done` is called once
    a chip, found or measured.
    """
    if journal:
        _refuse_other_bundles(cases, journal)
    found: dict[tuple[int, int], Result] = {}
    jobs: list[Job] = []
    places: list[tuple[int, int]] = []
    for c, case in enumerate(cases):
        plan = replace(case.plan, bundle=case.bundle.path)
        for s, seed in enumerate(options.seeds):
            known = journal.found.get(case.key(seed)) if journal else None
            if known is not None:
                found[c, s] = known
                done()
                continue
            jobs.append(Job(len(jobs), case.bundle.digest, plan, seed))
            places.append((c, s))
    stocks = {case.bundle.digest: Stock(case.bundle) for case in cases}
    for job, result in run_jobs(workers or workers_for(options.workers, len(jobs)), jobs, stocks, data):
        c, s = places[job.number]
        found[c, s] = result
        if journal:
            journal.add(cases[c].key(job.seed), result)
        done()
    return [[found[c, s] for s in range(len(options.seeds))] for c in range(len(cases))]


def _refuse_other_bundles(cases: Sequence[Case], journal: Journal) -> None:
    """HostError where the results file holds chips of the same point of another bundle."""
    digests = {(name, *point): digest for name, digest, *point in (case.key(0)[:-1] for case in cases)}
    for name, digest, *rest in journal.found:
        mine = digests.get((name, *rest[:-1]), digest)
        if mine != digest:
            raise HostError(f"--output: {journal.path}: made with another bundle ({name}: digest {digest}, now it is "
                            f"{mine}); give another file, it is not overwritten")


def rows_of(case: Case, chips: Sequence[Result]) -> list[Row]:
    """A row for every step of a case."""
    rows, sram, helped = [], count_sram(case.bundle), False
    for step in parse_steps(case.plan.steps):
        helped = helped or step.kind in LEARNT
        clean = clean_name(step) in chips[0] and step.kind == "adapted"
        rows.append(Row(
            row_name(case.subject, step),
            tuple(chip[step.name] for chip in chips),
            sram if helped else None,
            tuple(chip[clean_name(step)] for chip in chips) if clean else None,
            case.subject.title if step.kind == "untouched" and case.subject.title else step.title,
            case.point,
        ))  # fmt: skip
    return rows


def row_name(subject: Subject, step: Step) -> str:
    """The row of a step: the subject itself where nothing was done to its chips."""
    if step.kind == "untouched":
        return subject.name
    return step.name if subject.name == "student" else f"{subject.name} {step.name}"


def ideal_rows(cases: Sequence[Case], data: StudyData) -> list[Row]:
    """The digital network of the cases; it is one figure, as a sweep does not change it."""
    found: dict[str, Row] = {}
    for case in cases:
        content = hashlib.sha256(case.bundle.ideal_tflite.tobytes()).hexdigest()
        if content not in found and case.bundle.ideal_tflite.size:
            found[content] = Row("ideal", (ideal_accuracy(case.bundle, data),))
    return list(found.values())[:1]


def study_bundle(plan: ChipPlan, data: Dataset, options: StudyOptions) -> list[Row]:
    """Rows ideal, student, calibrated, shifted, adapted of a bundle."""
    bundle = opened(plan.bundle)
    refuse_other_images(bundle, data)
    arrays = study_data(data, options.images)
    cases = cases_of([Subject("student", BundleSource(bundle), plan)], [{}], arrays)
    with console.progress(f"{options.chips} chips", options.chips) as bar:
        chips = run_study(cases, arrays, options, done=bar.advance)
    return [*ideal_rows(cases, arrays), *rows_of(cases[0], chips[0])]


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


def value_columns(cases: Sequence[Case]) -> list[str]:
    """The columns of accuracies that these cases need, each once."""
    return list(dict.fromkeys(name for case in cases for name in columns(case.plan)))


def summary_of_points(cases: Sequence[Case]) -> Mapping[str, list[object]]:
    """Axis to its values, in order, each once."""
    axes: dict[str, list[object]] = {}
    for case in cases:
        for name, value in case.point.items():
            if value not in axes.setdefault(name, []):
                axes[name].append(value)
    return axes


def case_label(case: Case) -> str:
    """For people."""
    return label(case.point) or case.subject.name


@dataclass(frozen=True)
class RecipeFiles:
    """What a recipe leaves behind: trained networks and their bundles."""

    teacher: Path
    student: Path
    bundle: Path
    plain: Path
