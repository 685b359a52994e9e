"""Distances against scipy's, for laws with and without steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from device_models.check.distances import SAMPLING, kolmogorov_smirnov, rejected, wasserstein
from device_models.distributions import GaussianMixture, LogNormal, Normal, Point, Quantiles
from tests.device_models.fit.tables import generator

LAWS = [Normal(50, 6), LogNormal(4, 0.3),
        GaussianMixture(np.array([0.7, 0.3]), np.array([50.0, 80]), np.array([3.0, 9])),
        Quantiles(np.array([0, 0.3, 0.9, 1]), np.array([30.0, 50, 60, 110]))]
SAMPLES = [generator(1).normal(52, 7, 200), generator(2).gamma(8, 7, 35), np.round(generator(3).normal(55, 12, 60))]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: type(law).__name__)
def test_ks_is_scipys(law: Any) -> None:
    for x in SAMPLES:
        assert kolmogorov_smirnov(law, x) == pytest.approx(stats.ks_1samp(x, law.cdf).statistic, abs=1e-12)


def test_a_step_of_the_law_is_no_distance() -> None:
    """Half of the cells at one place: scipy's formula is for laws without steps and would say 0.5."""
    law = Quantiles(np.array([0, 0.25, 0.75, 1]), np.array([0.0, 50, 50, 100]))
    sample = np.array([25.0, 50, 50, 75])
    assert kolmogorov_smirnov(law, sample) == pytest.approx(0.125)
    assert kolmogorov_smirnov(Point(50.0), np.full(9, 50.0)) == 0
    assert kolmogorov_smirnov(Point(50.0), np.array([50.0, 51])) == pytest.approx(0.5)


@pytest.mark.parametrize("n", [30, 250])
def test_five_percent_of_true_samples_are_rejected(n: int) -> None:
    law, rng = Normal(0, 1), generator(n)
    d = np.array([kolmogorov_smirnov(law, rng.normal(size=n)) for _ in range(2000)])
    share = np.mean([rejected(float(one), n) for one in d])
    assert abs(share - 0.05) < 4 * (0.05 * 0.95 / 2000) ** 0.5
    assert [rejected(one, n) for one in (0.0, 1.0)] == [False, True]
    x = rng.normal(0.25, 1, n)
    assert rejected(kolmogorov_smirnov(law, x), n) == (stats.ks_1samp(x, stats.norm.cdf).pvalue < 0.05)


def test_sampling_alone_is_the_median_of_kolmogorovs_distribution() -> None:
    assert pytest.approx(stats.kstwobign.median(), abs=0.005) == SAMPLING


@pytest.mark.parametrize("law", LAWS, ids=lambda law: type(law).__name__)
def test_wasserstein_is_scipys_of_many_draws(law: Any) -> None:
    draws = law.ppf((np.arange(50_000) + 0.5) / 50_000)
    for x in SAMPLES:
        assert wasserstein(law, x) == pytest.approx(stats.wasserstein_distance(draws, x), rel=0.01, abs=0.02)


def test_wasserstein_of_a_law_that_is_moved_is_the_move() -> None:
    x = Normal(50, 6).ppf((np.arange(400) + 0.5) / 400)
    assert wasserstein(Normal(57, 6), x) == pytest.approx(7, rel=1e-3)
