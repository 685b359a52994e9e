"""Many labels one after the other: no growth of memory, no NaN, the same time for each."""

from __future__ import annotations

import time

import numpy as np

from benchmarks.runtime.figure import Figure
from firmware_py import Chip
from firmware_py.bench import resident_mb
from firmware_py.bundle import Bundle
from firmware_py.correction import AdaptConfig
from firmware_py.replay import NO_REPLAY

PARTS = 10


def long_run(bundle: Bundle, steps: int) -> list[Figure]:
    """`steps` labels of stored images; the correction keeps changing, since a tenth of the labels is wrong."""
    chip, rng = Chip(bundle, adapt=AdaptConfig(replay=NO_REPLAY, guard=None)), np.random.default_rng(0)
    x, classes = chip.anchors
    took, memory = [], []
    for _ in range(PARTS):
        picks = rng.integers(0, len(x), steps // PARTS)
        labels = np.where(rng.random(len(picks)) < 0.1, rng.integers(0, len(bundle.classes), len(picks)),
                          classes[picks])  # fmt: skip
        start = time.perf_counter()
        for pick, label in zip(picks, labels, strict=True):
            chip.learn_one(x[pick], int(label))
        took.append((time.perf_counter() - start) / len(picks))
        memory.append(resident_mb() or 0.0)
    finite = all(np.isfinite(a).all() for a in chip.correction.arrays(bundle).values())
    name, gained = f"{steps:,} labels", round(memory[-1] - memory[0], 2)
    return [Figure(f"{name}: resident memory gained after the first tenth", gained, "MB", 1.0),
            Figure(f"{name}: numbers of the correction that are not finite", 0.0 if finite else 1.0, "", 0.0),
            Figure(f"{name}: time of a label, last tenth against first", round(took[-1] / took[0], 3), "times", 1.2),
            Figure(f"{name}: time of a label", round(1e6 * float(np.median(took)), 1), "us")]  # fmt: skip
