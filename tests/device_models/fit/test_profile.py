"""From cells to a profile: cells drawn from a known one give it back, and everything measured lands in the document."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from device_models.check.judge import judge
from device_models.compile import compile_profile, programming_distribution
from device_models.derive import distribution_at
from device_models.draws import draw_cells
from device_models.errors import ProfileError
from device_models.fit.groups import group
from device_models.fit.profile import About, Bakes, FitResult, far_levels, fit_profile, level_targets
from device_models.fit.read_noise import fit_read_noise
from device_models.fit.retention import bake_statistics
from device_models.measured.cells import MeasuredCells
from device_models.measured.series import Series
from device_models.profile import DeviceProfile
from tests.device_models.documents import EVIDENCE, document
from tests.device_models.fit.tables import Array, generator, groups, table
from tests.device_models.measured.files import array

ABOUT = About("made", "a test", "CC0", "none")
LEVELS = [50.0, 80.0, 110.0, 150.0, 190.0, 240.0]
TIMES = (0.0, 10.0, 1000.0)
SIGMA = np.array([0.12, 0.35, 0.2, 0.08, 0.3, 0.15])  # over the level: no two neighbours are alike
N = 400  # cells of a level


def log_normal(sigma: Array) -> dict[str, Any]:
    return {"distribution": "log-normal", "reference": "own_conductance", "sigma": sigma.tolist(), "target_is": "mean",
            "evidence": EVIDENCE}


KNOWN = DeviceProfile.from_dict(document(
    levels={"conductance_uS": LEVELS, "evidence": EVIDENCE},
    programming=log_normal(SIGMA)))
LATER = DeviceProfile.from_dict({**KNOWN.model_dump(exclude_none=True),
                                 "programming": log_normal(1.5 * SIGMA)})


def drawn(profile: DeviceProfile, layer: int) -> Array:
    levels = np.repeat(np.arange(len(LEVELS), dtype=np.uint8), N)
    return draw_cells(compile_profile(profile), levels, seed=11, layer=layer).uS.reshape(len(LEVELS), N)


@pytest.fixture(scope="module")
def cells() -> MeasuredCells:
    columns = [drawn(KNOWN, 0), drawn(LATER, 1), drawn(LATER, 2)]
    return table([[column[level] for column in columns] for level in range(len(LEVELS))], TIMES)


@pytest.fixture(scope="module")
def by_medians(cells: MeasuredCells) -> FitResult:
    return fit_profile(cells.half("a"), ABOUT, half="a")


def test_the_family_of_the_known_profile_is_found(by_medians: FitResult) -> None:
    assert by_medians.choice.name == "log-normal"
    assert by_medians.profile.programming.distribution == "log-normal"
    assert by_medians.left_out_s == ()
    for level, target in enumerate(LEVELS):
        for time_s, sigma in zip(TIMES, SIGMA[level] * np.array([1, 1.5, 1.5]), strict=True):
            law = distribution_at(by_medians.profile, level, time_s)
            n = N / 2
            assert law.mean == pytest.approx(target, abs=4 * sigma * target / n**0.5)
            assert law.var**0.5 == pytest.approx(sigma * target, rel=4 * (0.5 + sigma) / n**0.5)


@pytest.mark.parametrize("family", [None, "quantiles", "gaussian-mixture", "log-normal"])
def test_it_passes_on_the_other_half(cells: MeasuredCells, family: str | None) -> None:
    judged, fitted = group(cells.half("b")), group(cells.half("a"))
    verdict = judge(fit_profile(cells.half("a"), ABOUT, family=family).profile, judged, fitted)
    if family in (None, "log-normal"):
        assert verdict.passed, verdict.reasons
    assert 0.7 < verdict.model.ks_ratio < 1.45  # two samples of a half each: between 1 and sqrt(2)
    assert verdict.model.ks_ratio <= verdict.baselines["bootstrap"].ks_ratio


def test_the_document_reads_back_to_itself(by_medians: FitResult) -> None:
    profile = by_medians.profile
    assert DeviceProfile.from_json(profile.to_json()) == profile
    compile_profile(profile)


def test_the_document_says_where_it_comes_from(cells: MeasuredCells, by_medians: FitResult) -> None:
    profile, half = by_medians.profile, cells.half("a")
    assert (profile.name, profile.source, profile.licence, profile.conditions) == ("made", "a test", "CC0", "none")
    assert f"{half.n_cells} cells (half a by a hash of the cell), {len(half)} readings" in profile.description
    assert by_medians.choice.why in profile.programming.evidence.note
    assert profile.levels.evidence.note == "Medians of the cells at the first time."
    assert profile.validity is not None
    assert profile.validity.time_s == (0, 1000)
    assert profile.validity.conductance_uS == (profile.g_min_uS, profile.g_max_uS)
    assert profile.relaxation is not None
    assert profile.relaxation.law is not None
    assert (by_medians.n_cells, by_medians.n_rows) == (half.n_cells, len(half))


def test_targets_are_an_expression_or_the_medians(cells: MeasuredCells, by_medians: FitResult) -> None:
    some = group(cells.half("a"))
    np.testing.assert_allclose(by_medians.profile.levels.conductance_uS, some.medians(0), rtol=1e-5)
    np.testing.assert_allclose(level_targets(some, "50 + 40 * level"), [50, 90, 130, 170, 210, 250])
    told = fit_profile(cells.half("a"), ABOUT, level_uS="50 + 40 * level", family="normal").profile
    assert told.levels.conductance_uS == (50, 90, 130, 170, 210, 250)
    assert told.levels.evidence.assumption
    for level in range(len(LEVELS)):  # the target is told, where the cells are is measured
        assert programming_distribution(told, level).mean == pytest.approx(some.values[level][0].mean(), rel=1e-4)


@pytest.mark.parametrize(("expression", "message"), [
    ("100 - level", r"level 1: 99 uS is not > 100 uS of level 0, from --level-uS '100 - level'"),
    ("50", r"level 1: 50 uS is not > 50 uS of level 0"), ("level", r"level 0: 0 uS is not > 0, from --level-uS"),
    ("1 / level", r"level 0: inf uS is not > 0"), ("50 + level * 1e-9", "level 1: 50 uS is not > 50 uS of level 0")])
def test_targets_that_do_not_rise_are_refused(expression: str, message: str) -> None:
    some = groups([[np.full(30, 10.0 + i)] for i in range(3)])
    with pytest.raises(ProfileError, match=f"^made: {message}") as error:
        level_targets(some, expression)
    assert "\n" not in str(error.value)


def test_medians_that_fall_are_refused() -> None:
    with pytest.raises(ProfileError, match="^made: level 2: 20 uS is not > 30 uS of level 1, from the medians of their "
                                           "cells; give the targets by --level-uS$"):
        level_targets(groups([[np.full(30, g)] for g in (10.0, 30.0, 20.0)]), None)


@pytest.mark.parametrize(("field", "given", "message"), [
    ("name", "my rram", "'my rram' is not a name: letters"), ("name", "../x", "'../x' is not a name"),
    ("name", "x" * 65, "is not a name of at most 64"), ("source", " ", "is not a text"),
    ("licence", "", "is not a text")])
def test_a_head_that_no_profile_has_is_refused_in_one_line(cells: MeasuredCells, field: str, given: str,
                                                           message: str) -> None:
    with pytest.raises(ProfileError, match=f"^profile to fit: {field}: ") as error:
        fit_profile(cells, replace(ABOUT, **{field: given}))
    assert message in str(error.value) and "\n" not in str(error.value)


def test_cells_read_first_some_time_after_programming_are_held_against_that_time(cells: MeasuredCells) -> None:
    late = replace(cells, time_s=np.where(cells.time_s == 0, 5.0, cells.time_s))
    profile = fit_profile(late.half("a"), ABOUT).profile
    assert profile.validity is not None
    assert profile.validity.time_s == (5, 1000)
    first, p = programming_distribution(profile, 0), np.linspace(0, 1, 11)[1:-1]
    for time_s, outside in ((5, False), (0, False), (3, True)):
        np.testing.assert_array_equal(distribution_at(profile, 0, time_s, outside).ppf(p), first.ppf(p))
    half_way = 5 * 2**0.5  # in log time, to 10 s
    np.testing.assert_allclose(distribution_at(profile, 0, half_way).ppf(p),
                               (first.ppf(p) + distribution_at(profile, 0, 10).ppf(p)) / 2, rtol=0.005)
    assert judge(profile, group(late.half("b")), group(late.half("a"))).passed
    with pytest.raises(ProfileError, match="3 s is not within 5 to 1000 s, where it holds"):
        distribution_at(profile, 0, 3)


def test_a_time_with_few_cells_is_left_out_and_said(cells: MeasuredCells) -> None:
    few = cells.where((cells.time_s < 1000) | (cells.level > 0) | (cells.cell < 20 * len(LEVELS)))
    result = fit_profile(few, ABOUT, family="normal")
    assert result.left_out_s == (1000,)
    assert result.profile.relaxation is not None
    assert [aged.time_s for aged in result.profile.relaxation.aged] == [10]
    assert result.profile.validity is not None
    assert result.profile.validity.time_s == (0, 10)


def test_read_noise_is_in_the_document(cells: MeasuredCells) -> None:
    noise = fit_read_noise([
        Series("series", level, 1, 400.0, g * (1 + relative * generator(level).normal(size=8000)))
        for level, g, relative in ((1, 80.0, 0.04), (4, 190.0, 0.01))])
    read = fit_profile(cells, ABOUT, family="normal", noise=noise).profile.read_noise
    assert read.relative is not None
    at = [read.relative.value[i] for i in range(6)]  # type: ignore[index]
    measured = [one.relative_window for one in noise]
    assert measured == pytest.approx([0.04, 0.01], rel=0.05)
    assert at == pytest.approx(np.interp(range(6), [1, 4], measured), rel=1e-4)
    assert "2 series at the levels 1, 4" in read.relative.evidence.note
    if read.spectrum is not None:
        assert read.spectrum.share_white > 0.8
        shares = read.spectrum.share_white + read.spectrum.share_flicker + read.spectrum.share_rtn
        assert shares == pytest.approx(1, abs=1e-3)


def baked(temperature_C: float, levels: int) -> MeasuredCells:
    n = 50
    level, z = np.tile(np.repeat(np.arange(levels), n), 2), generator(3).normal(size=levels * n)
    before, change = 100.0 + 20 * level[: levels * n], -2 + 3 * (z - z.mean()) / z.std()
    return MeasuredCells("bakes", np.tile(np.arange(levels * n), 2), level, np.repeat([0.0, 3600.0], levels * n),
                         np.concatenate([before, before + change]), np.full(2 * levels * n, temperature_C))


def test_bakes_are_in_the_document(cells: MeasuredCells) -> None:
    six = baked(150.0, 6)
    profile = fit_profile(cells, ABOUT, family="normal", bakes=Bakes(six, bake_statistics(six))).profile
    assert profile.retention is not None
    (bake,) = profile.retention.bakes
    assert (bake.temperature_C, bake.time_s) == (150, 3600)
    change = (six.g_uS[300:] - six.g_uS[:300]).reshape(6, 50)
    assert bake.mean_shift_uS == pytest.approx(change.mean(axis=1), rel=1e-4)
    assert bake.sd_uS == pytest.approx(change.std(axis=1, ddof=1), rel=0.02)
    assert profile.retention.activation_energy_eV is None
    two = baked(150.0, 2)
    with pytest.raises(ProfileError, match="^bake at 150 C: it lacks levels of the table that is fitted$"):
        fit_profile(cells, ABOUT, family="normal", bakes=Bakes(two, bake_statistics(two)))


@pytest.mark.parametrize(("which", "name", "top_uS", "moved"),
                         [("A", "techA", 240, 0), ("B", "techB", 128, 11), ("B 10k", "techB-10k", 128, 0)])  # fmt: skip
def test_the_preset_is_what_a_fit_of_its_half_gives(which: str, name: str, top_uS: int, moved: int) -> None:
    """moved: quantiles of a preset that is older than the order of tied cells, and trained on (docs/presets)."""
    half = array(which).half("a")
    fresh = fit_profile(half, ABOUT, level_uS=f"(level + 0.5) * {top_uS} / 32", half="a").profile
    preset = DeviceProfile.load(name)
    assert preset.levels.conductance_uS == fresh.levels.conductance_uS
    assert preset.description == fresh.description
    assert preset.validity is not None and fresh.validity is not None
    assert preset.validity.time_s == fresh.validity.time_s
    assert preset.relaxation is not None and fresh.relaxation is not None
    assert [a.time_s for a in preset.relaxation.aged] == [a.time_s for a in fresh.relaxation.aged]
    others = 0
    for kept, new in zip((preset.programming, *(a.spread for a in preset.relaxation.aged)),
                         (fresh.programming, *(a.spread for a in fresh.relaxation.aged)), strict=True):
        assert kept.distribution == new.distribution == "quantiles"
        others += int((~np.isclose(kept.deviation, new.deviation, rtol=1e-3, atol=1e-3)).sum())
    assert others == moved
    law, again = preset.relaxation.law, fresh.relaxation.law
    assert law is not None and again is not None
    assert law.mean_per_decade_uS == pytest.approx(again.mean_per_decade_uS, rel=1e-3)
    assert law.sd_per_decade_uS == pytest.approx(again.sd_per_decade_uS, rel=1e-3)


def test_levels_whose_median_cell_is_elsewhere_are_told() -> None:
    rng = generator(9)
    apart = groups([[100 + 20 * i + rng.normal(0, 1, N)] for i in (0, 2, 1, 3)])
    assert far_levels(apart, 100 + 20.0 * np.arange(4)) == (1, 2)
    assert far_levels(apart, np.array([100.0, 140.0, 120.0, 160.0])) == ()
