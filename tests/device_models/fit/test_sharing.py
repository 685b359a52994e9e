"""Pooled levels against the law that they were drawn from, and the weights against their definition."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from device_models.fit.families import quantile_tables
from device_models.fit.sharing import ALONE, Pooling, Sharing, align, cell_weights, pooled_quantiles
from tests.device_models.fit.tables import Array, generator, groups

LEVELS, N = 16, 100
TARGETS = 50 + 10.0 * np.arange(LEVELS)
SKEWED = stats.gamma(2, loc=-8, scale=5)  # of G - target in uS
FAR = Sharing(8, 3, "target")


def alike(seed: int, width: Array | float = 1.0):  # type: ignore[no-untyped-def]
    rng, width = generator(seed), np.broadcast_to(width, LEVELS)
    return groups([[t + w * SKEWED.rvs(N, random_state=rng)] for t, w in zip(TARGETS, width, strict=True)])


def distances(cells, pooling: Pooling) -> Array:  # type: ignore[no-untyped-def]
    """KS distance of every level's table to the law, over a fine grid."""
    x = SKEWED.ppf((np.arange(2000) + 0.5) / 2000)
    return np.array([np.abs(row[0].cdf(t + x) - SKEWED.cdf(x)).max()
                     for t, row in zip(TARGETS, quantile_tables(cells, TARGETS, pooling), strict=True)])


def test_levels_alike_are_as_good_as_so_many_more_cells() -> None:
    sets = [alike(seed) for seed in range(5)]
    alone = np.mean([distances(cells, Pooling(((1.0, ALONE),))) for cells in sets])
    assert alone == pytest.approx(stats.kstwo.mean(N) - 0.5 / N, rel=0.1)  # a cell is in the middle of its step
    pooled = np.mean([distances(cells, Pooling(((1.0, FAR),))) for cells in sets])
    ratio = []
    for cells in sets:
        w = align(cells, TARGETS, "target").weights(FAR)
        ratio.append(((w**2).sum(axis=1) ** 0.5 / w.sum(axis=1)).mean())  # 1 / sqrt(effective number of levels)
    assert np.mean(ratio) < 0.35
    assert pooled / alone == pytest.approx(np.mean(ratio), rel=0.2)


def test_levels_unlike_keep_to_themselves() -> None:
    rng = generator(9)
    shapes = [stats.norm(0, 1), stats.norm(0, 9), stats.uniform(-30, 60), stats.gamma(2, loc=-8, scale=5)]
    cells = groups([[100 + 20 * i + shapes[i % 4].rvs(300, random_state=rng)] for i in range(8)])
    targets = 100 + 20.0 * np.arange(8)
    for how in ("target", "smooth"):
        one = align(cells, targets, how)
        same = np.arange(8)[:, None] % 4 == np.arange(8) % 4
        assert one.weights(Sharing(8, 0.1, how))[~same].max() < 0.05
        if how == "target":
            assert one.weights(Sharing(8, 3, how))[same].min() > 0.5  # four levels apart, of one shape


def test_likeness_is_one_for_levels_of_one_shape_and_grows_with_the_cells() -> None:
    off = ~np.eye(LEVELS, dtype=bool)
    rho = np.mean([align(alike(seed), TARGETS, "target").rho[off].mean() for seed in range(10)])
    assert rho == pytest.approx(1, abs=0.1)
    rng, unlike = generator(3), []
    for n in (100, 800):
        two = groups([[50 + rng.normal(0, 2, n)], [60 + rng.normal(0, 6, n)]])
        unlike.append(align(two, np.array([50.0, 60.0]), "target").rho[0, 1])
    assert unlike[0] > 5
    assert unlike[1] / unlike[0] == pytest.approx(8, rel=0.4)  # squared distance stays, its noise falls with n


def test_a_width_that_grows_is_alike_where_it_is_divided_out() -> None:
    cells, off = alike(4, np.linspace(0.3, 3, LEVELS)), ~np.eye(LEVELS, dtype=bool)
    target, smooth = (align(cells, TARGETS, how).rho[off].mean() for how in ("target", "smooth"))
    assert smooth < 2 < 5 < target  # but for the ends, where there is a neighbour on one side only


