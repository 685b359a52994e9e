"""How the common strategies recover multilevel cells, one axis of the technology at a time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from device_models.profile import DeviceProfile
from host_tools.data import Dataset
from host_tools.finetune.chip import Technology
from host_tools.finetune.methods import Job, fit_all, result, tuned
from host_tools.finetune.prepare import make_job
from host_tools.finetune.run import Advance, spread_out
from host_tools.finetune.rvw import read_verify_write
from host_tools.finetune.tuning import STRATEGIES
from host_tools.finetune.variants import with_levels, with_spread

WRITES = 0.5  # rewrites a cell, where they are not the axis
METHODS = ("untouched", "rvw-gains-biases", *STRATEGIES)
AXES: dict[str, tuple[float, ...]] = {
    "rewrites_per_cell": (0.1, 0.25, 0.5, 1.0, 2.0, 4.0),
    "levels": (2, 4, 10, 32),
    "spread": (0.1, 0.3, 0.5, 0.7),
    "on_off_ratio": (2, 5, 20, 100),
    "write_noise": (0.1, 0.3, 0.5, 0.7),
}


@dataclass(frozen=True)
class StudyPlan:
    """Axes and their values; chips a value; the methods compared."""

    chips: int = 5
    axes: dict[str, tuple[float, ...]] = field(default_factory=lambda: dict(AXES))
    methods: tuple[str, ...] = METHODS
    images: int = 512

    @classmethod
    def quick(cls, chips: int) -> StudyPlan:
        """At most two chips, the ends of every axis, half of the training images."""
        axes = {axis: (values[0], values[-1]) for axis, values in AXES.items()}
        return cls(min(chips, 2), axes | {"rewrites_per_cell": (0.1, 0.5, 4.0)}, images=256)

    @property
    def size(self) -> int:
        """Chips in all."""
        return self.chips * sum(map(len, self.axes.values()))


def job_at(job: Job, axis: str, value: float) -> Job:
    """The job with one thing changed. spread: of every write; write_noise: of rewrites alone."""
    profile = job.technology.profile
    if axis == "rewrites_per_cell":
        return replace(job, tuning=replace(job.tuning, writes=value))
    if axis == "write_noise":
        return replace(job, rewrite=Technology.of(with_spread(profile, value)))
    changed = {"levels": lambda: with_levels(profile, int(value)), "spread": lambda: with_spread(profile, value),
               "on_off_ratio": lambda: with_levels(profile, profile.n_levels, value)}[axis]()  # fmt: skip
    return replace(job, technology=Technology.of(changed))


def one_chip(methods: tuple[str, ...], item: tuple[Job, int]) -> dict[str, float]:
    """Accuracy in per cent of every method on one chip."""
    job, seed = item
    found = {}
    for method in methods:
        if method in STRATEGIES:
            own = replace(STRATEGIES[method], writes=job.tuning.writes, images=job.tuning.images)
            found[method] = tuned(replace(job, tuning=own), seed, method).accuracy
            continue
        chip = job.fresh(seed)
        if method == "rvw-gains-biases":
            read_verify_write(chip, 1 + job.tuning.writes)
            fit_all(job, chip, seed)
        found[method] = result(job, method, seed, chip).accuracy
    return found


def run_study(
    model: Any, data: Dataset, profile: DeviceProfile, plan: StudyPlan, seed: int, workers: int, advance: Advance
) -> dict[str, Any]:
    """Every method at every value of every axis, on the same chips; JSON types."""
    tuning = replace(STRATEGIES["layer-by-layer"], writes=WRITES, images=plan.images)
    job = make_job(model, data, profile, tuning)
    points = [(axis, value) for axis, values in plan.axes.items() for value in values]
    seeds = range(seed * plan.chips + 1, seed * plan.chips + 1 + plan.chips)
    items = [(job_at(job, axis, value), chip) for axis, value in points for chip in seeds]
    chips = spread_out(partial(one_chip, plan.methods), items, workers, advance)
    axes: dict[str, list[dict[str, Any]]] = {axis: [] for axis in plan.axes}
    for i, (axis, value) in enumerate(points):
        own = chips[i * plan.chips : (i + 1) * plan.chips]
        axes[axis].append({"value": value, "accuracy": {m: _statistics([c[m] for c in own]) for m in plan.methods}})
    return {"model": job.network.name, "data": data.name, "profile": profile.name, "seed": seed, "chips": plan.chips,
            "test_images": len(job.y_test), "rewrites_per_cell": WRITES,
            "ideal_accuracy": job.judged(job.network, None), "axes": axes}  # fmt: skip


def _statistics(values: list[float]) -> dict[str, Any]:
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {"mean": float(np.mean(values)), "sd": sd, "min": min(values)}
