"""Pulse responses: read, refused, and fitted; the fit meets what the model made, and the measured ones."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from device_models.errors import ProfileError
from device_models.filament import FilamentParameters, response

CELL = FilamentParameters()
DATA = Path(__file__).parents[4] / "shared/data/rram/pulse-response"
measured = pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data/rram/pulse-response")


def test_the_fit_meets_what_the_model_made():
    made = replace(CELL, lateral_W_per_K=2e-6, series_ohm=120.0)
    ones = [response.Response(name, up, response.model_curve(made, start, volts, up, np.arange(150))[:, None], False)
            for name, up, start, volts in (("up", True, 1600.0, 1.1), ("down", False, 2400.0, 1.1))]
    for fit in response.fit_responses(ones, CELL, together=True):
        assert fit.rms_percent < 0.5 and fit.worst_percent < 1.5  # the curves; amplitude, heat and ohms trade off


@measured
def test_crosssims_responses():
    ones = [one for name in ("set", "reset") for one in response.read_responses(DATA / f"crosssim_{name}.csv")]
    assert [one.up for one in ones] == [True, False]
    assert [one.g_uS.shape for one in ones] == [(192, 39), (153, 40)]
    assert 1600 < ones[0].median_uS[0] < 1660 and 2440 < ones[1].median_uS[0] < 2490  # 164 and 247 uA at 0.1 V
    for fit in response.fit_responses(ones, CELL):
        assert fit.rms_percent < 2 and fit.worst_percent < 4
        runs, modelled = response.run_to_run(fit, seed=1)
        half = len(runs) // 2
        assert 0.3 < modelled[half] / runs[half] < 4  # the preset's variation, not fitted: the right order
    for fit in response.fit_responses(ones, CELL, together=True):
        assert fit.rms_percent < 5 and fit.worst_percent < 10


@measured
def test_gongs_scaled_responses():
    ones = response.read_responses(DATA / "gong_et_al.csv")
    assert [one.up for one in ones] == [True, False] and all(one.assumed_scale for one in ones)
    for fit in response.fit_responses(ones, CELL):
        assert fit.rms_percent < 8 and 3 < fit.noise_percent < 6
        # what is left has no trend: residuals of the four quarters
        assert np.abs([part.mean() for part in np.array_split(fit.residual_percent, 4)]).max() < 4


@pytest.mark.parametrize(("text", "says"), [
    (None, "No such file or directory"),
    ("", "empty, expected one row per pulse"),
    ("1,2\n" * 5, "5 pulses is not >= 10"),
    ("1,2\n" * 5 + "1\n" + "1,2\n" * 9, "line 6: 1 columns is not 2"),
    ("1,2\n" * 5 + "1,x\n" + "1,2\n" * 9, "line 6: could not convert string to float: 'x', expected numbers"),
    ("a,b\n" + "1e-4,1e-4\n" * 9 + "1e-4,-1e-4\n", "a current of -0.0001 A is not > 0"),
    ("a;b\n" + "1e-4;2e-4\n" * 20, "line 2: could not convert string to float: '1e-4;2e-4'"),
])
def test_a_wrong_file_is_one_line(tmp_path, text, says):
    path = tmp_path / "x.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ProfileError) as caught:
        response.read_responses(path)
    assert says in str(caught.value) and "x.csv" in str(caught.value) and "\n" not in str(caught.value)
