"""What a reproduction has finished is not measured again, and nothing of other code, networks or data passes for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the host extra")

from firmware_py.bundle import Bundle
from firmware_py.chip import Chip
from host_tools.cli import main
from host_tools.errors import HostError
from host_tools.reproduce import kept, lv, weinstock
from host_tools.reproduce.claim import Claim, Setting
from host_tools.reproduce.lab import Lab
from host_tools.study import jobs
from host_tools.training import recipes
from tests.host_tools.study.conftest import Small, small

__all__ = ["small"]
CLAIM = Claim("A, 2020", "one", 31.76, 40.125, 2.5, "20 chips", True, 20, goal=35.0, least=33.0)
STEPS = ("untouched", "calibrated")


@pytest.fixture
def lab(small: Small, tmp_path: Path) -> Lab:
    setting = Setting(True, 0, tmp_path / "figures", tmp_path / "cache", workers=1, tell=lambda line: None)
    return Lab(recipes.get("digits"), small.data, setting, chips=4, images=50)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The seeds of the chips that are measured, in order."""
    seeds: list[int] = []
    real = jobs.measure

    def counted(*given: object) -> dict[str, float]:
        seeds.append(given[-1])  # type: ignore[arg-type]
        return real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(jobs, "measure", counted)
    return seeds


def again(lab: Lab, fresh: bool = False) -> Lab:
    """As another call of the command has it."""
    return replace(lab, setting=replace(lab.setting, fresh=fresh))


def test_an_interrupted_measurement_goes_on_with_the_chips_that_are_left(
    lab: Lab, small: Small, measured: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = jobs.measure

    def stopped(*given: object) -> dict[str, float]:
        if len(measured) == 3:
            raise KeyboardInterrupt
        return counted(*given)  # type: ignore[arg-type]

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(jobs, "measure", stopped)
        lab.measure(small.bundle, STEPS)
    assert "3 chips are kept in" in lab.setting.kept.words()
    found = again(lab).measure(small.bundle, STEPS)
    assert measured == [0, 1, 2, 3]
    by_hand = [100 * np.mean(Chip(Bundle.open(small.bundle), seed=seed).predict_many(lab.arrays.x_test)
                             == lab.arrays.y_test) for seed in range(4)]  # fmt: skip
    np.testing.assert_allclose(found["untouched"], by_hand)
    np.testing.assert_array_equal(again(lab).measure(small.bundle, STEPS)["calibrated"], found["calibrated"])
    assert measured == [0, 1, 2, 3]


def test_other_code_bundle_images_steps_or_start_is_measured(
    lab: Lab, small: Small, measured: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.measure(small.bundle, STEPS)
    cases: list[Callable[[], object]] = [
        lambda: again(lab).measure(small.aging, STEPS),
        lambda: replace(lab, images=40).measure(small.bundle, STEPS),
        lambda: lab.measure(small.bundle, ["untouched"]),
        lambda: lab.measure(small.bundle, STEPS, start=("calibrated",)),
        lambda: again(lab, fresh=True).measure(small.bundle, STEPS),
    ]
    for case in cases:
        measured.clear()
        case()
        assert measured == [0, 1, 2, 3]
    monkeypatch.setattr(kept, "all_code", lambda drawn=False: "another version")
    measured.clear()
    again(lab).measure(small.bundle, STEPS)
    assert measured == [0, 1, 2, 3]


def test_more_chips_are_the_chips_that_are_missing(lab: Lab, small: Small, measured: list[int]) -> None:
    lab.measure(small.bundle, STEPS)
    measured.clear()
    replace(lab, chips=6).measure(small.bundle, STEPS)
    assert measured == [4, 5]


def test_a_damaged_file_is_refused_by_its_name(lab: Lab, small: Small) -> None:
    lab.measure(small.bundle, STEPS)
    (path,) = (lab.setting.cache / "reproduce").glob("chips-*.csv")
    path.write_text(path.read_text() + "nonsense\n")
    with pytest.raises(HostError, match=r"^reproduce: .*chips-\w+\.csv: line 6 is damaged"):
        again(lab).measure(small.bundle, STEPS)


def test_a_paper_is_kept_with_its_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[str] = []

    def measure(figures: Path) -> list[Claim]:
        runs.append("once")
        (figures / "picture.png").write_bytes(b"png")
        return [CLAIM]

    def paper(**given: object) -> list[Claim]:
        made_of, quick, fresh = given.get("made_of", "teacher"), bool(given.get("quick")), bool(given.get("fresh"))
        setting = Setting(quick, 0, tmp_path / str(len(runs)) / "figures", tmp_path / "cache", fresh=fresh)
        found = setting.paper("lv", [made_of], measure)
        assert (setting.figures / "picture.png").read_bytes() == b"png"
        return found

    assert paper() == paper() == [CLAIM] and len(runs) == 1
    for changed in ({"made_of": "another teacher"}, {"quick": True}, {"fresh": True}):
        runs.clear()
        assert paper(**changed) == [CLAIM] and len(runs) == 1
    monkeypatch.setattr(kept, "all_code", lambda drawn=False: "another version")
    assert paper() == [CLAIM] and len(runs) == 2


def test_half_a_paper_is_not_kept(tmp_path: Path) -> None:
    def interrupted(figures: Path) -> list[Claim]:
        (figures / "picture.png").write_bytes(b"png")
        raise KeyboardInterrupt

    setting = Setting(True, 0, tmp_path / "figures", tmp_path / "cache")
    with pytest.raises(KeyboardInterrupt):
        setting.paper("lv", [], interrupted)
    assert not list((tmp_path / "cache" / "reproduce").iterdir())
    assert setting.kept.words().startswith("0 chips are kept")
    assert replace(setting, fresh=True).kept.words().endswith("the same command without --fresh goes on there")


def test_ctrl_c_is_one_line_and_the_same_command_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs: list[str] = []

    def claims(name: str, stop: bool) -> Callable[[Setting], list[Claim]]:
        def measure(figures: Path) -> list[Claim]:
            runs.append(name)
            if stop:
                raise KeyboardInterrupt
            return [replace(CLAIM, claim=name)]

        return lambda setting: setting.paper(name, [], measure)

    monkeypatch.setattr(lv, "claims", claims("lv", False))
    monkeypatch.setattr(weinstock, "claims", claims("weinstock", True))
    command = ["reproduce", "lv", "weinstock", "--quick", "--cache", str(tmp_path), "--json", str(tmp_path / "o.json")]
    with pytest.raises(SystemExit) as stop:
        main(command)
    error = capsys.readouterr().err
    assert stop.value.code == 130 and error.count("\n") == 1
    assert error.startswith(f"interrupted; 0 chips and lv are kept in {tmp_path / 'reproduce'}: the same command")
    monkeypatch.setattr(weinstock, "claims", claims("weinstock", False))
    for more, measured in (([], ["weinstock"]), ([], []), (["--fresh"], ["lv", "weinstock"])):
        runs.clear()
        with pytest.raises(SystemExit) as done:
            main([*command, *more])
        assert done.value.code == 0 and runs == measured
        told = json.loads((tmp_path / "o.json").read_text())["claims"]
        assert [claim["claim"] for claim in told] == ["lv", "weinstock"]
