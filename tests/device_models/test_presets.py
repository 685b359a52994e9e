"""The presets are what their pages say, and the figures they quote are those of the measured data."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import numpy as np
import pytest

from device_models import presets
from device_models.compile import compile_profile
from device_models.draws import draw_cells
from device_models.errors import ProfileError
from device_models.profile import DeviceProfile
from device_models.spread import LogNormalSpread


def test_names() -> None:
    expected = {"charan-65nm", "ideal", "milo-hfo2", "neurram-130nm", "neurram-130nm-aihwkit", "weinstock-40nm"}
    assert expected <= set(presets.names())
    with pytest.raises(ProfileError, match=rf"^profile nope: not a preset \({', '.join(presets.names())}\)$"):
        presets.load("nope")


@pytest.mark.parametrize("name", presets.names())
def test_a_preset_has_the_name_of_its_file_and_the_form_of_to_json(name: str) -> None:
    profile = presets.load(name)
    assert profile.name == name
    assert (Path(presets.__file__).with_name(f"{name}.json")).read_text(encoding="utf-8") == profile.to_json()


def test_charan_65nm_is_facts_mds_reading() -> None:
    profile = presets.load("charan-65nm")
    levels = np.array(profile.levels.conductance_uS)
    assert len(levels) == 10
    np.testing.assert_allclose(np.diff(levels), np.diff(levels)[0], rtol=1e-9)
    assert levels[-1] / levels[0] == 5
    spread = profile.programming
    assert isinstance(spread, LogNormalSpread)
    assert (spread.reference, spread.sigma, spread.target_is) == ("own_conductance", 0.5, "mean")
    assert profile.read_noise.relative is not None
    assert profile.read_noise.relative.value == 0.02
    assert all(e.assumption for e in (profile.levels.evidence, spread.evidence, profile.read_noise.relative.evidence))
    compiled = compile_profile(profile)
    assert not compiled.faults.any()
    cells = draw_cells(compiled, np.repeat(np.arange(10, dtype=np.uint8), 50_000).reshape(10, -1), seed=0, layer=0).uS
    np.testing.assert_allclose(cells.mean(1), levels, rtol=0.01)
    np.testing.assert_allclose(cells.std(1) / levels, 0.5, rtol=0.02)


def test_ideal_cells_are_their_levels_to_half_a_step() -> None:
    profile = presets.load("ideal")
    assert profile.levels.conductance_uS == presets.load("charan-65nm").levels.conductance_uS
    compiled = compile_profile(profile)
    cells = draw_cells(compiled, np.tile(np.arange(10, dtype=np.uint8), (2, 7, 1)), seed=3, layer=1)
    np.testing.assert_array_equal(cells.steps, np.broadcast_to(compiled.target, cells.steps.shape))
    np.testing.assert_allclose(cells.uS[0, 0], profile.levels.conductance_uS, atol=compiled.g_step_us / 2)
    for none in (compiled.var, compiled.read_a, compiled.read_b, compiled.faults):
        assert not none.any()


def test_the_quoted_read_noise_is_that_of_the_measured_series(shared_data: Path) -> None:
    note = read_noise_note(presets.load("charan-65nm"))
    with gzip.open(shared_data / "rram/relaxation/techA/tsdata.min.tsv.gz", "rt") as lines:
        rows = [np.array(line.split("\t"), dtype=float) for line in lines]
    series = [row[2:] for row in rows]
    assert [int(row[0]) for row in rows] == [0, 8, 16, 24, 31]
    whole = [100 * g.std() / g.mean() for g in series]
    seconds = [100 * g.reshape(-1, 400).var(axis=1).mean() ** 0.5 / g.mean() for g in series]
    lags = [float(np.corrcoef(g[1:], g[:-1])[0, 1]) for g in series]
    for values in (whole, seconds):
        text = [f"{value:.1f}" for value in values]
        assert f"{', '.join(text[:4])} and {text[4]} %" in note
    assert f"median {np.median(whole):.1f} %" in note
    assert re.search(rf"correlation {min(lags):.2f} to {max(lags):.3f}\b", note)


def read_noise_note(profile: DeviceProfile) -> str:
    assert profile.read_noise.relative is not None
    return profile.read_noise.relative.evidence.note
