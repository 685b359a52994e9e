"""The table of pairs against the closed form of the profile's distribution."""

from __future__ import annotations

import numpy as np
import pytest

from host_tools.layers.cells import PAIRS, pair_table
from tests.host_tools.profiles import changed, charan


def test_every_level_has_the_mean_and_the_spread_of_the_closed_form() -> None:
    profile = charan()
    table = pair_table(profile)
    g = np.array(profile["levels"]["conductance_uS"])
    sigma = profile["programming"]["sigma"]
    span = g[-1] - g[0]
    for k in range(-len(g) + 1, len(g)):
        plus, minus = g[max(k, 0)], g[max(-k, 0)]
        row = table.draws[k + len(g) - 1].astype(float)
        assert row.mean() == pytest.approx((plus - minus) / span, abs=2e-3)
        assert row.std() == pytest.approx(sigma * np.hypot(plus, minus) / span, rel=0.02)


@pytest.mark.parametrize("k", [-9, -4, 1, 9])
def test_the_slope_of_a_relative_spread_is_the_active_cell_over_its_target(k: int) -> None:
    profile = charan()
    g = np.array(profile["levels"]["conductance_uS"])
    table = pair_table(profile)
    slope = table.slopes[k + 9].astype(float)
    idle = g[abs(k)] * slope - np.sign(k) * table.draws[k + 9] * (g[-1] - g[0])  # what is left is the other cell
    assert idle.mean() == pytest.approx(g[0], rel=0.02)
    assert idle.std() == pytest.approx(profile["programming"]["sigma"] * g[0], rel=0.05)
    assert abs(np.corrcoef(idle, slope)[0, 1]) < 0.05


def test_an_absolute_spread_does_not_grow_with_the_weight() -> None:
    profile = changed(sigma=1.5)
    profile["programming"] |= {"distribution": "normal", "reference": "absolute_uS"}
    del profile["programming"]["target_is"]
    np.testing.assert_allclose(pair_table(profile).slopes[10:], 1, atol=0.05)


def test_the_tails_are_those_of_a_log_normal_pair() -> None:
    profile = charan()
    g = np.array(profile["levels"]["conductance_uS"])
    s = np.sqrt(np.log1p(profile["programming"]["sigma"] ** 2))
    rng = np.random.default_rng(3)
    z = rng.standard_normal((2, 200_000))
    own = (g[-1] * np.exp(s * z[0] - s * s / 2) - g[0] * np.exp(s * z[1] - s * s / 2)) / (g[-1] - g[0])
    share = [0.005, 0.05, 0.25, 0.5, 0.75, 0.95, 0.995]
    np.testing.assert_allclose(
        np.quantile(pair_table(profile).draws[-1], share), np.quantile(own, share), rtol=0.03, atol=0.02
    )


def test_values_are_the_targets_from_0_to_1_and_borders_lie_between() -> None:
    table = pair_table(changed(levels=[10.0, 20.0, 50.0]))
    np.testing.assert_allclose(table.values, [0, 0.25, 1], atol=1e-3)
    np.testing.assert_allclose(table.borders, [0.125, 0.625], atol=1e-3)


def test_without_spread_every_draw_is_its_target() -> None:
    table = pair_table(changed(sigma=0.0))
    expected = np.concatenate([-table.values[:0:-1], table.values])
    np.testing.assert_allclose(table.draws, np.repeat(expected[:, None], PAIRS, axis=1), atol=1e-3)


def test_stuck_cells_have_their_share_and_their_conductance() -> None:
    profile = changed(sigma=0.0, stuck_low=0.1)
    g = np.array(profile["levels"]["conductance_uS"])
    top = pair_table(profile).draws[-1] * (g[-1] - g[0])
    for value, share in ((g[-1] - g[0], 0.81), (-g[0], 0.09), (g[-1], 0.09), (0.0, 0.01)):
        assert np.mean(np.abs(top - value) < 0.05) == pytest.approx(share, abs=0.01)


def test_the_same_document_gives_the_same_table() -> None:
    np.testing.assert_array_equal(pair_table(charan()).draws, pair_table(charan()).draws)
