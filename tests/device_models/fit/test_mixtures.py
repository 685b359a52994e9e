"""Gaussian mixtures against known parameters and scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from device_models.fit.mixtures import fit_mixtures
from tests.device_models.fit.tables import Array, generator


def mixed(seed: int, n: int, weights: list[float], means: list[float], sds: list[float]) -> Array:
    rng = generator(seed)
    k = rng.choice(len(weights), n, p=weights)
    return np.array(means)[k] + np.array(sds)[k] * rng.normal(size=n)


def likelihood(x: Array, w: Array, m: Array, s: Array) -> float:
    return float(np.log(stats.norm.pdf(x[:, None], m, s) @ w).mean())


def test_components_apart_are_found_again() -> None:
    truth = np.array([[0.5, 0.3, 0.2], [10.0, 30.0, 60.0], [2.0, 1.0, 4.0]])
    x = mixed(1, 3000, *truth.tolist())
    w, m, s = (rows[0] for rows in fit_mixtures([x]))
    order = np.argsort(m)
    np.testing.assert_allclose(w[order], truth[0], atol=3 * 0.5 / 3000**0.5)
    np.testing.assert_allclose(m[order], truth[1], atol=0.5)
    np.testing.assert_allclose(s[order], truth[2], rtol=0.12)


@pytest.mark.parametrize("seed", [2, 3])
def test_as_likely_as_scikit_learns(seed: int) -> None:
    mixture = pytest.importorskip("sklearn.mixture", reason="an independent fit of mixtures")
    x = [mixed(seed, 800, [0.6, 0.4], [20, 24], [1, 6]), mixed(seed, 500, [0.5, 0.3, 0.2], [50, 60, 90], [3, 3, 10]),
         generator(seed).gamma(3, 5, size=300)]
    fits = fit_mixtures(x)
    for i, one in enumerate(x):
        peer = mixture.GaussianMixture(3, n_init=5, max_iter=500, random_state=0)
        theirs = peer.fit(one[:, None]).score(one[:, None])
        single = likelihood(one, np.ones(1), one.mean(keepdims=True), one.std(keepdims=True))
        ours = likelihood(one, *(rows[i] for rows in fits))
        assert ours > theirs - 0.1 * (theirs - single) - 0.01  # of what a mixture gains over one Gauss


def test_each_group_is_fitted_by_itself_and_always_alike() -> None:
    x = [generator(4).normal(10, 1, 100), generator(5).gamma(2, 3, 57)]
    both = fit_mixtures(x)
    for i, one in enumerate(x):
        for together, again, alone in zip(both, fit_mixtures(x), fit_mixtures([one[::-1]]), strict=True):
            np.testing.assert_array_equal(together[i], again[i])
            np.testing.assert_allclose(together[i], alone[0], rtol=1e-9)  # whatever stands beside it, in any order


def test_equal_cells_and_outliers_leave_numbers() -> None:
    x = [np.full(40, 5.0), np.append(np.full(39, 5.0), 500.0), np.repeat([1.0, 2.0], 20)]
    w, m, s = fit_mixtures(x)
    assert np.isfinite([w, m, s]).all()
    assert (s > 0).all()
    np.testing.assert_allclose(w.sum(axis=1), 1)
    np.testing.assert_allclose((w * m).sum(axis=1), [one.mean() for one in x])  # each step of EM keeps the mean
    assert (s[1:] >= 0.02 * np.array([one.std() for one in x])[1:, None] * (1 - 1e-12)).all()
