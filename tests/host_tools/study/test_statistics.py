"""Intervals against scipy's own, and against how often they hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

stats = pytest.importorskip("scipy.stats", reason="a board: no workstation tools")

from host_tools.study.statistics import Asked, summary, yield_interval

accuracies = st.lists(st.integers(0, 10_000).map(lambda n: n / 100), min_size=2, max_size=40)


@given(accuracies, st.sampled_from([80.0, 95.0, 99.0]))
def test_the_interval_of_the_mean_is_students(values: list[float], confidence: float) -> None:
    found = summary(values, Asked(confidence))
    if np.ptp(values) == 0:
        assert found["mean_low"] == found["mean_high"] == found["mean"]
        return
    low, high = stats.ttest_1samp(values, 0.0).confidence_interval(confidence / 100)
    assert (found["mean_low"], found["mean_high"]) == pytest.approx((low, high), abs=1e-4)


def test_the_bootstrap_is_scipys_percentile_method_and_repeatable() -> None:
    values = np.random.default_rng(1).exponential(3.0, 30)
    asked = Asked(90.0, "bootstrap", seed=5)
    found = summary(values, asked)
    drawn = stats.bootstrap((values,), np.mean, confidence_level=0.9, n_resamples=20_000, method="percentile",
                            rng=np.random.default_rng(2))  # fmt: skip
    width = drawn.confidence_interval.high - drawn.confidence_interval.low
    assert found["mean_low"] == pytest.approx(drawn.confidence_interval.low, abs=0.03 * width)
    assert found["mean_high"] == pytest.approx(drawn.confidence_interval.high, abs=0.03 * width)
    assert summary(values, asked) == found
    assert summary(values, Asked(90.0, "bootstrap", seed=6)) != found


def test_a_yield_counts_chips_at_or_above_with_wilson_and_exact_intervals() -> None:
    found = summary([95.0, 94.99, 97.0, 99.0], Asked(yield_at=95.0))
    assert found["yield_percent"] == 75.0
    z, n, p = stats.norm.ppf(0.975), 4, 0.75
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))  # Wilson 1927
    assert (found["yield_low"], found["yield_high"]) == pytest.approx((100 * (centre - half), 100 * (centre + half)),
                                                                      abs=1e-4)  # fmt: skip
    exact = (100 * stats.beta.ppf(0.025, 3, 2), 100 * stats.beta.ppf(0.975, 4, 1))  # Clopper and Pearson 1934
    assert (found["yield_exact_low"], found["yield_exact_high"]) == pytest.approx(exact, abs=1e-4)


@pytest.mark.parametrize("good", [0, 17, 20])
def test_the_exact_interval_holds_the_wilson_one_or_is_as_wide(good: int) -> None:
    wilson, exact = (yield_interval(good, 20, 95.0, method) for method in ("wilson", "exact"))
    assert 0 <= exact[0] <= wilson[0] + 1e-9 <= 100 * good / 20 + 1e-6
    assert 100 * good / 20 <= wilson[1] + 1e-9 <= exact[1] + 2.0 <= 102.0


def test_one_chip_has_no_interval() -> None:
    found = summary([97.0], Asked(yield_at=95))
    assert (found["mean_low"], found["mean_high"], found["std"]) == (None, None, 0.0)
    assert found["yield_percent"] == 100.0


def test_students_interval_holds_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for values in rng.normal(98.0, 0.4, (400, 10)):
        found = summary(list(values), Asked(90.0))
        held += found["mean_low"] <= 98.0 <= found["mean_high"]
    low, high = stats.binom.interval(0.999, 400, 0.9)
    assert low <= held <= high