def test_weights_are_their_definition() -> None:
    one = align(alike(5, np.linspace(1, 2, LEVELS)), TARGETS, "target")
    sharing = Sharing(2.0, 0.3, "target")
    w = one.weights(sharing)
    assert (np.diag(w) == 1).all()
    np.testing.assert_allclose(w, w.T)
    for level, k, expected in ((3, 5, np.exp(-0.5)), (3, 4, np.exp(-0.125)), (0, 6, np.exp(-4.5)), (0, 7, 0.0)):
        assert w[level, k] == pytest.approx(expected / (1 + max(0.0, one.rho[level, k] - 1) / 0.3))
    assert (one.weights(Sharing(2.0, 3.0, "target")) >= w).all()
    np.testing.assert_array_equal(one.weights(ALONE), np.eye(LEVELS))


def test_every_part_of_a_pooling_has_its_part_of_the_whole() -> None:
    cells = alike(6)
    aligned = {how: align(cells, TARGETS, how) for how in ("target", "smooth")}
    pooling = Pooling(((0.25, ALONE), (0.6, FAR), (0.15, Sharing(4, 1, "smooth"))))
    weights = cell_weights(pooling, aligned)
    np.testing.assert_allclose(weights["target"].sum(axis=1) * N, 0.85)
    np.testing.assert_allclose(weights["smooth"].sum(axis=1) * N, 0.15)
    assert str(pooling) == "25 % (alone), 60 % (target, h 8, lam 3), 15 % (smooth, h 4, lam 1)"


def test_pooled_quantiles_are_those_of_the_weighted_cells() -> None:
    cells = groups([[np.array([10.0, 12, 14])], [np.array([21.0, 20.0, 25, 22])]])
    aligned = {"target": align(cells, np.array([12.0, 21.0]), "target")}
    p = np.array([0, 0.1, 0.5, 0.77, 1])
    alone = {"target": np.eye(2)}
    np.testing.assert_allclose(pooled_quantiles(aligned, alone, 1, 0, p),
                               np.quantile([20, 21, 22, 25], p, method="hazen"))
    both = {"target": np.array([[2.0, 1.0], [0, 1]])}
    g, weight = np.array([10, 11, 12, 12, 13, 14, 16]), np.array([2, 1, 2, 1, 1, 2, 1])  # level 1 moved by -9
    middle = (np.cumsum(weight) - weight / 2) / 10
    np.testing.assert_allclose(pooled_quantiles(aligned, both, 0, 0, middle), g)


def test_the_last_bits_of_an_alignment_move_no_quantile() -> None:
    # Gaps, so that half a cell's weight is many uS.
    cells = groups([[np.array([1.0, 2.0, 4.0, 60.0, 90.0])], [np.array([95.0, 99.0])]])
    target = align(cells, np.array([4.0, 97.0]), "target")
    p, weights = np.linspace(0, 1, 101), {"target": np.eye(2), "smooth": 0.3 * np.eye(2)}
    tables = [pooled_quantiles({"target": target, "smooth": replace(target, centre=target.centre + bits)},
                               weights, 0, 0, p) for bits in (-1e-14, 0.0, 1e-14)]  # fmt: skip
    np.testing.assert_allclose(tables[0], tables[1], atol=1e-12)
    np.testing.assert_allclose(tables[2], tables[1], atol=1e-12)


def test_cells_that_are_moved_stay_where_cells_can_be_and_are_counted_where_they_lie() -> None:
    cells = groups([[np.array([5.0, 6, 30])], [np.array([70.0, 99, 100])]])
    one = align(cells, np.array([6.0, 99.0]), "target")
    assert one.moved(np.array([1]), 0, 0).tolist() == [0, 6, 7]
    assert one.moved(np.array([0]), 1, 0).tolist() == [98, 99, 100]
    many = alike(7)
    for how in ("target", "smooth"):
        one = align(many, TARGETS, how)
        grid = np.linspace(1, one.top_uS - 1, 500)
        moved = one.moved(np.array([3, 5]), 9, 0).reshape(2, N)
        share = one.below(np.array([3, 5]), 9, 0, grid)
        np.testing.assert_allclose(share, [[(row <= g).mean() for g in grid] for row in moved], atol=1 / N)
