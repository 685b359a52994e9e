"""The preset gong-reram is what its command makes of the data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from device_models import presets
from device_models.compile import programming_distribution
from device_models.errors import ProfileError
from device_models.write.gong import make


def test_the_preset_is_made_from_the_data(shared_data: Path) -> None:
    """As near as another processor's rounding leaves it: the search stops elsewhere, chance does the rest."""
    preset, made = presets.load("gong-reram"), make(shared_data / "rram/pulse-response/gong_et_al.csv")
    assert made.pulse_response is not None
    assert preset.pulse_response is not None
    for direction in ("up", "down"):
        one, other = (getattr(profile.pulse_response, direction).model_dump() for profile in (preset, made))
        assert one.keys() == other.keys()
        for key, value in one.items():
            np.testing.assert_allclose(value, other[key], rtol=0.01, atol=1e-5)
    for level in range(preset.n_levels):
        ours, anew = (programming_distribution(profile, level) for profile in (preset, made))
        assert anew.mean == pytest.approx(ours.mean, abs=0.4)
        assert anew.var**0.5 == pytest.approx(ours.var**0.5, rel=0.15)
    for key in ("levels", "source", "licence", "conditions", "faults", "relaxation", "read_noise"):
        assert getattr(preset, key) == getattr(made, key)


def test_what_is_ours_is_marked() -> None:
    preset = presets.load("gong-reram")
    assert preset.pulse_response is not None
    assert not preset.pulse_response.evidence.assumption
    for part in (preset.pulse_response.scale, preset.levels, preset.programming, preset.programming_cost):
        assert part is not None
        assert part.evidence.assumption


def test_a_table_of_three_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "three.csv"
    path.write_text("1,2,3\n" * 40)
    with pytest.raises(ProfileError, match="3 columns, expected 2"):
        make(path)
