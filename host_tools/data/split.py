"""A fixed, stratified split into training and test part."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

TEST_SHARE = 0.2


def stratified(
    labels: NDArray[np.int64], seed: int = 0, test_share: float = TEST_SHARE
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Indices (train, test): of each class `test_share` to the test part, at least one if it has two. A function of
    the arguments."""
    rng = np.random.default_rng(seed)
    train: list[NDArray[Any]] = []
    test: list[NDArray[Any]] = []
    for c in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == c))
        n = min(max(round(test_share * len(rows)), 1), len(rows) - 1)
        test.append(rows[:n])
        train.append(rows[n:])
    return rng.permutation(np.concatenate(train)), rng.permutation(np.concatenate(test))
