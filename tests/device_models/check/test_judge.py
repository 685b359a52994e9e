"""The verdict: true profiles pass, wrong ones fail and say why; presets against the half of the cells that judges."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from device_models.check.judge import Verdict, bootstrap, comparable, judge
from device_models.errors import ProfileError
from device_models.fit.groups import Groups, group
from device_models.fit.profile import About, fit_profile
from device_models.profile import DeviceProfile
from tests.device_models.documents import EVIDENCE, document
from tests.device_models.fit.tables import Array, generator, groups, table
from tests.device_models.measured.files import array

LEVELS, TIMES = [250.0, 280.0, 310.0, 340.0], (0.0, 100.0)
SD = 12.0


def profile(shift: float = 0.0, sd: float = SD, n: int = 4) -> DeviceProfile:
    """Cells at LEVELS with a Laplace law, written as a fine table; twice as wide after 100 s."""
    p = np.concatenate([[0], np.linspace(0.0005, 0.9995, 1999), [1]])
    inner = stats.laplace(0, sd / 2**0.5).ppf(np.clip(p, 1e-5, 1 - 1e-5))

    def spread(factor: float) -> dict[str, object]:
        return {"distribution": "quantiles", "reference": "absolute_uS", "probability": p.tolist(),
                "deviation": [(shift + factor * inner).tolist()] * n, "evidence": EVIDENCE}

    return DeviceProfile.from_dict(document(
        levels={"conductance_uS": LEVELS[:n], "evidence": EVIDENCE}, programming=spread(1),
        relaxation={"aged": [{"time_s": 100.0, "spread": spread(2)}], "evidence": EVIDENCE}))


def halves(n: int = 600, seed: int = 3, times: tuple[float, ...] = TIMES) -> tuple[Groups, Groups]:
    rng = generator(seed)
    cells = table([[g + rng.laplace(0, f * SD / 2**0.5, n) for f in (1, 2)[: len(times)]] for g in LEVELS], times)
    return group(cells.half("b")), group(cells.half("a"))


def held(shift: float = 0.0, sd: float = SD) -> Verdict:
    return judge(profile(shift, sd), *halves())


def normal_ratio(judged: Array, fitted: Array) -> float:
    """What the baseline's figure should be, by scipy."""
    distance = stats.ks_1samp(judged, stats.norm(fitted.mean(), fitted.std(ddof=1)).cdf).statistic
    return float(distance * len(judged) ** 0.5 / 0.83)


def test_the_true_profile_passes() -> None:
    verdict = held()
    assert verdict.passed
    assert verdict.reasons == ()
    assert 0.7 < verdict.model.ks_ratio < 1.3
    assert verdict.model.ks_ratio < verdict.baselines["bootstrap"].ks_ratio < verdict.baselines["normal"].ks_ratio
    assert verdict.tv_mean < verdict.tv_floor


def test_figures_are_their_definitions() -> None:
    verdict, (judged, fitted) = held(), halves()
    edges = [-np.inf, 265, 295, 325, np.inf]
    tv, floor = [], []
    for one in verdict.groups:
        j = TIMES.index(one.time_s)
        x, other = judged.values[one.level][j], fitted.values[one.level][j]
        law = stats.laplace(LEVELS[one.level], SD * (j + 1) / 2**0.5)
        d = stats.ks_1samp(x, law.cdf)
        assert one.n == len(x)
        assert one.ks == pytest.approx(d.statistic, abs=1e-3)
        assert one.ks_ratio == pytest.approx(d.statistic * len(x) ** 0.5 / 0.83, abs=0.03)
        assert one.rejected == (d.pvalue < 0.05)
        shares = [np.histogram(sample, edges)[0] / len(sample) for sample in (x, other)]
        tv.append(np.abs(np.diff(law.cdf(edges)) - shares[0]).sum() / 2)
        floor.append(np.abs(shares[0] - shares[1]).sum() / 2)
    assert [(g.level, g.time_s) for g in verdict.groups] == [(i, t) for i in range(4) for t in TIMES]
    assert verdict.model.ks_ratio == pytest.approx(np.median([g.ks_ratio for g in verdict.groups]))
    assert verdict.model.rejected_percent == 100 * np.mean([g.rejected for g in verdict.groups])
    assert verdict.tv_mean == pytest.approx(np.mean(tv), abs=1e-3)
    assert verdict.tv_floor == pytest.approx(np.mean(floor))
    normal = [normal_ratio(x[j], y[j]) for x, y in zip(judged.values, fitted.values, strict=True) for j in range(2)]
    assert verdict.baselines["normal"].ks_ratio == pytest.approx(np.median(normal))


@pytest.mark.parametrize(("shift", "sd"), [(SD, SD), (-SD, SD), (0, 2 * SD), (0, SD / 2)])
def test_a_wrong_profile_fails_and_says_why(shift: float, sd: float) -> None:
    verdict = held(shift, sd)
    assert not verdict.passed
    assert any(reason.startswith("ks_ratio ") and "above that of a normal fit" in reason for reason in verdict.reasons)
    assert any("% of the groups are rejected" in reason for reason in verdict.reasons)
    if shift:
        assert verdict.model.wasserstein_uS == pytest.approx(SD, rel=0.1)


def test_levels_that_are_confused_too_often_fail() -> None:
    """Targets 30 uS apart with half of the cells of one level in the next level's bin: the matrix tells."""
    rng = generator(5)
    cells = table([[g + rng.normal(0, 1, 400)] for g in LEVELS])
    wrong = DeviceProfile.from_dict(document(
        levels={"conductance_uS": LEVELS, "evidence": EVIDENCE},
        programming={"distribution": "normal", "reference": "absolute_uS", "sigma": 1.0,
                     "shift": [0.0, 0.0, 15.0, 0.0], "evidence": EVIDENCE}))
    verdict = judge(wrong, group(cells.half("b")), group(cells.half("a")))
    assert verdict.tv_mean == pytest.approx(0.5 / 4, abs=0.01)
    assert any(reason.startswith("confusion matrix: total variation 0.1") for reason in verdict.reasons)


