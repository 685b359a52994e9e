"""Distances between a distribution and a sample, and what sampling alone gives."""

from __future__ import annotations

import numpy as np
from scipy import stats

from device_models.distributions import Distribution
from device_models.fit.groups import Array

# Median of the Kolmogorov distribution: where the model is true, half of the samples have D * sqrt(n) below it.
SAMPLING = 0.83
_NODES = 2000  # probabilities at which quantiles are compared


def kolmogorov_smirnov(distribution: Distribution, sample: Array) -> float:
    """One-sample distance: the largest gap between the distribution function and that of the sample."""
    x = np.sort(sample)
    n = len(x)
    at, before = np.asarray(distribution.cdf(x)), np.asarray(distribution.cdf(np.nextafter(x, -np.inf)))
    return float(max((np.arange(1, n + 1) / n - at).max(), (before - np.arange(n) / n).max(), 0.0))


def rejected(distance: float, n: int) -> bool:
    """Whether a sample of n from the model itself is so far away in less than 5 % of cases (exact distribution)."""
    return bool(stats.kstwo.sf(distance, n) < 0.05)


def wasserstein(distribution: Distribution, sample: Array) -> float:
    """Mean distance of the quantiles in the sample's unit, at evenly spaced probabilities."""
    p = (np.arange(_NODES) + 0.5) / _NODES
    own = np.sort(sample)[np.minimum((p * len(sample)).astype(int), len(sample) - 1)]
    return float(np.abs(np.asarray(distribution.ppf(p)) - own).mean())
