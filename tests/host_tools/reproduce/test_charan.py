"""The rows of the DAC 2020 paper on a small problem: each is there, measured on the chips it says, and judged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the host extra")

from scipy import stats

from firmware_py.bundle import Bundle
from firmware_py.chip import Chip
from host_tools.cli import main
from host_tools.mapping.mask import MaskChoice
from host_tools.reproduce.charan import Goals, ladder, sampling, shifts
from host_tools.reproduce.claim import Claim, Setting
from host_tools.reproduce.lab import NO_MASK, Goal, Lab
from host_tools.reproduce.report import markdown_page
from host_tools.study.statistics import Asked, mean_interval
from host_tools.training.recipes import Recipe, StudentPlan, StudentRecipe, TeacherRecipe
from tests.host_tools.networks import data

SHORT = StudentRecipe(epochs=2, batch=32, group=16, augment=None, ema=None)
ROOM = MaskChoice(sram_percent=2.34)
AREA = MaskChoice(area_percent=7.86, value_bits=8)
RECIPE = Recipe(
    "corners", "corners", "charan-65nm", TeacherRecipe("tiny", epochs=3, batch=32, augment=None), SHORT,
    {"aware": StudentPlan(SHORT, mask_from="student", mask=ROOM),
     "area": StudentPlan(SHORT, mask_from="student", mask=AREA)},
)  # fmt: skip


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    folder = tmp_path_factory.mktemp("lab")
    setting = Setting(True, 0, folder, folder / "cache" / "recipes", workers=1, tell=lambda line: None)
    return Lab(RECIPE, data(160), setting, chips=3, images=60)


def test_the_ladder_has_a_row_for_every_network_and_judges_it(lab: Lab) -> None:
    rows = ladder(lab, Goals(ideal=Goal(101.0), student=Goal(0.0, 0.0), area_gap=100.0, plain=31.76))
    assert [row.met for row in rows] == [False, None, True, None, None, True]
    assert rows[1].paper_value == 31.76 and "3 chips, 60 test images" in rows[1].setting
    assert all(row.std is not None and row.least is not None and row.least <= row.value for row in rows[1:])
    assert rows[-1].goal == pytest.approx(rows[0].value - 100)


def test_a_row_is_what_the_chips_say(lab: Lab) -> None:
    path = lab.bundle("teacher", NO_MASK)
    found = lab.measure(path, ["untouched"])["untouched"]
    by_hand = [100 * np.mean(Chip(Bundle.open(path), seed=seed).predict_many(lab.arrays.x_test) == lab.arrays.y_test)
               for seed in range(3)]  # fmt: skip
    np.testing.assert_allclose(found, by_hand)


def test_sampling_is_paired_and_a_changed_input_has_before_and_after(lab: Lab) -> None:
    (row,) = sampling(lab)
    assert row.unit == "points" and "95 % interval" in row.setting and isinstance(row.met, bool)
    (veil,) = shifts(lab, ["veil"], {"veil": 0.0})
    assert veil.met and "before" in veil.setting and "unchanged test set" in veil.setting
    assert veil.claim == "input changed (veil), 160 labels one at a time"  # all there are
    assert "4 of the last 64 labelled images learned again" in veil.setting


def test_the_interval_is_the_bootstraps() -> None:
    d = np.random.default_rng(3).normal(0.2, 0.1, 50)
    ours = mean_interval(d, Asked(mean="bootstrap", seed=1))
    scipys = stats.bootstrap((d,), np.mean, method="percentile", n_resamples=10_000, random_state=2).confidence_interval
    np.testing.assert_allclose(ours, [scipys.low, scipys.high], atol=0.003)


def test_the_page_has_every_claim_and_its_setting() -> None:
    claims = [Claim("A, 2020", "one", 31.76, 40.0, 2.5, "20 chips", True, 20, goal=35.0, least=33.0),
              Claim("A, 2020", "two", None, 1.25, None, "20 chips", None, 1, "points"),
              Claim("B, 2023", "three", 5.6, 4.0, 0.5, "50 chips", False, 50)]  # fmt: skip
    page = markdown_page(claims, quick=True)
    assert "| 1 | one | 31.76 | 40.00 % | 2.50 | 33.00 | 35.00 | met |" in page
    assert "| 2 | two |  | 1.25 points |  |  |  |  |" in page and "| not met |" in page
    assert "- 1, 2: 20 chips" in page and page.count("## ") == 2 and "reproduce all --quick" in page
    named = markdown_page(claims, False, ("charan", "lv"), "mnist")
    assert "`rram reproduce charan lv --data mnist --markdown" in named


def test_mistakes_are_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for arguments, told in (
        (["reproduce", "charlie"], "'charlie' is unknown, expected one of charan, weinstock, lv, glukhov, all"),
        (["reproduce", "lv", "charan", "--data", "cifar10"], "--data cifar10: only rows of charan are on it"),
        (["reproduce", "charan", "--quick", "--data", "mnist"], "--data mnist: --quick measures the data set digits"),
        (["reproduce", "charan", "--markdown", str(tmp_path / "no" / "page.md")], "no"),
    ):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        error = capsys.readouterr().err
        assert stop.value.code == 2 and told in error and "Traceback" not in error


def test_papers_measured_before_are_not_measured_again(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    claims = [Claim(paper, "c", 1.0, 2.0, 0.5, "20 chips", True, 20, least=1.5) for paper in
              ("Charan, DAC 2020", "Lv, TCAD 2024")]  # fmt: skip
    kept, page, out = tmp_path / "kept.json", tmp_path / "page.md", tmp_path / "out.json"
    kept.write_text(json.dumps({"quick": True, "seed": 0, "claims": [claim.as_json() for claim in claims]}))
    common = ["reproduce", "charan", "lv", "--from", str(kept)]
    with pytest.raises(SystemExit) as done:
        main([*common, "--quick", "--markdown", str(page), "--json", str(out)])
    assert done.value.code == 0
    assert json.loads(out.read_text()) == json.loads(kept.read_text())
    assert page.read_text() == markdown_page(claims, True, ("charan", "lv"))
    bad = tmp_path / "bad.json"
    bad.write_text('{"claims": 3}')
    for more, told in ((["--seed", "1", "--quick"], "measured --quick, seed 0, expected --quick, seed 1"),
                       ([], "expected whole, seed 0"), (["--from", str(bad), "--quick"], "bad.json: "),
                       (["--from", str(tmp_path / "none.json"), "--quick"], "No such file")):  # fmt: skip
        with pytest.raises(SystemExit) as stop:
            main([*common, *more])
        error = capsys.readouterr().err
        assert stop.value.code == 2 and told in error and "Traceback" not in error


def test_a_claim_goes_to_json_with_the_keys_that_are_promised() -> None:
    told = json.loads(json.dumps(Claim("P", "c", 1.0, 2.0, 0.5, "s", True, 3).as_json()))
    assert {"paper", "claim", "paper_value", "value", "std", "setting", "met"} <= set(told)
