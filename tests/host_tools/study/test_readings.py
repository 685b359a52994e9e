"""Readings on chips: the profile's own reading gives the figures of the ideal network's own bundle."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from device_models.profile import DeviceProfile
from host_tools.cli import main
from host_tools.plots.readings import figure
from host_tools.record import load_model
from host_tools.study.chips import ChipPlan
from host_tools.study.readings import compare_readings
from host_tools.study.run import StudyOptions, plain_row
from tests.host_tools.conftest import Trained


def test_the_own_reading_is_the_plain_row_and_a_smaller_spread_is_better(trained: Trained, tmp_path: Path) -> None:
    profile, options = DeviceProfile.load("charan-65nm"), StudyOptions(chips=3, workers=1, images=100)
    model = load_model(trained.files.teacher)
    found = {one.reading: one for one in compare_readings(
        model, trained.data, profile, 0.5, [5.0], options, "auto", tmp_path)}
    assert list(found) == ["own-mean", "own-mean-normal", "log", "variance", "range", "step"]
    plain = plain_row(ChipPlan(trained.files.plain), trained.data, options)
    assert found["own-mean"].values == plain.values
    mean = {name: one.as_json()["mean"] for name, one in found.items()}
    assert mean["step"] > mean["own-mean"] > mean["range"]
    assert "readings" in figure(list(found.values()), "title").get_suptitle()


def test_a_ratio_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for text in ("five", "5,1", ""):
        with pytest.raises(SystemExit) as end:
            main(["profile", "readings", "--ratio", text])
        assert end.value.code == 2
        assert capsys.readouterr().err == f"rram: --ratio: {text!r} is not a list of numbers above 1 such as 5,10,inf\n"


def test_the_command_prints_every_reading(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["profile", "readings", "ideal", "--recipe", "digits", "--network", str(trained.files.teacher), "--chips",
              "1", "--images", "20", "--ratio", "inf", "--workers", "1", "--json", "-"])
    out, err = capsys.readouterr()
    assert end.value.code == 0, err
    result = json.loads(out)
    assert [one["on_off_ratio"] for one in result["readings"]] == [None] * 6
    assert result["levels"] == 10
    assert math.isfinite(result["readings"][0]["mean"])
