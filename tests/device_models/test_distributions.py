"""Every distribution against scipy.stats, or against numerical integration where scipy has none."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from device_models.distributions import (
    Distribution,
    GaussianMixture,
    LogNormal,
    Normal,
    NormalLogNormalVariance,
    Point,
    Quantiles,
)

P = np.array([2.0**-25, 1e-4, 0.01, 0.3, 0.5, 0.77, 0.999, 1 - 2.0**-17])
TABLE = Quantiles(np.array([0, 0.1, 0.5, 0.8, 1.0]), np.array([1.0, 4.0, 5.0, 5.0, 30.0]))
ALL = [
    Normal(20.0, 3.0),
    LogNormal.from_mean(20.0, 10.0),
    LogNormal.from_median(20.0, 10.0),
    NormalLogNormalVariance(20.0, 3.0, 0.8),
    NormalLogNormalVariance(20.0, 3.0, 2.0),
    TABLE,
    GaussianMixture(np.array([0.7, 0.3]), np.array([20.0, 35.0]), np.array([3.0, 8.0])),
]
names = [f"{type(d).__name__}{i}" for i, d in enumerate(ALL)]


def scipy_twin(d: Distribution) -> stats.rv_continuous:
    if isinstance(d, Normal):
        return stats.norm(d.mean, d.sd)
    assert isinstance(d, LogNormal)
    return stats.lognorm(d.s, scale=np.exp(d.mu))


def test_a_gaussian_mixture_agrees_with_many_draws_and_its_parts() -> None:
    d = ALL[-1]
    rng = np.random.default_rng(1)
    first = rng.random(200_000) < 0.7
    draws = np.where(first, rng.normal(20, 3, 200_000), rng.normal(35, 8, 200_000))
    assert stats.kstest(draws, d.cdf).pvalue > 1e-3
    assert d.mean == pytest.approx(0.7 * 20 + 0.3 * 35)
    assert d.var == pytest.approx(0.7 * (9 + 20**2) + 0.3 * (64 + 35**2) - d.mean**2)
    assert d.ppf([0.0, 1.0]).tolist() == [-np.inf, np.inf]
    np.testing.assert_allclose(d.cdf(d.ppf(P)), P, rtol=1e-9)


@pytest.mark.parametrize("d", ALL[:3], ids=names[:3])
def test_normal_and_log_normal_agree_with_scipy(d: Distribution) -> None:
    twin = scipy_twin(d)
    np.testing.assert_allclose(d.ppf(P), twin.ppf(P), rtol=1e-12)
    np.testing.assert_allclose(d.cdf(d.ppf(P)), P, rtol=1e-9)
    np.testing.assert_allclose([d.mean, d.var], twin.stats("mv"), rtol=1e-12)


def test_the_three_ways_to_say_half_of_the_conductance() -> None:
    by_mean, by_median = LogNormal.from_mean(20.0, 10.0), LogNormal.from_median(20.0, 10.0)
    for d, location in ((by_mean, by_mean.mean), (by_median, float(by_median.ppf(0.5)))):
        assert location == pytest.approx(20.0, rel=1e-12)
        assert d.var == pytest.approx(100.0, rel=1e-12)
    assert by_mean.ppf(0.5) == pytest.approx(20 / np.sqrt(1.25))  # the closed form, mean / sqrt(1 + (sd / mean)^2)


@pytest.mark.parametrize("variance_s", [0.0, 0.8, 2.0])
def test_normal_with_log_normal_variance_is_the_mixture_that_it_says(variance_s: float) -> None:
    d = NormalLogNormalVariance(0.0, 3.0, variance_s)

    def mixture(x: float) -> float:  # by adaptive quadrature over ln S^2
        def density(z: float) -> float:
            scale = 3.0 * np.exp((variance_s * z - variance_s**2 / 2) / 2)
            return float(stats.norm.cdf(x / scale) * stats.norm.pdf(z))

        return float(integrate.quad(density, -12, 12, epsabs=0, epsrel=1e-10, limit=500)[0])

    for x in (-40.0, -12.0, -3.0, 0.0, 1.0, 9.0):
        assert d.cdf(x) == pytest.approx(mixture(x), rel=1e-5)
    np.testing.assert_allclose(d.cdf(d.ppf(P)), P, rtol=1e-9)
    scales = np.random.default_rng(0).lognormal(np.log(9) - variance_s**2 / 2, variance_s, 400_000)
    assert np.mean(scales) == pytest.approx(d.var, rel=0.05)


def test_a_table_with_a_jump() -> None:
    np.testing.assert_allclose(TABLE.ppf([0, 0.05, 0.1, 0.6, 0.9, 1]), [1, 2.5, 4, 5, 17.5, 30])
    x = [0, 1, 2.5, 4.999999, 5, 17.5, 30, 31]
    np.testing.assert_allclose(TABLE.cdf(x), [0, 0, 0.05, 0.5, 0.8, 0.9, 1, 1], atol=1e-6)
    u = (np.arange(1_000_000) + 0.5) / 1_000_000
    drawn = np.interp(u, TABLE.p, TABLE.x)
    assert TABLE.mean == pytest.approx(drawn.mean(), rel=1e-6)
    assert TABLE.var == pytest.approx(drawn.var(), rel=1e-6)


@pytest.mark.parametrize("d", ALL, ids=names)
@pytest.mark.parametrize(("p0", "p1"), [(0.0, 2.0**-17), (0.2, 0.21), (0.4, 0.9), (1 - 2.0**-17, 1.0), (0.0, 1.0)])
def test_segment_mean_is_the_integral_of_the_quantile(d: Distribution, p0: float, p1: float) -> None:
    # With p = p0 + t^4, and mirrored at the upper end, the integrand stays smooth where the quantile diverges.
    end, limits = ((p1 - p0) / 2) ** 0.25, {"epsrel": 1e-9, "limit": 200}
    below, _ = integrate.quad(lambda t: float(d.ppf(p0 + t**4)) * 4 * t**3, 0, end, **limits)
    above, _ = integrate.quad(lambda t: float(d.ppf(p1 - t**4)) * 4 * t**3, 0, end, **limits)
    # p1 - t^4 loses digits of the tail near 1: 2^-53 of 2^-17
    assert d.segment_mean(p0, p1) == pytest.approx((below + above) / (p1 - p0), rel=2e-5)


@pytest.mark.parametrize("d", ALL, ids=names)
def test_the_whole_range_has_the_mean_and_the_parts_add_up(d: Distribution) -> None:
    assert d.segment_mean(0.0, 1.0) == pytest.approx(d.mean, rel=1e-9)
    p = np.array([0, 2.0**-17, 0.25, 0.5, 0.9, 1])
    assert np.sum(np.diff(p) * d.segment_mean(p[:-1], p[1:])) == pytest.approx(d.mean, rel=1e-9)


def test_no_spread() -> None:
    d = Point(7.0)
    np.testing.assert_array_equal(d.ppf(P), np.full(len(P), 7.0))
    np.testing.assert_array_equal(d.cdf([6.9, 7.0]), [0, 1])
    assert (d.mean, d.var, float(d.segment_mean(0, 1))) == (7.0, 0.0, 7.0)
