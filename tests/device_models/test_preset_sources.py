"""Presets from the literature: their numbers are those of the published fits, and they hold where those hold."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.polynomial import Polynomial

from device_models import presets
from device_models.compile import compile_profile, programming_distribution
from device_models.derive import aged, with_levels
from device_models.draws import draw_cells
from device_models.errors import ProfileError
from device_models.macro import MacroConfig
from device_models.profile import DeviceProfile

# As published; sigma in uS of G in uS. Milo: CrossSim, RRAM_Milo.py. Wan: CrossSim, RRAM_Wan.py; aihwkit, reram.py.
MILO = Polynomial([4.782321, -0.009107])
CROSSSIM = Polynomial([1.053, 2.374e-1, -1.167e-2, 1.536e-4])
AIHWKIT = {
    1: Polynomial([0.348, 16.030, -43.853, 45.393, -16.815], domain=[-40, 40]),
    86_400: Polynomial([0.701, 22.086, -50.773, 47.095, -16.458], domain=[-40, 40]),
    172_800: Polynomial([0.782, 20.274, -43.507, 37.062, -11.934], domain=[-40, 40]),
}


def sigmas(profile: DeviceProfile) -> list[float]:
    """Standard deviation of each level's programming distribution in uS."""
    return [programming_distribution(profile, level).var**0.5 for level in range(profile.n_levels)]


@pytest.mark.parametrize(
    ("name", "fit"), [("milo-hfo2", MILO), ("neurram-130nm", CROSSSIM), ("neurram-130nm-aihwkit", AIHWKIT[1])]
)
def test_the_spread_of_each_level_is_the_published_fit(name: str, fit: Callable[..., np.ndarray]) -> None:
    profile = presets.load(name)
    levels = np.array(profile.levels.conductance_uS)
    expected = np.maximum(fit(levels), 0)
    np.testing.assert_allclose(sigmas(profile), expected, atol=1e-8)
    compiled = compile_profile(profile)
    cells = draw_cells(compiled, np.repeat(np.arange(len(levels), dtype=np.uint8), 20_000).reshape(len(levels), -1),
                       seed=4, layer=0).uS
    far = levels > 4 * expected  # nearer to zero cells are cut off there
    np.testing.assert_allclose(cells.std(1)[far], expected[far], rtol=0.03)
    np.testing.assert_allclose(cells.mean(1)[far], levels[far], atol=0.1)


def test_the_two_readings_of_neurram_differ_as_stated() -> None:
    crosssim, aihwkit = presets.load("neurram-130nm"), presets.load("neurram-130nm-aihwkit")
    assert crosssim.levels.conductance_uS == aihwkit.levels.conductance_uS
    at_20 = crosssim.levels.conductance_uS.index(20.0)
    assert [round(sigmas(p)[at_20], 2) for p in (crosssim, aihwkit)] == [2.36, 2.02]


@pytest.mark.parametrize("time_s", [1, 86_400, 172_800])
def test_neurram_ages_as_aihwkit_fitted(time_s: int) -> None:
    profile = presets.load("neurram-130nm-aihwkit")
    old = aged(profile, time_s)
    np.testing.assert_allclose(sigmas(old), AIHWKIT[time_s](np.array(profile.levels.conductance_uS)), atol=1e-8)
    with pytest.raises(ProfileError, match="is not within 1 to 172800 s"):
        aged(profile, 1e6)
    with pytest.raises(ProfileError, match="has no relaxation"):
        aged(presets.load("neurram-130nm"), 86_400)


@pytest.mark.parametrize(("name", "inside", "outside"), [
    ("milo-hfo2", [50, 225], [40, 225]), ("neurram-130nm", [1, 39.26], [1, 39.3]),
    ("neurram-130nm-aihwkit", [1, 40], [1, 40.1]),
])  # fmt: skip
def test_other_levels_are_refused_outside_of_the_fit(name: str, inside: list[float], outside: list[float]) -> None:
    profile = presets.load(name)
    assert with_levels(profile, inside).levels.conductance_uS == tuple(inside)
    with pytest.raises(ProfileError, match="uS is not within .* where it holds"):
        with_levels(profile, outside)
    assert with_levels(profile, outside, outside=True).n_levels == 2


def test_weinstock_40nm_invents_no_spread() -> None:
    profile = presets.load("weinstock-40nm")
    assert profile.n_levels == 2
    assert profile.g_max_uS / profile.g_min_uS == pytest.approx(150)
    assert 1e6 / profile.g_max_uS == pytest.approx(6000)
    assert sigmas(profile) == [0, 0]
    assert profile.programming.evidence.assumption
    assert profile.levels.evidence.assumption


def test_a_macro_preset_says_where_each_number_comes_from() -> None:
    assert presets.macro_names() == ["weinstock-40nm"]
    preset = presets.load_macro("weinstock-40nm")
    assert MacroConfig.load("weinstock-40nm") == preset.macro
    assert (preset.macro.dac_bits, preset.macro.adc_bits) == (2, 5)
    named = {key for keys in preset.evidence for key in keys.split(", ")}
    assert named == {"dac_bits", "adc_bits", "pairing", "rows", "cols", "rows_active"}
    assert not preset.evidence["dac_bits"].assumption
    assert preset.macro.not_on_a_board() is None
    with pytest.raises(ProfileError, match=r"^macro nope: not a preset \(weinstock-40nm\)$"):
        presets.load_macro("nope")
