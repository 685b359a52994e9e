"""A bake: against cells that are drawn and moved one by one, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy", reason="a board: no workstation tools")

from device_models.baking import baked
from device_models.compile import programming_distribution
from device_models.derive import aged
from device_models.errors import ProfileError
from device_models.profile import DeviceProfile

SHARES = np.array([0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99])


def test_quantiles_are_those_of_cells_moved_one_by_one() -> None:
    profile = DeviceProfile.load("techA")
    assert profile.retention is not None
    bake = profile.retention.bakes[1]
    after, rng = baked(profile, bake.temperature_C), np.random.default_rng(0)
    for level in (0, 5, 20, 31):
        before = np.maximum(programming_distribution(profile, level).ppf(rng.random(200_000)), 0)
        cells = np.maximum(before + bake.mean_shift_uS[level] + bake.sd_uS[level] * rng.standard_normal(200_000), 0)
        found = programming_distribution(after, level).ppf(SHARES)
        error = np.sqrt(SHARES * (1 - SHARES) / 200_000) * 5  # of a sample's quantile, as a share of cells
        low, high = (np.quantile(cells, np.clip(SHARES + way * (error + 2e-3), 0, 1)) for way in (-1, 1))
        assert np.all((low <= found) & (found <= high)), level


def test_a_bake_without_spread_only_moves_the_cells() -> None:
    document = DeviceProfile.load("techA").model_dump(mode="json", exclude_none=True)
    document["retention"]["bakes"] = [{"temperature_C": 90.0, "mean_shift_uS": [2.0] * 32, "sd_uS": [0.0] * 32}]
    profile, shares = DeviceProfile.from_dict(document), np.linspace(0.1, 0.9, 161)
    for level in (5, 20, 31):
        before, after = (programming_distribution(p, level).ppf(shares) for p in (profile, baked(profile, 90)))
        np.testing.assert_allclose(after, before + 2.0, atol=0.06)


def test_a_bake_comes_on_top_of_time_and_ends_what_is_known_of_it() -> None:
    profile = DeviceProfile.load("techA")
    late = aged(profile, 1e4)
    hot = baked(late, 260)
    assert hot.relaxation is None
    assert hot.name == "techA-at-10000s-baked-260C"
    fresh = programming_distribution(baked(profile, 260), 20).ppf(SHARES)
    assert np.any(np.abs(programming_distribution(hot, 20).ppf(SHARES) - fresh) > 0.1)
    assert DeviceProfile.from_json(hot.to_json()) == hot  # a document like any other


def test_what_the_profile_does_not_know_is_refused() -> None:
    with pytest.raises(ProfileError, match="techA: no bake at 150 C; it has bakes at 100, 140, 180, 220, 260 C"):
        baked(DeviceProfile.load("techA"), 150)
    with pytest.raises(ProfileError, match="profile charan-65nm: has no bakes"):
        baked(DeviceProfile.load("charan-65nm"), 140)
