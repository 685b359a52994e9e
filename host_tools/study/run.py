"""A study: every chip of every case, wherever it is done, kept as it comes.

    subject = Subject("student", BundleSource(Bundle.open("lenet5.rram.safetensors")), ChipPlan(...))
    cases = cases_of([subject], grid([parse_sweep("programming.sigma=0.1:0.6:6")]))
    found = run_study(cases, data, StudyOptions(chips=20))
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from host_tools import console
from host_tools.data import Dataset
from host_tools.errors import HostError
from host_tools.study.cases import Case, Subject, cases_of, refuse_other_images
from host_tools.study.chips import LABELS, UNTOUCHED, ChipPlan, Stock, StudyData, measure_chips, opened
from host_tools.study.jobs import Job, Result, Workers, run_jobs
from host_tools.study.journal import Journal
from host_tools.study.pool import workers_for
from host_tools.study.report import Row
from host_tools.study.rows import ideal_accuracy, ideal_rows, rows_of
from host_tools.study.sources import BundleSource

__all__ = ["RecipeFiles", "StudyOptions", "ideal_accuracy", "plain_row", "run_study", "study_bundle", "study_data"]

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
    """Test part to measure on; to learn from, held-out training images, and after these others up to LABELS."""
    rest, x, y = data.validation()
    more = max(LABELS - len(x), 0)
    x_stream, y_stream = np.concatenate([x, rest.x_train[:more]]), np.concatenate([y, rest.y_train[:more]])
    return StudyData(data.x_test[:images], data.y_test[:images], x_stream, y_stream)


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
            raise HostError(f"{journal.name}: made with another bundle ({name}: digest {digest}, now it is "
                            f"{mine}); give another file, it is not overwritten")


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


@dataclass(frozen=True)
class RecipeFiles:
    """What a recipe leaves behind: trained networks and their bundles."""

    teacher: Path
    student: Path
    bundle: Path
    plain: Path
