"""A student's accuracy on drawn chips, in floating point: what a training looks at. The board's engine has the last
word."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from host_tools.conversion import load_chip, plain_copy
from host_tools.training.loop import accuracy
from host_tools.training.statistics import measure_statistics, norms

STATISTICS_IMAGES = 512


def accuracy_on_chips(
    student: Any, x: NDArray[np.uint8], y: NDArray[np.int64], chips: int, seed: int,
    unlabelled: NDArray[np.uint8] | None = None,
) -> list[float]:  # fmt: skip
    """Per cent of each of `chips` drawn chips; batch-norm statistics of each from `unlabelled` images, where given."""
    copy, rng = plain_copy(student), np.random.default_rng(seed)
    results = []
    for _ in range(chips):
        load_chip(copy, student, rng)
        if unlabelled is not None and norms(copy):
            measure_statistics(copy, unlabelled[:STATISTICS_IMAGES])
        results.append(accuracy(copy, x, y))
    return results
