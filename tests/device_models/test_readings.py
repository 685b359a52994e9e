"""Six readings of one number: measured as the field would on drawn cells, each gives that number back."""

from __future__ import annotations

import math

import numpy as np
import pytest

from device_models import presets
from device_models.compile import compile_profile
from device_models.draws import draw_cells
from device_models.errors import ProfileError
from device_models.extract.conventions import Spread, spreads
from device_models.readings import Reading, readings

CELLS = 40_000


def measured(reading: Reading) -> dict[str, Spread]:
    """Every convention of extract, plain, of drawn cells."""
    levels = np.repeat(np.arange(10, dtype=np.uint8), CELLS).reshape(10, -1)
    cells = np.maximum(draw_cells(compile_profile(reading.profile), levels, seed=5, layer=0).uS, 1e-6)
    found = spreads(list(cells), np.random.Generator(np.random.Philox(key=0)), 1)
    return {one.convention: one for one in found if one.kind == "plain"}


def by_name(share: float, ratio: float | None = None) -> dict[str, Reading]:
    """The readings of charan-65nm."""
    return {one.name: one for one in readings(presets.load("charan-65nm"), share, ratio)}


def test_each_reading_is_the_number_in_its_own_convention() -> None:
    found = by_name(0.5)
    assert measured(found["own-mean"])["own_mean"].median == pytest.approx(0.5, rel=0.02)
    assert measured(found["log"])["log"].median == pytest.approx(0.5, rel=0.01)
    assert measured(found["variance"])["own_mean"].variance == pytest.approx(0.5, rel=0.05)
    assert measured(found["step"])["step"].median == pytest.approx(0.5, rel=0.01)
    few = by_name(0.1)  # so that few cells are cut at zero
    assert measured(few["own-mean-normal"])["own_mean"].median == pytest.approx(0.1, rel=0.01)
    assert measured(few["range"])["range"].per_level[-1] == pytest.approx(0.1, rel=0.02)


def test_the_profiles_own_reading_is_among_them() -> None:
    own, preset = by_name(0.5)["own-mean"].profile, presets.load("charan-65nm")
    assert own.levels == preset.levels
    assert own.read_noise == preset.read_noise
    assert own.programming.model_dump(exclude={"evidence"}) == preset.programming.model_dump(exclude={"evidence"})
    assert own.programming.evidence.assumption


@pytest.mark.parametrize(("ratio", "expected"), [(5, 5), (10, 10), (math.inf, 1e4)])
def test_levels_keep_their_number_and_highest_conductance(ratio: float, expected: float) -> None:
    for one in by_name(0.5, ratio).values():
        levels = np.array(one.profile.levels.conductance_uS)
        assert len(levels) == 10
        assert levels[-1] == pytest.approx(50)
        assert levels[-1] / levels[0] == pytest.approx(expected)
        np.testing.assert_allclose(np.diff(levels), np.diff(levels)[0])
    step = by_name(0.5, ratio)["step"].profile.programming
    assert step.sigma == pytest.approx(0.5 * (50 - 50 / expected) / 9)  # type: ignore[union-attr]


def test_what_is_no_share_or_ratio_is_refused() -> None:
    with pytest.raises(ProfileError, match=r"^share: 50 is not > 0 and <= 1$"):
        by_name(50)
    with pytest.raises(ProfileError, match=r"^on_off_ratio: 1 is not > 1$"):
        by_name(0.5, 1)
