"""The combination of ways to share: the quadratic programme against scipy's SLSQP, the outcome on known levels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, stats

from device_models.fit import stacking
from device_models.fit.choice import choose
from device_models.fit.families import quantile_tables
from device_models.fit.sharing import ALONE, Pooling
from tests.device_models.fit.tables import Array, generator, groups

N = 80


@pytest.mark.parametrize("seed", range(4))
def test_the_simplex_is_slsqps(seed: int) -> None:
    rng, n = generator(seed), 8
    f, y = rng.random((200, n)) * 30, rng.random(200) * 30
    square, cross = f.T @ f, f.T @ y
    ours = stacking._simplex(square, cross)
    assert (ours >= 0).all()
    assert ours.sum() == pytest.approx(1)

    def loss(a: Array) -> float:
        return float(((f @ a - y) ** 2).mean())

    theirs = optimize.minimize(loss, np.full(n, 1 / n), bounds=[(0, 1)] * n, method="SLSQP",
                               constraints={"type": "eq", "fun": lambda a: a.sum() - 1}, options={"ftol": 1e-12})
    assert loss(ours) == pytest.approx(theirs.fun, rel=1e-5)
    np.testing.assert_allclose(ours, theirs.x, atol=2e-3)


def test_one_option_that_is_the_truth_takes_all() -> None:
    f = generator(5).random((100, 6))
    a = stacking._simplex(f.T @ f, f.T @ f[:, 2])
    np.testing.assert_allclose(a, np.eye(6)[2], atol=1e-5)


def test_equal_options_are_no_trouble() -> None:
    f = np.repeat(generator(5).random((100, 1)), 5, axis=1)
    a = stacking._simplex(f.T @ f, f.T @ f[:, 0])
    assert a.sum() == pytest.approx(1)


def distances(shapes: list[stats.rv_continuous], seeds: range) -> tuple[float, float, Pooling]:
    """Mean KS distance to the levels' laws, pooled as chosen and alone; the last pooling."""
    targets = 100 + 20.0 * np.arange(len(shapes))
    found, p = [], (np.arange(500) + 0.5) / 500
    for seed in seeds:
        rng = generator(seed)
        cells = groups([[t + law.rvs(N, random_state=rng)] for t, law in zip(targets, shapes, strict=True)])
        pooling = choose(cells, targets).pooling
        for way in (pooling, Pooling(((1.0, ALONE),))):
            tables = quantile_tables(cells, targets, way)
            found.append(np.mean([np.abs(row[0].cdf(t + law.ppf(p)) - p).max()
                                  for t, law, row in zip(targets, shapes, tables, strict=True)]))
    pooled, alone = np.array(found).reshape(-1, 2).mean(axis=0)
    return float(pooled), float(alone), pooling


def test_levels_of_one_shape_are_pooled() -> None:
    pooled, alone, pooling = distances([stats.gamma(2, loc=-8, scale=5)] * 12, range(3))
    assert pooled < 0.5 * alone  # at best 1 / sqrt(12) = 0.29
    assert sum(part for part, sharing in pooling.parts if sharing.h >= 4) > 0.5


def test_levels_of_different_shapes_are_no_worse_than_alone() -> None:
    shapes = [stats.norm(0, 1), stats.norm(0, 9), stats.uniform(-30, 60), stats.gamma(2, loc=-18, scale=9),
              stats.norm(0, 3), stats.expon(-10, 10)]
    pooled, alone, _ = distances(shapes, range(4))
    assert pooled < 1.05 * alone


def test_parts_are_worth_a_percent_each_and_add_up_to_one() -> None:
    _, _, pooling = distances([stats.norm(0, 1 + i / 4) for i in range(6)], range(1))
    parts = [part for part, _ in pooling.parts]
    assert min(parts) >= 0.01
    assert sum(parts) == pytest.approx(1)


def test_a_part_below_a_percent_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = np.zeros(33)
    parts[[0, 4, 20]] = 0.597, 0.4, 0.003
    monkeypatch.setattr(stacking, "_simplex", lambda square, cross: parts)
    rng = generator(6)
    cells = groups([[100 + 20 * i + rng.normal(0, 3, N)] for i in range(3)])
    pooling = choose(cells, 100 + 20.0 * np.arange(3)).pooling
    assert [part for part, _ in pooling.parts] == pytest.approx([0.597 / 0.997, 0.4 / 0.997])
