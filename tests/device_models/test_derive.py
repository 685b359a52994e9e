"""Aged profiles and other levels: against normal distributions, whose quantiles are linear in mean and deviation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from device_models.compile import compile_profile, programming_distribution
from device_models.derive import aged, distribution_at, with_levels
from device_models.errors import OutsideError, ProfileError
from device_models.profile import DeviceProfile
from tests.device_models.documents import EVIDENCE, document

P = np.array([0.001, 0.05, 0.3, 0.5, 0.8, 0.999])


def normal(sigma: float, shift: float) -> dict[str, Any]:
    return {"distribution": "normal", "reference": "absolute_uS", "sigma": sigma, "shift": shift, "evidence": EVIDENCE}


def ageing(**parts: Any) -> DeviceProfile:
    """Deviation 1 uS when programmed, 2 uS and 3 uS lower after 1 s, 4 uS and 5 uS lower after 100 s."""
    later = [{"time_s": 1.0, "spread": normal(2.0, -3.0)}, {"time_s": 100.0, "spread": normal(4.0, -5.0)}]
    levels = {"conductance_uS": [100.0, 120.0, 200.0], "evidence": EVIDENCE}
    return DeviceProfile.from_dict(document(levels=levels, relaxation={"aged": later, "evidence": EVIDENCE}, **parts))


@pytest.mark.parametrize(("time_s", "sigma", "shift"), [
    (0, 1, 0), (1, 2, -3), (100, 4, -5),  # as given
    (10, 3, -4),                          # half of the way in log time
    (1 / 9, 1 + np.log10(2), -3 * np.log10(2)),  # log(1 + 9 t / t1) of the way to the first time
])  # fmt: skip
def test_between_times_quantiles_move_linearly_in_log_time(time_s: float, sigma: float, shift: float) -> None:
    for level, target in enumerate((100, 120, 200)):
        expected = stats.norm(target + shift, sigma).ppf(P)
        np.testing.assert_allclose(distribution_at(ageing(), level, time_s).ppf(P), expected, atol=0.02 * sigma)


def test_an_aged_profile_is_a_profile_that_compiles() -> None:
    profile = aged(ageing(), 10)
    assert DeviceProfile.from_json(profile.to_json()) == profile
    assert profile.relaxation is None
    assert np.sqrt(programming_distribution(profile, 0).var) == pytest.approx(3, rel=0.01)
    np.testing.assert_allclose(np.sqrt(compile_profile(profile).var) * 100 / 2048, 3, rtol=0.01)


def test_times_that_the_profile_does_not_know_are_refused() -> None:
    with pytest.raises(OutsideError, match=r"^profile t: 1000 s is later than 100 s, the last time of its") as late:
        aged(ageing(), 1000)
    assert late.value.use == "holds the last one"
    assert np.sqrt(programming_distribution(aged(ageing(), 1000, outside=True), 0).var) == pytest.approx(4)
    with pytest.raises(ProfileError, match=r"^profile t: has no relaxation, so nothing is known at 5 s$"):
        aged(DeviceProfile.from_dict(document()), 5)
    for wrong in (-1, float("nan"), float("inf")):
        with pytest.raises(ProfileError, match="is not a time >= 0"):
            aged(ageing(), wrong)
    narrow = ageing(validity={"time_s": [0.0, 50.0], "evidence": EVIDENCE})
    with pytest.raises(ProfileError, match=r"60 s is not within 0 to 50 s, where it holds \(a test\)$"):
        aged(narrow, 60)


def test_other_levels_take_the_spread_between_their_neighbours() -> None:
    profile = ageing(programming={"distribution": "normal", "reference": "absolute_uS", "sigma": [1.0, 3.0, 3.0],
                                  "evidence": EVIDENCE})
    other = with_levels(profile, [105.0, 160.0])
    assert [np.sqrt(programming_distribution(other, i).var) for i in (0, 1)] == pytest.approx([1.5, 3], rel=0.01)
    assert distribution_at(other, 1, 100).mean == pytest.approx(155)
    with pytest.raises(ProfileError, match="^profile t: 90 uS is not within its levels, 100 to 200 uS$"):
        with_levels(profile, [90.0, 150.0])
    stated = ageing(validity={"conductance_uS": [90.0, 210.0], "evidence": EVIDENCE})
    assert with_levels(stated, [90.0, 150.0]).g_min_uS == 90
    with pytest.raises(ProfileError, match="80 uS is not within 90 to 210 uS, where it holds"):
        with_levels(stated, [80.0, 150.0])
    assert with_levels(stated, [80.0, 150.0], outside=True).g_min_uS == 80
