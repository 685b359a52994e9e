"""Telegraph noise: likelihoods against brute force and scipy, signals of known amplitude and dwell, and no others."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from device_models.fit import telegraph
from device_models.fit.telegraph import find_telegraph
from tests.device_models.fit.noises import Floats, flicker, generator
from tests.device_models.fit.noises import telegraph as signal

RATE = 400.0


def test_two_state_likelihood_is_the_sum_over_all_paths() -> None:
    y = generator(1).normal(size=(1, 8))
    means, stay, sigma = np.array([[-0.5], [0.8]]), np.array([[0.9], [0.7]]), np.array([0.6])
    move = np.array([[0.9, 0.1], [0.3, 0.7]])
    paths = sum(
        0.5 * np.prod(norm.pdf(y[0], means[list(path), 0], 0.6)) * np.prod(move[list(path[:-1]), list(path[1:])])
        for path in product((0, 1), repeat=8))
    _, scale = telegraph._forward(telegraph._emission(y, means, sigma), stay)
    assert np.log(scale).sum() - 8 * np.log(0.6 * np.sqrt(2 * np.pi)) == pytest.approx(np.log(paths), rel=1e-12)


def test_posterior_and_moves_are_those_of_all_paths() -> None:
    y = generator(2).normal(size=(1, 6))
    means, stay, sigma = np.array([[-0.5], [0.8]]), np.array([[0.9], [0.7]]), np.array([0.6])
    move = np.array([[0.9, 0.1], [0.3, 0.7]])
    emission = telegraph._emission(y, means, sigma)
    gamma, moves = telegraph._backward(emission, stay, *telegraph._forward(emission, stay))
    weight, high, left = 0.0, np.zeros(6), np.zeros(2)
    for path in map(np.array, product((0, 1), repeat=6)):
        p = 0.5 * np.prod(norm.pdf(y[0], means[path, 0], 0.6)) * np.prod(move[path[:-1], path[1:]])
        weight += p
        high += p * path
        left += p * np.array([((path[:-1] == s) & (path[1:] != s)).sum() for s in (0, 1)])
    np.testing.assert_allclose(gamma[1, 0], high / weight, rtol=1e-10)
    np.testing.assert_allclose(moves[:, 0], left / weight, rtol=1e-10)


def test_gaussian_likelihood_is_that_of_the_covariance() -> None:
    """The best of the grid, each point by scipy's dense density at the generalised least squares' mean and scale."""
    n = 12
    y = np.cumsum(generator(3).normal(size=n)) + 50
    best = -np.inf
    lags = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    for phi in telegraph._RELAXATION:
        for ratio in telegraph._RATIO:
            cov = ratio * phi**lags + np.eye(n)
            inverse = np.linalg.inv(cov)
            mean = (inverse @ y).sum() / inverse.sum()
            scale = (y - mean) @ inverse @ (y - mean) / n
            best = max(best, multivariate_normal.logpdf(y, np.full(n, mean), scale * cov))
    assert telegraph._gaussian(y[None])[0] == pytest.approx(best, rel=1e-9)


@pytest.mark.parametrize(("amplitude", "dwell"), [(3.0, (20, 10)), (6.0, (8, 30))])
def test_a_telegraph_signal_is_found_with_its_values(amplitude: float, dwell: tuple[float, float]) -> None:
    rng = generator(4)
    y = 100 + signal(rng, 80, 300, dwell, amplitude) + rng.normal(size=(80, 300))
    found = find_telegraph(y, RATE)
    assert found.found.mean() > 0.95
    assert np.median(found.amplitude_uS) == pytest.approx(amplitude, rel=0.03)
    assert np.median(found.dwell_low_s) == pytest.approx(dwell[0] / RATE, rel=0.15)
    assert np.median(found.dwell_high_s) == pytest.approx(dwell[1] / RATE, rel=0.15)
    share_high = dwell[1] / sum(dwell)
    assert np.median(found.variance_uS2) == pytest.approx(share_high * (1 - share_high) * amplitude**2, rel=0.08)


def test_which_state_is_called_low_does_not_depend_on_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = generator(6)
    y = signal(rng, 10, 300, (30, 8), 4.0) + rng.normal(size=(10, 300))
    expected, start = find_telegraph(y, RATE), telegraph._start
    monkeypatch.setattr(telegraph, "_start", lambda y: (start(y)[0][::-1].copy(), start(y)[1]))
    turned = find_telegraph(y, RATE)
    for name in ("amplitude_uS", "dwell_low_s", "dwell_high_s", "variance_uS2"):
        np.testing.assert_allclose(getattr(turned, name), getattr(expected, name), rtol=1e-9)


def other(kind: str) -> Floats:
    rng = generator(5)
    if kind == "white":
        return rng.normal(size=(80, 300))
    if kind == "random walk":
        return np.cumsum(rng.normal(size=(80, 300)), axis=1)
    if kind == "one step":
        return (np.arange(300) > 140) * 8.0 + rng.normal(size=(80, 300))
    if kind == "autoregression":  # the spectrum of a telegraph signal with dwell times of 20 and 20 samples
        y = np.zeros((80, 300))
        y[:, 0] = rng.normal(size=80)
        for t in range(1, 300):
            y[:, t] = 0.9 * y[:, t - 1] + np.sqrt(1 - 0.81) * rng.normal(size=80)
        return 2 * y + rng.normal(size=(80, 300))
    return np.stack([flicker(rng, 300, 1.0) for _ in range(80)])


@pytest.mark.parametrize("kind", ["white", "random walk", "one step", "autoregression", "1/f"])
def test_what_is_no_telegraph_is_not_found(kind: str) -> None:
    assert find_telegraph(other(kind), RATE).found.mean() < 0.05
