"""What is measured: subjects (a bundle, or a model) at the points of a sweep, each with its bundle and its plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from firmware_py.bundle import Bundle
from host_tools.data import Dataset
from host_tools.errors import HostError
from host_tools.study.axes import AXES, Setup
from host_tools.study.cells import age_after, beyond_law, refuse_unknown_times
from host_tools.study.chips import ChipPlan, Stock, StudyData, columns, labels_of, vectors
from host_tools.study.sources import Source
from host_tools.study.steps import CALIBRATIONS, OLDER, Step, parse_start, parse_steps
from host_tools.study.sweep import Point, text

DIGEST = 16  # hexadecimal digits of a digest in a results file


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


def cases_of(
    subjects: Sequence[Subject], points: Sequence[Point], data: StudyData, advance: Callable[[], None] = lambda: None
) -> list[Case]:
    """Every subject at every point, with its bundle; all that cannot be is refused here, before a chip is measured."""
    for subject in subjects:
        subject.source.refuse([AXES[name] for name in points[0]])
    setups = [(subject, point, _setup(subject, point)) for subject in subjects for point in points]
    for _, _, setup in setups:
        refuse_unknown_times(setup.plan.steps, setup.profile, setup.plan.start)
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
    for step in (*parse_start(case.plan.start), *parse_steps(case.plan.steps)):
        if step.kind in OLDER:
            history = (*history, step)
            age_after(case.bundle, history) if step.kind == "drifted" else stock.after(history)
        elif step.kind in CALIBRATIONS:
            vectors(case.bundle, data, step)
        elif step.kind == "adapted":
            labels_of(case.plan, data, step)


def notes_of(cases: Sequence[Case]) -> list[str]:
    """What a user should know of these cases, each line once."""
    notes = [beyond_law(case.bundle, case.plan.steps, case.plan.start) for case in cases]
    return [note for note in dict.fromkeys(notes) if note]


def refuse_other_images(bundle: Bundle, data: Dataset) -> None:
    """HostError where a bundle takes other images than the data set has, or tells other classes apart."""
    if bundle.input_shape != data.shape or bundle.classes != data.classes:
        raise HostError(
            f"{bundle.path}: made for images {list(bundle.input_shape)} and {len(bundle.classes)} classes,"
            f" data set {data.name} has {list(data.shape)} and {len(data.classes)}"
        )


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
