"""Which level a cell is read as: shares of a level's cells in the bins of all levels."""

from __future__ import annotations

import numpy as np

from device_models.distributions import Distribution
from device_models.fit.groups import Array


def bin_edges(levels_uS: Array) -> Array:
    """The L - 1 edges between the bins of L levels, in uS: halfway between neighbours."""
    return np.asarray((levels_uS[1:] + levels_uS[:-1]) / 2)


def model_shares(distribution: Distribution, edges: Array) -> Array:
    """Shares [L] of the distribution in the bins."""
    return np.diff(np.concatenate([[0.0], np.asarray(distribution.cdf(edges)), [1.0]]))


def measured_shares(sample: Array, edges: Array) -> Array:
    """Shares [L] of the sample in the bins."""
    return np.bincount(np.searchsorted(edges, sample, side="left"), minlength=len(edges) + 1) / len(sample)


def total_variation(a: Array, b: Array) -> float:
    """Half of the sum of absolute differences of two rows of shares: 0 (equal) to 1."""
    return float(np.abs(a - b).sum() / 2)
