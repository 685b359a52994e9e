"""`rram study`: a recipe from the cache, a bundle, and what is refused before any work."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="networks are Keras models")

from firmware_py.bundle import Bundle
from firmware_py.correction import count_sram
from host_tools.cli import main
from host_tools.study.chips import measure
from host_tools.training import recipes
from tests.host_tools.conftest import Trained

SMALL = ("--chips", "3", "--images", "60", "--labels", "30", "--workers", "1")
ROWS = ["ideal", "plain", "student", "calibrated", "shifted", "adapted"]
KEYS = {"row", "mean", "std", "min", "mean_low", "mean_high", "sram_percent", "sram_bytes"}


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `rram study ARGUMENTS`."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        main(["study", *arguments])
    out, err = capsys.readouterr()
    return int(end.value.code or 0), out, err


def test_a_recipe_run_reports_every_row(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the cache: nothing is trained. Statistics against numpy, over chips measured one by one."""
    monkeypatch.setitem(recipes.RECIPES, "digits", trained.recipe)
    monkeypatch.setattr("host_tools.training.train.train", lambda *_, **__: pytest.fail("trained again"))
    figures = []

    def noted(*arguments: Any) -> dict[str, float]:
        figures.append(measure(*arguments))
        return figures[-1]

    monkeypatch.setattr("host_tools.study.jobs.measure", noted)
    picture, report = tmp_path / "chips.png", tmp_path / "out.json"
    code, out, err = run(capsys, "--recipe", "digits", "--cache", str(trained.cache), *SMALL, "--plot", str(picture),
                         "--json", str(report))  # fmt: skip
    assert (code, out) == (0, "")
    result = json.loads(report.read_text())
    assert {"recipe", "chips", "rows"} <= set(result)
    assert (result["recipe"], result["chips"]) == ("digits", 3)
    assert [row["row"] for row in result["rows"]] == ROWS
    rows = {row["row"]: row for row in result["rows"]}
    for name, row in rows.items():
        assert set(row) == KEYS | ({"clean_mean", "clean_min"} if name == "adapted" else set())
    plain, chips = figures[:3], figures[3:]
    for name, key, source in (("student", "untouched", chips), ("plain", "untouched", plain),
                              *((key, key, chips) for key in ROWS[3:])):  # fmt: skip
        values = [chip[key] for chip in source]
        assert rows[name]["mean"] == pytest.approx(np.mean(values), abs=1e-4)
        assert rows[name]["std"] == pytest.approx(np.std(values, ddof=1), abs=1e-4)
        assert rows[name]["min"] == pytest.approx(min(values), abs=1e-4)
    assert rows["adapted"]["clean_mean"] == pytest.approx(np.mean([chip["clean"] for chip in chips]), abs=1e-4)
    sram = count_sram(Bundle.open(trained.files.bundle))
    assert rows["calibrated"]["sram_bytes"] == sram.bytes
    assert rows["calibrated"]["sram_percent"] == pytest.approx(sram.percent, abs=1e-4)
    assert sram.percent <= 2.34
    assert rows["student"]["sram_bytes"] == rows["ideal"]["std"] == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "+ calibration" in err


def test_a_bundle_alone_has_no_plain_row(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, str(trained.files.bundle), "--data", "digits", *SMALL, "--json", "-")
    assert code == 0
    result = json.loads(out)
    assert result["recipe"] is None
    assert [row["row"] for row in result["rows"]] == [row for row in ROWS if row != "plain"]


def test_another_seed_is_other_chips(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    reports = []
    for seed in ("0", "0", "1"):
        few = ("--chips", "1", "--images", "50", "--labels", "5", "--seed", seed)
        arguments = (str(trained.files.bundle), "--data", "digits", *few, "--json", "-")
        reports.append(json.loads(run(capsys, *arguments)[1])["rows"])
    assert reports[0] == reports[1]
    assert reports[0] != reports[2]
    assert reports[0][0] == reports[2][0]  # the ideal network has no chips


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "give either a BUNDLE (or MODEL.keras) or --recipe NAME"),
        (["b.safetensors", "--recipe", "digits"], "give either a BUNDLE (or MODEL.keras) or --recipe NAME"),
        (["b.safetensors"], "--data NAME is missing"),
        (["--recipe", "imagenet"], "--recipe: 'imagenet' is unknown, expected one of"),
        (["--recipe", "digits", "--shift", "blur:3"], "--shift: 'blur:3' given, expected affine:SCALE,OFFSET"),
        (["--recipe", "digits", "--plot", "a.doc"], "--plot: a.doc does not end in .png"),
        (["--recipe", "digits", "--plot", "no/a.png"], "--plot: no/a.png: the folder"),
        (["--recipe", "digits", "--json", "no/a.json"], "--json: no/a.json: the folder"),
        (["no.safetensors", "--data", "digits"], "no.safetensors"),
    ],
)
def test_what_cannot_be_is_said_before_any_work(
    arguments: list[str], text: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("host_tools.study.request.prepare", lambda *_: pytest.fail("work was done"))
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("rram: ")
    assert text in err
    assert err.count("\n") == 1


def test_a_bundle_for_other_images_is_refused(
    trained: Trained, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (20, 5, 5)).astype(np.uint8), np.arange(20) % 10
    np.savez(tmp_path / "own.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    code, _, err = run(capsys, str(trained.files.bundle), "--data", "own", "--data-dir", str(tmp_path), *SMALL)
    assert code == 2
    assert err.count("\n") == 1
    assert "made for images [8, 8, 1] and 10 classes, data set own has [5, 5, 1] and 10" in err
