"""The choice of a family on cells whose law is known, and its score against the definition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from device_models.fit.choice import FOLDS, Choice, _score_cells, choose, fold_of
from device_models.measured.split import half_of
from tests.device_models.fit.tables import generator, groups

TARGETS = 100 + 40.0 * np.arange(5)
WIDTH = np.array([3.0, 9.0, 5.0, 12.0, 4.0])
N = 400


def chosen(law, seed: int = 0, family: str | None = None) -> Choice:  # type: ignore[no-untyped-def]
    rng = generator(seed)
    values = [[t + w * law.rvs(N, random_state=rng)] for t, w in zip(TARGETS, WIDTH, strict=True)]
    return choose(groups(values), TARGETS, family)


@pytest.mark.parametrize("seed", range(3))
def test_normal_cells_are_normal(seed: int) -> None:
    choice = chosen(stats.norm(), seed)
    assert choice.name == "normal"
    assert "normal" in choice.why


def test_log_normal_cells_are_log_normal() -> None:
    rng = generator(1)
    values = [[t * np.exp(0.4 * rng.normal(size=N))] for t in TARGETS]
    choice = choose(groups(values), TARGETS)
    assert choice.name == "log-normal"
    by = {score.name: score for score in choice.scores}
    assert by["normal"].worse > 3 * by["normal"].error


def test_cells_with_two_peaks_are_no_single_one() -> None:
    rng = generator(2)
    values = [[t + w * (2 * rng.normal(size=N) + np.where(rng.random(N) < 0.3, 12, 0))]
              for t, w in zip(TARGETS, WIDTH / 10, strict=True)]
    assert choose(groups(values), TARGETS).name in ("gaussian-mixture", "quantiles")


def test_cells_with_a_wall_are_not_normal() -> None:
    choice = chosen(stats.expon(loc=-1))
    assert choice.name in ("gaussian-mixture", "quantiles")
    normal = next(score for score in choice.scores if score.name == "normal")
    assert normal.worse > 5 * normal.error
    assert f"{choice.name} has the best held-out score" in choice.why or "simplest" in choice.why


def test_a_family_that_is_told_is_taken_and_the_scores_stand_beside_it() -> None:
    told, free = chosen(stats.norm(), family="quantiles"), chosen(stats.norm())
    assert (told.name, told.scores, told.pooling) == ("quantiles", free.scores, free.pooling)
    assert told.why.startswith("quantiles, as told (held-out score 0.")


def test_scores_say_how_much_worse_and_how_sure() -> None:
    scores = chosen(stats.norm()).scores
    assert [score.name for score in scores] == ["normal", "log-normal", "gaussian-mixture", "quantiles"]
    best = min(score.score for score in scores)
    for score in scores:
        assert score.worse == pytest.approx(score.score - best)
        assert score.error > 0 or score.score == best
    # The weighted CRPS of the true law, averaged over its own quantiles: the mean of u (1 - u), 1/6.
    assert best == pytest.approx(1 / 6, abs=0.005)


def test_the_score_is_its_definition() -> None:
    rng = generator(3)
    grid, y = np.sort(rng.normal(size=16)), rng.normal(size=50)
    y[:3] = grid[[0, 7, 15]]  # on the grid
    f = np.sort(rng.random((4, 16)), axis=1)
    direct = [[np.mean([(row[j] - (one <= grid[j])) ** 2 for j in range(16)]) for one in y] for row in f]
    np.testing.assert_allclose(_score_cells(f, y, grid), direct)


def test_the_true_law_has_the_lowest_mean_score() -> None:
    law = stats.gamma(3)
    p = (np.arange(64) + 0.5) / 64
    y, grid = law.ppf((np.arange(20_000) + 0.5) / 20_000), law.ppf(p)
    best = _score_cells(law.cdf(grid), y, grid).mean()
    wrong = [stats.gamma(3, loc=0.05), stats.gamma(3, loc=-0.05), stats.gamma(3, scale=1.03), stats.gamma(3.1),
             stats.gamma(2.9), stats.norm(3, 3**0.5), stats.lognorm(0.55, scale=2.7)]
    for other in wrong:
        assert _score_cells(other.cdf(grid), y, grid).mean() > best + 1e-6
    assert best == pytest.approx((p * (1 - p)).mean(), rel=1e-3)


def test_folds_are_even_and_not_the_halves() -> None:
    cell = np.arange(20_000)
    fold = fold_of(cell)
    np.testing.assert_array_equal(fold, fold_of(cell[::-1])[::-1])
    assert sorted(set(fold.tolist())) == list(range(FOLDS))
    both = np.array([[((fold == k) & (half_of(cell) == half)).sum() for half in (False, True)] for k in range(FOLDS)])
    assert stats.chi2_contingency(both).pvalue > 0.001
    assert stats.chisquare(both.sum(axis=1)).pvalue > 0.001
