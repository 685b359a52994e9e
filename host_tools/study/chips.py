"""One chip of a study, step by step; and many chips, with the same figures on any number of cores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from firmware_py.bundle import Bundle
from firmware_py.cells import Effects
from firmware_py.chip import Chip
from firmware_py.correction import AdaptConfig
from host_tools.errors import HostError
from host_tools.shift import Shift
from host_tools.study.cells import age_after, cells_after
from host_tools.study.steps import ALL, CALIBRATIONS, OLDER, UNTOUCHED, Step, parse_start, parse_steps

__all__ = ["ALL", "UNTOUCHED", "ChipPlan", "Stock", "StudyData", "measure", "measure_chip", "measure_chips"]

LABELS = 1000


@dataclass(frozen=True)
class ChipPlan:
    """What is done to every chip of a study, in the words of host_tools.study.steps.

    start: steps that are done first, without a measurement. shift, labels: of a step 'shifted' or 'adapted' that does
    not say its own.
    """

    bundle: Path | Bundle
    steps: tuple[str, ...] = ALL
    shift: Shift = field(default_factory=Shift)
    labels: int = LABELS
    adapt: AdaptConfig = field(default_factory=AdaptConfig)
    effects: Effects = field(default_factory=Effects)
    engine: str = "auto"
    start: tuple[str, ...] = ()


class _Kept:
    """Holds what was computed once, beside the object and not in its pickle: `kept(key, make)`."""

    def __init__(self) -> None:
        self._found: dict[Any, Any] = {}

    def __call__(self, key: Any, make: Callable[[], Any]) -> Any:
        if key not in self._found:
            self._found[key] = make()
        return self._found[key]

    def __reduce__(self) -> Any:
        return _Kept, ()


@dataclass(frozen=True)
class StudyData:
    """Images uint8 and labels: `test` is measured on, `stream` is learned from (no image is in both)."""

    x_test: npt.NDArray[np.uint8]
    y_test: npt.NDArray[np.int64]
    x_stream: npt.NDArray[np.uint8]
    y_stream: npt.NDArray[np.int64]
    _kept: _Kept = field(default_factory=_Kept, compare=False, repr=False)

    def changed(self, shift: Shift) -> npt.NDArray[np.float32]:
        """The test images after a change of the input; computed once a process."""
        changed: npt.NDArray[np.float32] = self._kept(shift, lambda: shift(self.x_test))
        return changed


@dataclass(frozen=True)
class Stock:
    """A bundle in a worker, with the cells of its technology at other times, which are computed once a process."""

    bundle: Bundle
    _kept: _Kept = field(default_factory=_Kept, compare=False, repr=False)

    def after(self, history: tuple[Step, ...]) -> Bundle:
        """The bundle whose cells have been through the steps 'aged' and 'baked' of `history`."""
        bundle: Bundle = self._kept(history, lambda: cells_after(self.bundle, history))
        return bundle


class _Life:
    """A chip on its way through the steps."""

    def __init__(self, plan: ChipPlan, stock: Stock, data: StudyData, seed: int) -> None:
        self.plan, self.stock, self.data, self.seed = plan, stock, data, seed
        self.history: tuple[Step, ...] = ()
        self.shift: Shift | None = None
        self.chip = self._chip(stock.bundle, seed)

    def _chip(self, bundle: Bundle, seed: int) -> Chip:
        plan = self.plan
        return Chip(bundle, seed=seed, engine=plan.engine, effects=plan.effects, adapt=plan.adapt)  # type: ignore[arg-type]

    def accuracy(self, shift: Shift | None) -> float:
        """Per cent of the test images, changed by `shift`, that are told right."""
        x = self.data.x_test if shift is None else self.data.changed(shift)
        return 100 * int(np.sum(self.chip.predict_many(x) == self.data.y_test)) / len(x)

    def do(self, step: Step) -> None:
        """One step, without measuring."""
        if step.kind in CALIBRATIONS:
            self.chip.calibrate(vectors(self.stock.bundle, self.data, step), CALIBRATIONS[step.kind])
        elif step.kind == "shifted":
            self.shift = Shift.parse(step.argument.replace(";", ",")) if step.argument else self.plan.shift
        elif step.kind == "adapted":
            self._learn(labels_of(self.plan, self.data, step))
        elif step.kind in OLDER:
            self._age(step)

    def _learn(self, labels: int) -> None:
        order = np.random.default_rng(self.seed).permutation(len(self.data.x_stream))[:labels]
        images = self.data.x_stream[order]
        for image, label in zip(self.shift(images) if self.shift else images, self.data.y_stream[order], strict=True):
            self.chip.learn_one(image, int(label))

    def _age(self, step: Step) -> None:
        """The same die, its cells moved: by the board's law, or its own uniform number through later tables. SRAM and
        counters stay."""
        self.history = (*self.history, step)
        if step.kind == "drifted":
            self.chip.refresh(age_after(self.stock.bundle, self.history))
            return
        redrawn = step.argument.endswith(":redrawn")
        before = self.chip
        self.chip = self._chip(self.stock.after(self.history), redrawn_seed(self.seed) if redrawn else before.seed)
        self.chip.correction.load(self.stock.bundle, before.correction.arrays(self.stock.bundle))


def measure(plan: ChipPlan, stock: Stock, data: StudyData, seed: int) -> dict[str, float]:
    """Accuracies in per cent of chip `seed` after each step, by the step's name.

    After an 'adapted' step on changed input there is a second one, on the unchanged test set: 'clean' (of a step with
    another name: 'NAME_clean').
    """
    from threadpoolctl import threadpool_limits

    out: dict[str, float] = {}
    with threadpool_limits(1):  # workers share the cores; and sums are added in the same order everywhere
        life = _Life(plan, stock, data, seed)
        for step in parse_start(plan.start):
            life.do(step)
        for step in parse_steps(plan.steps):
            life.do(step)
            out[step.name] = life.accuracy(life.shift)
            if step.kind == "adapted" and life.shift is not None:
                out[clean_name(step)] = life.accuracy(None)
    return out


def clean_name(step: Step) -> str:
    """Under which name the accuracy of an adapted chip on the unchanged test set goes."""
    return "clean" if step.name == "adapted" else f"{step.name}_clean"


def columns(plan: ChipPlan) -> list[str]:
    """The names that `measure` gives for this plan, in order."""
    names, shifted = [], any(step.kind == "shifted" for step in parse_start(plan.start))
    for step in parse_steps(plan.steps):
        shifted = shifted or step.kind == "shifted"
        names += [step.name, *([clean_name(step)] if step.kind == "adapted" and shifted else [])]
    return names


def vectors(bundle: Bundle, data: StudyData, step: Step) -> npt.NDArray[np.uint8] | None:
    """What a calibration sees: the bundle's vectors, as many as the step says, then others of the stream.

    HostError where there are not so many.
    """
    if not step.argument:
        return None
    count, own = int(step.argument), bundle.calibration_x
    if count > len(own) + len(data.x_stream):
        most = len(own) + len(data.x_stream)
        raise HostError(f"--steps: {step.text}: {count} vectors asked, the bundle and the data set have {most}")
    return np.concatenate([own[:count], data.x_stream[: max(count - len(own), 0)]])


def labels_of(plan: ChipPlan, data: StudyData, step: Step) -> int:
    """How many labels a step 'adapted' learns: its own number, or the plan's. HostError where there are not so many."""
    count, most = int(step.argument) if step.argument else plan.labels, len(data.x_stream)
    if count > most:
        raise HostError(f"{'--steps' if step.argument else '--labels'}: {step.text}: {count} labels asked, "
                        f"the data set has {most}")  # fmt: skip
    return count


