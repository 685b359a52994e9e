"""Time of a step of student training beside a step of plain Keras training: the same batch, interleaved, medians.

    python benchmarks/training_time.py [--model lenet5] [--draws 4] [--batch 128]

A student's step draws its cells anew for each of `draws` groups and asks the teacher; the plain step is
train_on_batch of the ideal network with cross-entropy. Bars: LeNet-5 at most 2.5, ResNet-8 at most 3, four draws.
"""

from __future__ import annotations

import argparse
import json
import time
from statistics import median
from typing import Any

import numpy as np

SHAPES = {"lenet5": (28, 28, 1), "tiny": (8, 8, 1)}
BARS = {"lenet5": 2.5, "resnet8": 3.0}


def networks(name: str, draws: int) -> tuple[Any, Any, tuple[int, ...]]:
    """The plain network and the pair of student and teacher, compiled, and the shape of an image."""
    from host_tools import models
    from host_tools.backend import keras
    from host_tools.conversion import Conversion, convert
    from host_tools.training.optimizers import make_optimizer
    from host_tools.training.teaching import DistillationLoss, Pair

    shape = SHAPES.get(name, (32, 32, 3))
    plain = models.build(name, shape, 10)
    pair = Pair(convert(plain, "charan-65nm", options=Conversion(draws=draws)), plain)
    plain.compile(make_optimizer("adam", 1e-4), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    pair.compile(make_optimizer("adam", 1e-4), DistillationLoss(0.9, 4.0))
    return plain, pair, shape


def main() -> None:
    """Print the ratio and, as JSON, everything it was made of."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="lenet5")
    parser.add_argument("--draws", type=int, default=4)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=10, help="steps a round")
    given = parser.parse_args()
    plain, pair, shape = networks(given.model, given.draws)
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, (given.batch, *shape)).astype(np.float32)
    y = rng.integers(0, 10, given.batch)
    ratios, times = [], []
    for turn in range(given.rounds + 1):
        seconds = []
        for model in (plain, pair):
            start = time.perf_counter()
            for _ in range(given.steps):
                model.train_on_batch(x, y)
            seconds.append((time.perf_counter() - start) / given.steps)
        if turn:  # the first round compiles
            ratios.append(seconds[1] / seconds[0])
            times.append(seconds)
    ratio, bar = median(ratios), BARS.get(given.model)
    print(json.dumps({"figures": [{
        "name": f"student step / plain step, {given.model}, {given.draws} draws, batch {given.batch}", "value": ratio,
        "unit": "ratio", "bar": bar, "met": None if bar is None else ratio <= bar,
        "ms": [round(1e3 * median(column), 2) for column in zip(*times, strict=True)]}]}, indent=2))  # fmt: skip


if __name__ == "__main__":
    main()
