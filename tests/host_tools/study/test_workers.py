"""One process, two, and the workers of a scheduler give the same figures, whatever happens to a worker."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("pydantic", reason="a board: no workstation tools")

from firmware_py.bundle import Bundle
from host_tools.errors import HostError
from host_tools.study.chips import ChipPlan, Stock, measure_chip, measure_chips
from host_tools.study.jobs import Here, Job, Result, Workers, run_jobs
from host_tools.study.pool import Processes, cores, workers_for
from tests.host_tools.study.conftest import Small

SEEDS = range(5)
STEPS = ("untouched", "calibrated:20", "shifted:noise:0.4", "adapted:10")


def by_seed(workers: Workers, small: Small, after: Callable[[int], None] = lambda done: None) -> list[Result]:
    """Every chip's figures in the order of the seeds; `after` is called with the number of chips done."""
    stock = Stock(Bundle.open(small.bundle))
    jobs = [Job(i, stock.bundle.digest, ChipPlan(Path("elsewhere"), STEPS), seed) for i, seed in enumerate(SEEDS)]
    found: dict[int, Result] = {}
    for job, result in run_jobs(workers, jobs, {stock.bundle.digest: stock, "unused": stock}, small.study_data):
        assert job.number not in found
        found[job.number] = result
        after(len(found))
    return [found[i] for i in range(len(SEEDS))]


@pytest.fixture(scope="module")
def alone(small: Small) -> list[Result]:
    """One process; the figures of chips that are opened one by one."""
    found = by_seed(Here(), small)
    assert found == [measure_chip(ChipPlan(small.bundle, STEPS), small.study_data, seed) for seed in SEEDS]
    assert len({tuple(chip.values()) for chip in found}) == len(SEEDS)
    return found


def test_a_process_that_is_killed_is_replaced_and_its_chip_done_again(small: Small, alone: list[Result]) -> None:
    before = set(multiprocessing.active_children())

    def kill(done: int) -> None:
        if done == 1:
            victim = (set(multiprocessing.active_children()) - before).pop()
            assert victim.pid is not None
            os.kill(victim.pid, signal.SIGKILL)

    assert by_seed(Processes(2), small, kill) == alone
    assert set(multiprocessing.active_children()) <= before


def test_processes_that_keep_dying_are_one_line(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("host_tools.study.pool._leave_interrupts_to_the_parent", os._exit)  # wrong arguments: it dies
    with pytest.raises(HostError, match="worker processes died 3 times without finishing a chip"):
        by_seed(Processes(2), small)


def test_giving_up_in_the_middle_leaves_no_process(small: Small) -> None:
    before = set(multiprocessing.active_children())

    def stop(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        by_seed(Processes(2), small, stop)
    import gc

    gc.collect()  # the generator that was left
    for child in set(multiprocessing.active_children()) - before:
        child.join(30)
    assert set(multiprocessing.active_children()) <= before


def test_workers_follow_cores_and_jobs() -> None:
    assert isinstance(workers_for(1, 10), Here) and isinstance(workers_for(8, 1), Here)
    many = workers_for(3, 10)
    assert isinstance(many, Processes) and many.count == 3
    assert cores() >= 1


def test_what_is_kept_beside_data_and_bundle_does_not_travel(small: Small) -> None:
    from host_tools.shift import Shift

    data, stock = small.study_data, Stock(Bundle.open(small.aging))
    size = len(pickle.dumps(data)), len(pickle.dumps(stock))
    assert data.changed(Shift()) is data.changed(Shift())
    from host_tools.study.steps import parse_steps

    assert stock.after(parse_steps("aged:100")) is stock.after(parse_steps("aged:100"))
    assert (len(pickle.dumps(data)), len(pickle.dumps(stock))) == size
    again = pickle.loads(pickle.dumps(stock))
    assert measure_chip(ChipPlan(again.bundle, ("untouched",)), data, 1) == measure_chip(
        ChipPlan(small.aging, ("untouched",)), data, 1)  # fmt: skip


def test_measure_chips_calls_back_once_a_chip(small: Small, alone: list[Result]) -> None:
    done: list[int] = []
    plan = ChipPlan(small.bundle, STEPS)
    assert measure_chips(plan, small.study_data, SEEDS, 1, lambda: done.append(1)) == alone
    assert len(done) == len(SEEDS)
    assert measure_chips(replace(plan, bundle=Bundle.open(small.bundle)), small.study_data, [], 2, lambda: None) == []


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port where somebody listens and says nothing."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_scheduler_that_does_not_answer_is_one_line_in_time(silent_port: int) -> None:
    pytest.importorskip("distributed", reason="needs the cluster extra")
    from host_tools.study.cluster import Cluster

    for address in (f"tcp://127.0.0.1:{silent_port}", "tcp://127.0.0.1:1", "nonsense", "", "tcp://127.0.0.1:port"):
        with pytest.raises(HostError, match="does not answer within 0.5 s as a Dask scheduler, expected one") as error:
            Cluster(address, timeout_s=0.5)
        assert "\n" not in str(error.value)


def test_a_schedulers_workers_give_the_same_figures_also_when_one_is_killed(small: Small, alone: list[Result]) -> None:
    distributed = pytest.importorskip("distributed", reason="needs the cluster extra")
    from host_tools.study.cluster import Cluster

    quiet = {"silence_logs": 60, "dashboard_address": None, "threads_per_worker": 1}
    with distributed.LocalCluster(n_workers=2, **quiet) as cluster:

        def kill(done: int) -> None:
            if done == 1:
                os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)

        assert by_seed(Cluster(cluster.scheduler_address), small, kill) == alone


def test_a_scheduler_without_workers_is_one_line() -> None:
    distributed = pytest.importorskip("distributed", reason="needs the cluster extra")
    from host_tools.study.cluster import Cluster

    with (
        distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=None) as cluster,
        pytest.raises(HostError, match="has no workers"),
    ):
        Cluster(cluster.scheduler_address)
