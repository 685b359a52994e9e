"""`rram integer`: from training to orders of rows, on a few images."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the host extra")
pytest.importorskip("matplotlib", reason="needs the host extra")

from host_tools.cli import main
from host_tools.record import save_model
from tests.host_tools.networks import conv_net, data


@pytest.fixture(scope="module")
def corners(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corners")
    d = data(300)
    np.savez(folder / "corners.npz", x_train=d.x_train, y_train=d.y_train, x_test=d.x_test, y_test=d.y_test)
    return folder


@pytest.fixture(scope="module")
def trained(corners: Path) -> Path:
    out, teacher = corners / "integer.keras", corners / "teacher.keras"
    save_model(conv_net(), teacher, {})
    run("train", "--data", "corners", "--data-dir", corners, "--teacher", teacher, "--epochs", "1", "-o", out)
    return out


def run(*words: object) -> None:
    with pytest.raises(SystemExit) as end:
        main(["integer", *map(str, words)])
    assert end.value.code == 0


def test_rows_are_counted_and_tied(corners: Path, trained: Path) -> None:
    told, plot = corners / "rename.json", corners / "rename.png"
    run("rename", trained, "--data", "corners", "--data-dir", corners, "--rows", 4, "--epochs", 1, "--json", told,
        "--plot", plot, "-o", corners / "tied.keras")  # fmt: skip
    free, tied = json.loads(told.read_text())["results"]
    last = {row["layer"]: row for row in tied["layers"]}["fc2"]
    assert last["physical_rows"] <= 4 and last["cells_left"] == 2 * last["physical_rows"] * 4
    assert free["folded_differs"] == tied["folded_differs"] == 0
    assert free["tied_to"] is None and plot.stat().st_size > 0 and (corners / "tied.keras").exists()


def test_rows_are_ordered(corners: Path, trained: Path) -> None:
    told, plot = corners / "reorder.json", corners / "reorder.png"
    run("reorder", trained, "--data", "corners", "--data-dir", corners, "--chips", 3, "--images", 40, "--current",
        "0.1", "--current", "0.3", "--json", told, "--plot", plot)  # fmt: skip
    result = json.loads(told.read_text())
    assert sorted(result["order"]) == list(range(9))
    few, many = result["results"]
    assert many["trained"]["rms"] > few["trained"]["rms"] > 0
    low, high = many["cut_percent"][1:]
    assert low <= many["cut_percent"][0] <= high and plot.stat().st_size > 0


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("rename", "NET", "-o", "x.keras"), "-o and --plot: need --rows"),
        (("rename", "NET", "--rows", "4", "--layer", "fc9"), "layer 'fc9': not one of conv1, conv2, fc1, fc2"),
        (("rename", "NET", "--rows", "999"), "layer fc2: 999 physical rows given, expected 1 to 9"),
    ],
)
def test_mistakes_are_one_line(
    corners: Path, trained: Path, words: tuple[str, ...], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [str(trained) if word == "NET" else word for word in words]
    with pytest.raises(SystemExit) as end:
        main(["integer", *given, "--data", "corners", "--data-dir", str(corners)])
    assert end.value.code == 2
    assert text in capsys.readouterr().err.splitlines()[-1]
