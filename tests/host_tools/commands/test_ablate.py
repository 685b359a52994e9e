"""`rram ablate`: its table and figure on a small bundle, and how it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from host_tools.cli import main
from tests.host_tools.ablation import small


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `rram ablate ARGUMENTS`."""
    with pytest.raises(SystemExit) as end:
        main(["ablate", *arguments])
    out, err = capsys.readouterr()
    return int(end.value.code or 0), out, err


@pytest.fixture
def given(tmp_path: Path) -> list[str]:
    """A small bundle and data in a file."""
    data = small.dataset()
    (tmp_path / "data").mkdir()
    np.savez(tmp_path / "data/corners.npz", x_train=data.x_train, y_train=data.y_train, x_test=data.x_test,
             y_test=data.y_test)  # fmt: skip
    return [str(small.bundle(tmp_path)), "--data", "corners", "--data-dir", str(tmp_path / "data")]


def test_masks_and_kinds_in_one_run(capsys: pytest.CaptureFixture[str], given: list[str], tmp_path: Path) -> None:
    picture = tmp_path / "masks.png"
    code, out, err = run(capsys, *given, "--criteria", "random,fisher", "--sizes", "5,20", "--kinds", "--sram", "30",
                         "--vectors", "3,6", "--chips", "2", "--workers", "1", "--value-bits", "8", "--validate",
                         "--images", "10", "--plot", str(picture), "--json", "-")  # fmt: skip
    assert code == 0, err
    result = json.loads(out)
    masks = {row["variant"]: row for row in result["masks"]}
    assert list(masks) == ["untouched", "gains", "random 5 %", "random 20 %", "fisher 5 %", "fisher 20 %"]
    assert masks["random 20 %"]["mask_percent"] == pytest.approx(100 * 94 / 472)
    assert masks["fisher 5 %"]["sram_percent"] == pytest.approx(100 * (24 + 32) / 472)
    assert len(masks["gains"]["values"]) == 2
    assert {row["vectors"] for row in result["kinds"]} == {0, 3, 6}
    assert result["judged_by"] == "6 held-out training images, 2 chips"
    assert picture.stat().st_size > 10_000


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--criteria", "best"], "--criteria: 'best' is not one of fisher-variance,"),
        (["--sizes", "1,x"], "--sizes: 'x' is not a number from 0 to 100"),
        (["--sizes", "101"], "--sizes: '101' is not a number from 0 to 100"),
        (["--vectors", "0"], "--vectors: '0' is not a number from 1 to 100,000"),
        (["--vectors", "5000"], "--vectors: 5000 given, data set"),
        (["--criteria", "none"], "nothing to compare"),
        (["--criteria", "none", "--kinds", "--plot", "x.png"], "--plot: the figure shows criteria"),
        (["--profile", "charan-65nm"], "--profile: the bundle has its own"),
        (["--pair"], "gains and offsets alone take"),
    ],
)
def test_mistakes_are_one_line(
    capsys: pytest.CaptureFixture[str], given: list[str], options: list[str], text: str
) -> None:
    code, out, err = run(capsys, *given, *options, "--chips", "2")
    assert (code, out) == (2, "")
    assert text in err.splitlines()[-1]


def test_a_model_wants_its_profile(capsys: pytest.CaptureFixture[str], given: list[str], tmp_path: Path) -> None:
    code, _, err = run(capsys, str(tmp_path / "net.keras"), *given[1:])
    assert code == 2
    assert "--profile: missing" in err