def redrawn_seed(seed: int) -> int:
    """Another die's cells for chip `seed`: what it would be if time left nothing of a cell's rank among its like."""
    return seed ^ 1 << 62


def measure_chip(plan: ChipPlan, data: StudyData, seed: int) -> dict[str, float]:
    """`measure` for a plan whose bundle is opened here."""
    return measure(plan, Stock(opened(plan.bundle)), data, seed)


def opened(bundle: Path | Bundle) -> Bundle:
    """The bundle, read from its file if need be."""
    return bundle if isinstance(bundle, Bundle) else Bundle.open(bundle)


def measure_chips(
    plan: ChipPlan, data: StudyData, seeds: Sequence[int], workers: int | None, done: Callable[[], None]
) -> list[dict[str, float]]:
    """`measure_chip` for every seed, in the order of the seeds; `done` is called after each chip.

    workers: processes side by side (None: one a core).
    """
    from host_tools.study.jobs import Job, run_jobs
    from host_tools.study.pool import workers_for

    stock = Stock(opened(plan.bundle))
    plan = replace(plan, bundle=stock.bundle.path)
    jobs = [Job(i, stock.bundle.digest, plan, seed) for i, seed in enumerate(seeds)]
    found: dict[int, dict[str, float]] = {}
    for job, result in run_jobs(workers_for(workers, len(jobs)), jobs, {stock.bundle.digest: stock}, data):
        found[job.number] = result
        done()
    return [found[i] for i in range(len(jobs))]
