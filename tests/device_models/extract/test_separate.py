"""Levels that can be told apart: against the normal distribution's closed form and against trying every choice."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import norm

from device_models.errors import ProfileError
from device_models.extract import LevelCounts, most_levels, most_levels_worst, separations, wrong_shares
from device_models.extract.counts import Array, Ints
from device_models.extract.separate import pair_costs

PER_LEVEL = 2000


def normal_cells(levels: int, step_uS: float, sd_uS: float) -> tuple[Ints, Array]:
    """Cells of equally spaced normal levels without chance: every quantile once."""
    z = norm.ppf((np.arange(PER_LEVEL) + 0.5) / PER_LEVEL)
    g = 100 + step_uS * np.arange(levels)[:, None] + sd_uS * z
    return np.repeat(np.arange(levels), PER_LEVEL), g.ravel()


def even_split_error(levels: int, chosen: int, ratio: float) -> float:
    """Mean error of the best `chosen` of equally spaced normal levels, `ratio` = step / sd: gaps as even as possible.

    Each boundary costs 2 Phi(-gap ratio / 2), which is convex in the gap, so even gaps are the best.
    """
    gaps = [(levels - 1) // (chosen - 1)] * (chosen - 1)
    for i in range((levels - 1) % (chosen - 1)):
        gaps[i] += 1
    return float(sum(2 * norm.cdf(-gap * ratio / 2) for gap in gaps) / chosen)


@pytest.mark.parametrize("ratio", [0.7, 1.5, 3.0])
def test_normal_levels_have_the_error_of_the_closed_form(ratio: float) -> None:
    level, g = normal_cells(12, ratio * 3.0, 3.0)
    found = separations(LevelCounts.of(level, g))
    assert [one.count for one in found] == list(range(1, 13))
    for one in found[1:]:
        assert one.error == pytest.approx(even_split_error(12, one.count, ratio), abs=1e-3)
    for error in (0.01, 0.05, 0.1, 0.3):
        known = max([k for k in range(2, 13) if even_split_error(12, k, ratio) <= error - 1e-3], default=1)
        loose = max([k for k in range(2, 13) if even_split_error(12, k, ratio) <= error + 1e-3], default=1)
        assert known <= most_levels(found, error).count <= loose


def test_boundaries_of_normal_levels_lie_in_the_middle() -> None:
    level, g = normal_cells(4, 10.0, 3.0)
    best = separations(LevelCounts.of(level, g))[-1]
    assert best.boundaries_uS == pytest.approx((105, 115, 125), abs=0.2)
    assert best.worst_level_error == pytest.approx(2 * norm.cdf(-5 / 3), abs=1e-3)


def test_unequal_spreads_are_cut_where_the_densities_cross() -> None:
    z = norm.ppf((np.arange(PER_LEVEL) + 0.5) / PER_LEVEL)
    g = np.concatenate([50 + 1.0 * z, 60 + 4.0 * z])
    best = separations(LevelCounts.of(np.repeat([0, 1], PER_LEVEL), g))[-1]
    crossing = brentq(lambda x: norm.logpdf(x, 50, 1) - norm.logpdf(x, 60, 4), 50, 60)
    assert best.boundaries_uS[0] == pytest.approx(crossing, abs=0.15)


@st.composite
def small_cells(draw: st.DrawFn) -> tuple[Ints, Array]:
    rows = draw(st.lists(st.lists(st.integers(1, 12), min_size=2, max_size=5), min_size=2, max_size=4))
    level = np.concatenate([[i] * len(row) for i, row in enumerate(rows)])
    g = np.concatenate(rows).astype(float)
    return level, g


def every_choice(level: Ints, g: Array) -> list[tuple[float, float, int]]:
    """(mean error, worst error, number of levels) of every choice of levels and boundaries, counting cells in bins."""
    values = np.unique(g)
    middles = (values[1:] + values[:-1]) / 2
    found = []
    for k in range(2, len(np.unique(level)) + 1):
        for chosen in combinations(np.unique(level), k):
            for cuts in product(middles, repeat=k - 1):
                if list(cuts) != sorted(cuts):
                    continue
                own = [g[level == one] for one in chosen]
                edges = [0.0, *cuts, np.inf]
                halves = all(np.mean(x >= lower) > 0.5 and np.mean(x < upper) >= 0.5
                             for x, lower, upper in zip(own, edges, edges[1:], strict=False))
                if halves:
                    wrong = [np.mean((x < lower) | (x >= upper))
                             for x, lower, upper in zip(own, edges, edges[1:], strict=False)]
                    found.append((float(np.mean(wrong)), float(np.max(wrong)), k))
    return found


@given(small_cells())
def test_no_choice_of_levels_and_boundaries_is_better(cells: tuple[Ints, Array]) -> None:
    level, g = cells
    if len(np.unique(g)) < 2:
        return
    counts = LevelCounts.of(level, g, least=1)
    tried = every_choice(level, g)
    least = {k: min(error for error, _, n in tried if n == k) for k in {n for _, _, n in tried}}
    found = separations(counts)
    assert {one.count: one.error for one in found[1:]} == pytest.approx(least)
    for error in (0.1, 0.26, 0.34, 0.49):
        most = max([n for _, worst, n in tried if worst <= error + 1e-9], default=1)
        choice = most_levels_worst(counts, error)
        assert (choice.count, choice.worst_level_error <= error + 1e-9) == (most, True)
        for one in (choice, most_levels(found, error)):
            shares = wrong_shares(one, level, g)
            assert (shares.mean(), shares.max()) == pytest.approx((one.error, one.worst_level_error))


def test_what_cannot_be_told_apart_is_refused_in_one_line() -> None:
    one, two = np.zeros(40, dtype=np.int64), np.repeat([3, 7], [40, 29])
    with pytest.raises(ProfileError, match=r"^1 level\(s\), expected at least 2"):
        LevelCounts.of(one, np.linspace(1, 2, 40))
    with pytest.raises(ProfileError, match=r"^level 7 has 29 cells, expected at least 30$"):
        LevelCounts.of(two, np.linspace(1, 2, 69))
    with pytest.raises(ProfileError, match=r"^every conductance is 5 uS, expected different ones$"):
        LevelCounts.of(np.repeat([0, 1], 30), np.full(60, 5.0))


def test_levels_in_the_wrong_order_are_not_told_apart() -> None:
    level, g = normal_cells(3, 10.0, 1.0)
    assert separations(LevelCounts.of(2 - level, g))[-1].count == 1


def test_a_boundary_in_a_gap_lies_in_its_middle() -> None:
    """Cells of a level that is not chosen lie in the gap, so that many boundaries are as good."""
    ends, between = np.linspace(-1, 1, 50), np.linspace(20, 90, 50)
    level, g = np.repeat([0, 1, 2], 50), np.concatenate([10 + ends, between, 100 + ends])
    pair = LevelCounts.of(level, g)
    cost, cut = pair_costs(pair)
    assert cost[0, 2] == pytest.approx(0)
    assert pair.boundaries_uS[cut[0, 2]] == pytest.approx(55, abs=2)
