"""From what chips reach to the rows of a report."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from firmware_py.bundle import Bundle
from firmware_py.correction import count_sram
from firmware_py.reference import Reference
from host_tools.quiet import quiet
from host_tools.study.cases import Case, Subject
from host_tools.study.chips import StudyData, clean_name
from host_tools.study.jobs import Result
from host_tools.study.report import Row
from host_tools.study.steps import CALIBRATIONS, Step, parse_steps

LEARNT = (*CALIBRATIONS, "adapted")  # steps after which the SRAM holds something


def rows_of(case: Case, chips: Sequence[Result]) -> list[Row]:
    """A row for every step of a case."""
    rows, sram, helped = [], count_sram(case.bundle, adapt=case.plan.adapt), False
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


def ideal_accuracy(bundle: Bundle, data: StudyData) -> float:
    """Accuracy in per cent of the bundle's digital network, as LiteRT runs it."""
    with quiet():
        reference = Reference(bundle)
    right = [int(np.argmax(reference.predict(x))) == y for x, y in zip(data.x_test, data.y_test, strict=True)]
    return float(100 * np.mean(right))
