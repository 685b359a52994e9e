"""`rram wires`: its table, its figure, and how it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from host_tools.cli import main


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `rram wires ARGUMENTS`."""
    with pytest.raises(SystemExit) as end:
        main(["wires", *arguments])
    out, err = capsys.readouterr()
    return int(end.value.code or 0), out, err


def test_table_json_and_figure(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    picture = tmp_path / "wires.png"
    code, out, err = run(capsys, "--rows", "40", "--cols", "30", "--wire-ohm", "5", "--bit-ohm", "2", "--profile",
                         "ideal", "--plot", str(picture), "--json", "-")
    assert code == 0
    result = json.loads(out)
    assert (result["rows"], result["cols"], result["word_ohm"], result["bit_ohm"]) == (40, 30, 5.0, 2.0)
    errors = {m["method"]: m["columns_percent"] for m in result["methods"]}
    assert errors["no wires"] > errors["attenuation"] > errors["attenuation + sneak paths"] > 0
    assert [row["size"] for row in result["sizes"]] == [16, 32]
    assert 0 < result["sizes"][0]["taken_percent"] < result["sizes"][1]["taken_percent"] < 100
    assert "attenuation + sneak paths" in err
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_same_seed_gives_the_same_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    def numbers(seed: str) -> object:
        result = json.loads(run(capsys, "--rows", "16", "--cols", "16", "--seed", seed, "--json", "-")[1])
        return result["methods"]

    assert numbers("3") == numbers("3") != numbers("4")


def test_perfect_wires_take_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    picture = tmp_path / "wires.png"
    code, out, _ = run(capsys, "--rows", "16", "--cols", "16", "--wire-ohm", "0", "--plot", str(picture), "--json", "-")
    assert code == 0
    assert json.loads(out)["taken_by_wires_percent"] == pytest.approx(0, abs=1e-10)
    assert picture.exists()


@pytest.mark.parametrize(("arguments", "message"), [
    (["--rows", "1"], "--rows: 1 is not 2 to 1024"),
    (["--cols", "100000"], "--cols: 100000 is not 2 to 1024"),
    (["--wire-ohm", "-1"], "wires: word_ohm: -1.0 ohm is not a finite number >= 0"),
    (["--bit-ohm", "inf"], "wires: bit_ohm: inf ohm is not a finite number >= 0"),
    (["--profile", "nobody"], "profile nobody: no such file"),
])  # fmt: skip
def test_wrong_input_is_one_line(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"rram: {message}")
    assert err.count("\n") == 1
