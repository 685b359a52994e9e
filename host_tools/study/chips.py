"""One chip of a study, from untouched to adapted; and many chips, with the same figures on any number of cores."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from firmware_py.bundle import Bundle
from firmware_py.cells import Effects
from firmware_py.chip import Chip
from firmware_py.correction import AdaptConfig
from host_tools.shift import Shift

UNTOUCHED = ("untouched",)
ALL = ("untouched", "calibrated", "shifted", "adapted")


@dataclass(frozen=True)
class ChipPlan:
    """What is done to every chip of a study. steps: up to which of ALL. labels: learned one by one after the change."""

    bundle: Path
    steps: tuple[str, ...] = ALL
    shift: Shift = field(default_factory=Shift)
    labels: int = 1000
    adapt: AdaptConfig = field(default_factory=AdaptConfig)
    effects: Effects = field(default_factory=Effects)
    engine: str = "auto"


@dataclass(frozen=True)
class StudyData:
    """Images uint8 and labels: `test` is measured on, `stream` is learned from (no image is in both)."""

    x_test: npt.NDArray[np.uint8]
    y_test: npt.NDArray[np.int64]
    x_stream: npt.NDArray[np.uint8]
    y_stream: npt.NDArray[np.int64]


def measure_chip(plan: ChipPlan, data: StudyData, seed: int) -> dict[str, float]:
    """Accuracies in per cent of chip `seed` after each step; 'clean' is the unchanged test set after adapting."""
    chip = Chip(Bundle.open(plan.bundle), seed=seed, engine=plan.engine, effects=plan.effects, adapt=plan.adapt)  # type: ignore[arg-type]

    def accuracy(x: npt.NDArray[np.uint8] | npt.NDArray[np.float32]) -> float:
        return float(100 * np.mean(chip.predict_many(x) == data.y_test))

    out = {"untouched": accuracy(data.x_test)}
    if "calibrated" in plan.steps:
        chip.calibrate()
        out["calibrated"] = accuracy(data.x_test)
    if "shifted" in plan.steps:
        shifted = plan.shift(data.x_test)
        out["shifted"] = accuracy(shifted)
        if "adapted" in plan.steps:
            order = np.random.default_rng(seed).permutation(len(data.x_stream))[: plan.labels]
            for image, label in zip(plan.shift(data.x_stream[order]), data.y_stream[order], strict=True):
                chip.learn_one(image, int(label))
            out["adapted"] = accuracy(shifted)
            out["clean"] = accuracy(data.x_test)
    return out


def measure_chips(
    plan: ChipPlan, data: StudyData, seeds: Sequence[int], workers: int | None, done: Callable[[], None]
) -> list[dict[str, float]]:
    """`measure_chip` for every seed, in the order of the seeds; `done` is called after each chip."""
    workers = min(workers or os.cpu_count() or 1, len(seeds))
    if workers <= 1:
        results = []
        for seed in seeds:
            results.append(measure_chip(plan, data, seed))
            done()
        return results
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name in StudyData.__dataclass_fields__:
            np.save(folder / f"{name}.npy", getattr(data, name))
        # spawn: TensorFlow's threads in the parent do not survive a fork
        with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
            jobs = {pool.submit(_job, plan, folder, seed): seed for seed in seeds}
            found = {}
            for job in as_completed(jobs):
                found[jobs[job]] = job.result()
                done()
    return [found[seed] for seed in seeds]


def _job(plan: ChipPlan, folder: Path, seed: int) -> dict[str, float]:
    arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in StudyData.__dataclass_fields__}
    return measure_chip(plan, StudyData(**arrays), seed)
