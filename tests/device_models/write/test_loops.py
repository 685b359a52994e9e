"""Single pulse and R-V-W against closed forms: attempts are geometric, what is written is a truncated distribution."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import trapezoid

from device_models.errors import ProfileError
from device_models.profile import DeviceProfile
from device_models.write.loops import MultiPass, ReadVerifyWrite, SinglePulse
from device_models.write.oneshot import OneShotCells
from tests.device_models.documents import EVIDENCE, document
from tests.device_models.write.profiles import relaxing

N, TOLERANCE_uS, SD_uS = 20_000, 0.7, 1.0
INSIDE = float(stats.norm.cdf(TOLERANCE_uS) - stats.norm.cdf(-TOLERANCE_uS))


def fresh(seed: int = 1, **parts: object) -> OneShotCells:
    """Normal spread of 1 uS about 20 uS."""
    return OneShotCells(DeviceProfile.from_dict(document(**parts)), np.full(N, 20.0), seed)


def test_one_attempt_has_the_profiles_spread() -> None:
    cells = fresh()
    tally = SinglePulse(TOLERANCE_uS).run(cells, np.full(N, 20.0))
    assert stats.kstest(cells.conductance_uS(), stats.norm(20, SD_uS).cdf).pvalue > 0.01
    assert (tally.pulses == 1).all()
    assert (tally.reads == 1).all()
    assert tally.within.mean() == pytest.approx(INSIDE, abs=4 * np.sqrt(INSIDE * (1 - INSIDE) / N))


def test_rvw_is_geometric_and_truncates() -> None:
    cells = fresh()
    tally = ReadVerifyWrite(TOLERANCE_uS, 1000).run(cells, np.full(N, 20.0))
    assert tally.within.all()
    truncated = stats.truncnorm(-TOLERANCE_uS, TOLERANCE_uS, 20, SD_uS)
    assert stats.kstest(cells.conductance_uS(), truncated.cdf).pvalue > 0.01
    assert tally.pulses.mean() == pytest.approx(1 / INSIDE, rel=4 * np.sqrt(1 - INSIDE) / np.sqrt(N))
    counts = np.bincount(tally.pulses, minlength=12)[1:12]
    expected = N * stats.geom(INSIDE).pmf(np.arange(1, 12))
    assert stats.chisquare(counts, expected * counts.sum() / expected.sum()).pvalue > 0.01
    np.testing.assert_allclose(tally.time_s, 2e-6 * tally.pulses)  # one pulse and one read, 1 us each
    assert np.isnan(tally.energy_pJ).all()  # the profile gives no energy


def test_a_limit_leaves_the_rest_as_failures() -> None:
    tally = ReadVerifyWrite(TOLERANCE_uS, 3).run(fresh(), np.full(N, 20.0))
    fails = (1 - INSIDE) ** 3
    assert 1 - tally.within.mean() == pytest.approx(fails, abs=4 * np.sqrt(fails / N))
    assert tally.pulses.max() == 3


def test_read_noise_is_what_verify_cannot_see() -> None:
    """Accepted: |g + noise| <= t. The density of g is normal times the chance that the read lies inside."""
    noise = 0.5
    cells = fresh(read_noise={"absolute_uS": {"value": noise, "evidence": EVIDENCE}})
    ReadVerifyWrite(TOLERANCE_uS, 1000).run(cells, np.full(N, 20.0))
    g = np.linspace(-6, 6, 4001)
    accepted = stats.norm.cdf((TOLERANCE_uS - g) / noise) - stats.norm.cdf((-TOLERANCE_uS - g) / noise)
    density = stats.norm.pdf(g) * accepted
    sd = np.sqrt(trapezoid(density * g**2, g) / trapezoid(density, g))
    assert cells.conductance_uS().std() == pytest.approx(sd, rel=0.02)


def test_energy_is_the_profiles_or_absent() -> None:
    cells = fresh(programming_cost={"pulses": 4.0, "energy_pJ": 10.0, "evidence": EVIDENCE})
    tally = ReadVerifyWrite(TOLERANCE_uS, 1000).run(cells, np.full(N, 20.0))
    np.testing.assert_allclose(tally.energy_pJ, 2.5 * tally.pulses)


def test_a_target_between_levels_has_a_spread_between() -> None:
    spread = {"distribution": "normal", "reference": "own_conductance", "sigma": 0.1, "evidence": EVIDENCE}
    cells = OneShotCells(DeviceProfile.from_dict(document(programming=spread)), np.full(N, 25.0), 1)
    SinglePulse(1.0).run(cells, np.full(N, 25.0))
    assert stats.kstest(cells.conductance_uS(), stats.norm(25, 2.5).cdf).pvalue > 0.01
    with pytest.raises(ProfileError, match="a target of 41 uS is not within its levels, 10 to 40 uS"):
        OneShotCells(DeviceProfile.from_dict(document()), np.array([20.0, 41.0]), 1)


def test_cells_are_a_function_of_the_seed_and_untouched_where_not_asked() -> None:
    target, where = np.full(N, 20.0), np.arange(N) < 100
    runs = []
    for seed in (1, 1, 2):
        cells = fresh(seed)
        tally = ReadVerifyWrite(TOLERANCE_uS, 50).run(cells, target, where)
        runs.append(cells.conductance_uS())
        assert (tally.pulses[~where] == 0).all()
        assert (tally.reads[~where] == 0).all()
    np.testing.assert_array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0][:100], runs[2][:100])
    assert (runs[0][100:] == 10.0).all()  # the lowest level, where cells begin


def test_one_more_pass_rewrites_only_what_has_left() -> None:
    profile = relaxing(1.0, {1.0: np.hypot(1.0, 2.0), 1e4: np.hypot(1.0, 3.0)})  # 2 uS by 1 s, 3 uS by 1e4 s
    target = np.full(N, 20.0)
    sds, pulses = [], []
    for passes in (1, 2, 4):
        cells = OneShotCells(profile, target, 3)
        tally = MultiPass(ReadVerifyWrite(TOLERANCE_uS, 1000), passes, wait_s=1.0).run(cells, target)
        cells.wait(1e4)
        sds.append(cells.conductance_uS().std())
        pulses.append(tally.pulses.mean())
    once = stats.truncnorm(-TOLERANCE_uS, TOLERANCE_uS, 0, SD_uS).std()
    assert sds[0] == pytest.approx(np.hypot(once, 3.0), rel=0.02)
    assert sds[0] > sds[1] > sds[2] > np.sqrt(3.0**2 - 2.0**2)  # what comes after 1 s no pass can see
    leave = _leaving()
    assert pulses[1] == pytest.approx((1 + leave) / INSIDE, rel=0.03)  # the second pass writes that share anew


def _leaving() -> float:
    """Share that a relaxation of 2 uS takes out of a tolerance in which cells lie as R-V-W left them."""
    g = np.linspace(-TOLERANCE_uS, TOLERANCE_uS, 2001)
    density = stats.norm.pdf(g)
    stay = stats.norm.cdf((TOLERANCE_uS - g) / 2) - stats.norm.cdf((-TOLERANCE_uS - g) / 2)
    return float(1 - trapezoid(density * stay, g) / trapezoid(density, g))
