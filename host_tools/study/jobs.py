"""The unit of a study's work, one chip of one bundle, and where it is done: the same function and figures anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from host_tools.study.chips import ChipPlan, Stock, StudyData, measure

Result = dict[str, float]


@dataclass(frozen=True)
class Job:
    """Chip `seed` of the bundle with this digest; `number` is its place in the study."""

    number: int
    digest: str
    plan: ChipPlan
    seed: int


class Workers(Protocol):
    """Where jobs are done. `results` yields them as they finish, each once, in any order."""

    def results(
        self, jobs: Sequence[Job], stocks: Mapping[str, Stock], data: StudyData
    ) -> Iterator[tuple[Job, Result]]:
        """Do all jobs; the bundles travel by content, known by their digest."""


def do_job(job: Job, stock: Stock, data: StudyData) -> Result:
    """The one function that every kind of worker calls."""
    return measure(job.plan, stock, data, job.seed)


class Here:
    """This process, one job after the other."""

    def results(
        self, jobs: Sequence[Job], stocks: Mapping[str, Stock], data: StudyData
    ) -> Iterator[tuple[Job, Result]]:
        """Do all jobs in order."""
        for job in jobs:
            yield job, do_job(job, stocks[job.digest], data)


def run_jobs(
    workers: Workers, jobs: Sequence[Job], stocks: Mapping[str, Stock], data: StudyData
) -> Iterator[tuple[Job, Result]]:
    """Results of `jobs` as they finish; bundles that no job asks for do not travel."""
    if not jobs:
        return
    wanted = {job.digest for job in jobs}
    yield from workers.results(jobs, {digest: stocks[digest] for digest in wanted}, data)
