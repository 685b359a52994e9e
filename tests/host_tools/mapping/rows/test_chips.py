"""Noise of conversions: what the cost model predicts is what chips show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from device_models.profile import DeviceProfile
from host_tools.mapping.rows.chips import LayerChips, cut, measure
from host_tools.mapping.rows.cost import RowNoise, hurts, open_at_once, pair_cost, predicted_rms, two_levels

RNG = np.random.default_rng(0)
CODES = RNG.choice(4, (400, 21), p=[0.5, 0.2, 0.2, 0.1])
WEIGHTS = RNG.choice([-1, 1], (21, 6))
ORDER = RNG.permutation(21)
IDEAL = DeviceProfile.load("weinstock-40nm")


def chips(noise: RowNoise, bits: int | None = None, profile: DeviceProfile = IDEAL) -> LayerChips:
    return LayerChips(WEIGHTS, profile, noise, rows_active=4, adc_bits=bits)


def test_without_noise_sums_are_exact() -> None:
    noise = RowNoise(current=0.0)
    exact = CODES @ WEIGHTS
    np.testing.assert_allclose(chips(noise).sums(CODES, ORDER, 3), exact, atol=1e-3)
    np.testing.assert_array_equal(chips(noise, 5).sums(CODES, ORDER, 3), exact)


def test_the_adc_clips() -> None:
    codes, order = np.full((1, 21), 3), np.arange(21)
    weights = np.ones((21, 1), int)
    layer = replace(chips(RowNoise(0.0), 4), weights=weights)
    assert layer.sums(codes, order, 0).item() == 5 * 7 + 3  # four rows: 12, of which 7 are held; the last row: 3


def test_the_predicted_error_is_the_measured_one() -> None:
    for noise in (RowNoise(0.3, 0.05), RowNoise(0.0, 0.1, 0.2, 0.4), RowNoise.of(IDEAL, 0.2)):
        layer = chips(noise)
        if noise.off != RowNoise.of(IDEAL, 0).off:  # cells of another ratio: draw them so
            layer = _with_off(layer, noise.off)
        measured = np.mean([measure(layer, CODES, CODES[:, 0] * 0, ORDER, range(s, s + 1)).rms[0] ** 2
                            for s in range(30)])  # fmt: skip
        assert predicted_rms(CODES, WEIGHTS, ORDER, 4, noise) == pytest.approx(np.sqrt(measured), rel=0.01)


def test_what_noise_adds_is_the_error_beside_the_same_cells_without_it() -> None:
    spread = DeviceProfile.load("techA")
    quiet = measure(chips(RowNoise.of(spread, 0.0), None, spread), CODES, CODES[:, 0] * 0, ORDER, range(2))
    own = RowNoise(0.0, RowNoise.of(spread, 0.0).off)
    still = measure(chips(own, None, spread), CODES, CODES[:, 0] * 0, ORDER, range(2))
    assert np.all(still.added == 0) and np.all(still.rms > 0) and np.all(quiet.added > 0)
    noisy = measure(chips(replace(own, current=0.5), None, spread), CODES, CODES[:, 0] * 0, ORDER, range(2))
    # Noise and spread are independent: their squares add up (2,400 sums a chip).
    np.testing.assert_allclose(noisy.rms**2, still.rms**2 + noisy.added**2, rtol=0.05)


def _with_off(layer: LayerChips, off: float) -> LayerChips:
    data = IDEAL.model_dump(exclude_none=True)
    data["levels"] = {"conductance_uS": [100 * off, 100 * (1 + off)], "evidence": data["levels"]["evidence"]}
    return replace(layer, profile=DeviceProfile.from_dict(data))


def test_pair_costs_are_the_mean_of_currents_squared() -> None:
    hurt = RNG.uniform(0, 2, len(CODES))
    q = pair_cost(CODES, WEIGHTS, 0.1, hurt)
    rows = [3, 8, 11]
    part, w = CODES[:, rows], WEIGHTS[rows]
    plus, minus = part @ ((w > 0) + 0.1), part @ ((w < 0) + 0.1)
    assert q[np.ix_(rows, rows)].sum() == pytest.approx((hurt[:, None] * (plus**2 + minus**2)).sum(axis=1).mean())


def test_an_error_hurts_more_where_the_margin_is_small() -> None:
    weight = hurts(np.array([[9, 1, 8], [1, 9, 3], [0, 9, 9]]))
    assert weight.mean() == pytest.approx(1) and weight[2] > weight[0] > weight[1]
    assert weight[2] / weight[1] == pytest.approx(7)


def test_open_rows_are_counted() -> None:
    counts = open_at_once(np.array([[1, 0, 2, 3, 0], [0, 0, 0, 0, 1]]), np.array([4, 3, 1, 0, 2]), 2)
    assert counts.tolist() == [2, 4, 0]  # rows 4 3 | 1 0 | 2: first input 1 1 1, second 1 0 0


def test_a_profile_gives_its_outer_levels() -> None:
    profile = DeviceProfile.load("techA")
    assert two_levels(profile).levels.conductance_uS == (profile.g_min_uS, profile.g_max_uS)
    noise = RowNoise.of(profile, 0.1)
    span = profile.g_max_uS - profile.g_min_uS
    assert noise.off == pytest.approx(profile.g_min_uS / span, abs=1 / 2048)
    assert noise.read_on == pytest.approx(profile.read_noise.relative.value[-1] * profile.g_max_uS / span, rel=0.02)


def test_a_cut_has_an_interval_that_holds_it() -> None:
    before = RNG.normal(2.0, 0.1, 50)
    after = 0.9 * before + RNG.normal(0, 0.01, 50)
    value, low, high = cut(before, after)
    assert low < value < high and value == pytest.approx(10, abs=1)
    assert high - low < 0.4  # paired: far narrower than the spread of chips, 5 %
