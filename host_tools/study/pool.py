"""Processes on this machine, one a core unless told otherwise. One that dies is replaced, and its chip done again."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import fields
from functools import lru_cache
from pathlib import Path

import numpy as np

from host_tools.errors import HostError
from host_tools.study.chips import Stock, StudyData
from host_tools.study.jobs import Here, Job, Result, Workers, do_job

TRIES = 3  # pools in a row that may die without one chip finished
ARRAYS = tuple(f.name for f in fields(StudyData) if not f.name.startswith("_"))


def workers_for(workers: int | None, jobs: int) -> Workers:
    """`workers` processes (None: one a core), no more than there are jobs; one is this process itself."""
    count = min(workers or cores(), jobs)
    return Here() if count <= 1 else Processes(count)


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Processes:
    """`count` processes side by side."""

    def __init__(self, count: int) -> None:
        self.count = count

    def results(
        self, jobs: Sequence[Job], stocks: Mapping[str, Stock], data: StudyData
    ) -> Iterator[tuple[Job, Result]]:
        """Do all jobs; HostError where processes keep dying (out of memory, say) and nothing gets done."""
        waiting, failures = {job.number: job for job in jobs}, 0
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            _lay_out(folder, stocks, data)
            while waiting:
                before = len(waiting)
                try:
                    for job, result in self._round(folder, list(waiting.values())):
                        del waiting[job.number]
                        yield job, result
                except BrokenProcessPool:
                    failures = failures + 1 if len(waiting) == before else 0
                    if failures == TRIES:
                        raise HostError(f"study: worker processes died {TRIES} times without finishing a chip "
                                        "(out of memory?); try --workers 1") from None

    def _round(self, folder: Path, jobs: Sequence[Job]) -> Iterator[tuple[Job, Result]]:
        """One pool, as long as it lives."""
        with processes(self.count) as pool:
            with interrupts_ignored():
                futures = {pool.submit(_job, str(folder), job): job for job in jobs}
            for future in as_completed(futures):
                yield futures[future], future.result()


@contextmanager
def processes(count: int) -> Iterator[ProcessPoolExecutor]:
    """A pool that ends at once where its block is interrupted; jobs are submitted with `interrupts_ignored`."""
    others = set(multiprocessing.active_children())
    # spawn: TensorFlow's threads in the parent do not survive a fork
    pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _leave_interrupts_to_the_parent)
    try:
        yield pool
    except BaseException:  # interrupted, a worker died, or an error: nobody waits for the chips under way
        for child in set(multiprocessing.active_children()) - others:
            child.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _lay_out(folder: Path, stocks: Mapping[str, Stock], data: StudyData) -> None:
    """Bundles by digest and images as files that all processes map."""
    for name in ARRAYS:
        np.save(folder / f"{name}.npy", getattr(data, name))
    for digest, stock in stocks.items():
        (folder / digest).write_bytes(pickle.dumps(stock))


@contextmanager
def interrupts_ignored() -> Iterator[None]:
    """As long as processes are started, they inherit it: a terminal sends Ctrl-C to the workers, too, and the parent
    alone deals with it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _job(folder: str, job: Job) -> Result:
    return do_job(job, _stock(folder, job.digest), _data(folder))


@lru_cache(maxsize=1)
def _data(folder: str) -> StudyData:
    return StudyData(**{name: np.load(Path(folder, f"{name}.npy"), mmap_mode="r") for name in ARRAYS})


@lru_cache(maxsize=2)
def _stock(folder: str, digest: str) -> Stock:
    stock: Stock = pickle.loads(Path(folder, digest).read_bytes())
    return stock