@pytest.mark.parametrize("seed", range(4))
def test_levels_far_apart_pass_with_the_fit_that_is_the_baseline(seed: int) -> None:
    """No cell is in another bin, in either half: a share of 1e-9 in the model's is no mistake. Nor are five digits."""
    rng = generator(seed)
    cells = table([[g + rng.normal(0, 2, 300)] for g in LEVELS])
    own = fit_profile(cells.half("a"), About("t", "s", "l", "c"), family="normal").profile
    verdict = judge(own, group(cells.half("b")), group(cells.half("a")))
    assert verdict.tv_floor == 0
    assert verdict.model.ks_ratio == pytest.approx(verdict.baselines["normal"].ks_ratio, rel=1e-3)
    assert not [reason for reason in verdict.reasons if "normal" in reason or "confusion" in reason]


def test_the_other_halfs_cells_are_their_own_law() -> None:
    x = np.array([5.0, 1, 3, 9])
    law = bootstrap(x)
    assert law.mean == pytest.approx(np.mean([1, 1, 3, 5, 9, 9, 3, 5]), rel=0.1)
    np.testing.assert_allclose(law.cdf(np.sort(x))[:3], [1 / 8, 3 / 8, 5 / 8])
    assert law.ppf([0, 1]).tolist() == [1, 9]


def test_what_the_profile_does_not_know_is_refused() -> None:
    judged, fitted = halves()
    with pytest.raises(ProfileError, match=r"^made: level 3, but profile t has 3 levels, 0 to 2$"):
        judge(profile(n=3), judged, fitted)
    late = [Groups(one.source, one.levels, (0.0, 1e4), one.values, one.cells) for one in (judged, fitted)]
    with pytest.raises(ProfileError, match=r"^profile t: 10000 s is later than 100 s, the last time of its .*ion$"):
        judge(profile(), *late)
    assert judge(profile(), *late, outside=True).model == held().model
    with pytest.raises(ProfileError, match="do not have the same levels and times: there are too few cells"):
        judge(profile(), judged, halves(times=(0.0,))[1])
    with pytest.raises(ProfileError, match="no level and time with at least 30 cells in both halves"):
        judge(profile(), *halves(n=40))


def test_times_that_a_fit_leaves_out_are_not_judged() -> None:
    enough, few = np.linspace(10, 20, 40), np.linspace(10, 20, 20)
    fitted = groups([[enough] * 3, [enough, few, enough]], (0.0, 1.0, 10.0))  # a level with 20 cells at 1 s
    judged = groups([[enough] * 3, [enough] * 3], (0.0, 1.0, 100.0))  # none at 10 s, some at 100 s
    here, there, left_out = comparable(judged, fitted)
    assert (here.times_s, there.times_s, left_out) == ((0.0,), (0.0,), (1.0, 10.0, 100.0))
    alike = comparable(fitted, judged)  # the half that judges may have few cells of a level: that group is skipped
    assert (alike[0].times_s, alike[2]) == ((0.0, 1.0), (10.0, 100.0))


def test_levels_count_from_anywhere_where_there_are_as_many() -> None:
    judged, fitted = (Groups(one.source, (1, 2, 5, 9), one.times_s, one.values, one.cells) for one in halves())
    verdict = judge(profile(), judged, fitted)
    assert verdict.model == held().model
    assert sorted({g.level for g in verdict.groups}) == [1, 2, 5, 9]


def test_some_levels_of_the_profile_are_held_by_their_number() -> None:
    two = [Groups(one.source, one.levels[2:], one.times_s, one.values[2:], one.cells[2:]) for one in halves()]
    assert judge(profile(), *two).groups == held().groups[4:]


MEASURED = [("A", "techA", 1.20), ("B", "techB", 1.30), ("B 10k", "techB-10k", 1.20)]


@pytest.mark.parametrize(("which", "preset", "limit"), MEASURED)
def test_presets_pass_on_the_half_that_they_have_not_seen(which: str, preset: str, limit: float,
                                                          record_property: Callable[[str, object], None]) -> None:
    cells = array(which)
    verdict = judge(DeviceProfile.load(preset), group(cells.half("b")), group(cells.half("a")))
    normal, boot = verdict.baselines["normal"], verdict.baselines["bootstrap"]
    print(f"{preset}: ks_ratio {verdict.model.ks_ratio:.3f} (normal {normal.ks_ratio:.2f}, other half "
          f"{boot.ks_ratio:.2f}), rejected {verdict.model.rejected_percent:.1f} % ({boot.rejected_percent:.1f} %), "
          f"tv {verdict.tv_mean:.4f} ({verdict.tv_floor:.4f})")
    record_property("ks_ratio", verdict.model.ks_ratio)
    assert verdict.passed, verdict.reasons
    assert verdict.model.ks_ratio < limit
    assert verdict.model.ks_ratio <= boot.ks_ratio
    assert verdict.model.rejected_percent <= boot.rejected_percent
    assert verdict.tv_mean <= 1.25 * verdict.tv_floor
    judged, fitted = group(cells.half("b")), group(cells.half("a"))
    for j, time_s in enumerate(judged.times_s):  # at every time, with scipy's distance of the normal fit
        ratio = [normal_ratio(x[j], y[j]) for x, y in zip(judged.values, fitted.values, strict=True)]
        assert np.median([g.ks_ratio for g in verdict.groups if g.time_s == time_s]) < np.median(ratio)
