"""Two variants on the same chips: the difference with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from host_tools.errors import HostError

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Paired:
    """Mean difference a - b in points over the same chips, and its bootstrap interval (BCa, 95 %)."""

    a: str
    b: str
    mean: float
    low: float
    high: float
    chips: int

    def __str__(self) -> str:
        return (f"{self.a} less {self.b}: {self.mean:+.3f} points, {100 * CONFIDENCE:.0f} % interval "
                f"{self.low:+.3f} to {self.high:+.3f}, {self.chips} chips paired")  # fmt: skip


def paired(a: str, first: Sequence[float], b: str, second: Sequence[float], seed: int = 0) -> Paired:
    """Compare accuracies [chips] of two variants, chip by chip; HostError for fewer than 2 chips."""
    if len(first) != len(second) or len(first) < 2:
        raise HostError(f"ablate: {len(first)} and {len(second)} chips given, expected the same, at least 2")
    from inspect import signature

    from scipy.stats import bootstrap

    key = "rng" if "rng" in signature(bootstrap).parameters else "random_state"  # its name until SciPy 1.15
    difference = np.subtract(first, second)
    low = high = float(difference.mean())
    if np.ptp(difference) > 0:
        draws = {key: np.random.default_rng(seed)}
        found = bootstrap((difference,), np.mean, confidence_level=CONFIDENCE, **draws)
        low, high = float(found.confidence_interval.low), float(found.confidence_interval.high)
    return Paired(a, b, float(difference.mean()), low, high, len(difference))
