"""`rram array`: tables for people, JSON for programs, a figure, and one line for what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from host_tools.cli import main


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(["array", *arguments])
    out, err = capsys.readouterr()
    return int(left.value.code or 0), out, err


SMALL = ("--rows", "40", "--cols", "10", "--chips", "1")


def test_a_table_of_effects_and_its_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "--profile", "charan-65nm", *SMALL, "--json", "-")
    assert code == 0
    result = json.loads(out)
    assert list(result["pairings"]) == ["differential", "offset", "bit-sliced"]
    errors = {row["effect"]: row["relative_rms"] for row in result["pairings"]["differential"]}
    assert errors["all"] > 0.3 and errors["drift"] is None
    assert f"{100 * errors['read_noise']:.3g}" in err
    assert "drift (no relaxation in the profile)" in err


def test_the_seed_is_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    def of(seed: str) -> Any:
        return run(capsys, "--profile", "charan-65nm", *SMALL, "--seed", seed, "--json", "-")[1]

    assert of("1") == of("1") != of("2")


def test_offset_pairing_with_spread_is_warned_of_in_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "m.json"
    path.write_text('{"pairing": "offset"}')
    _, out, err = run(capsys, "--profile", "charan-65nm", "--macro", str(path), *SMALL, "--json", "-")
    tables = {name: {row["effect"]: row["relative_rms"] for row in rows}
              for name, rows in json.loads(out)["pairings"].items()}
    own, pairs = tables["offset"]["programming"], tables["differential"]["programming"]
    assert own > 1.5 * pairs
    warning = next(line for line in err.splitlines() if line.startswith("warning: offset pairing"))
    for text in (f"{100 * own:.3g} %", f"{100 * pairs:.3g} %", f"{own / pairs:.2g} times"):
        assert text in warning
    assert "warning" not in run(capsys, "--profile", "ideal", "--macro", str(path), *SMALL)[2]
    assert "warning" not in run(capsys, "--profile", "charan-65nm", *SMALL)[2]


def test_a_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, _ = run(capsys, "--profile", "charan-65nm", *SMALL, "--plot", str(tmp_path / "f.png"))
    assert code == 0
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")


def test_a_macro_preset_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "--profile", "weinstock-40nm", "--macro", "weinstock-40nm", *SMALL, "--json", "-")
    assert code == 0
    assert json.loads(out)["macro"]["adc_bits"] == 5
    assert "note: offset: profile weinstock-40nm: 2 levels, offset pairing needs 3" in err


@pytest.mark.parametrize(("arguments", "line"), [
    (["--rows", "100000", "--cols", "5000"],
     "array: 100,000 x 5,000 weights need 1,000,000,000 cells, at most 67,108,864 are emulated"),
    (["--rows", "1000000", "--cols", "1"], "--rows: 1000000 is not <= 65536"),
    (["--rows", "0"], "array: 0 x 64 weights given, expected at least 1 x 1"),
    (["--time", "10", *SMALL], "profile charan-65nm: has no relaxation, so nothing is known at 10 s"),
    (["--time", "-1"], "--time: -1 is not >= 0"),
    (["--reads", "-1"], "--reads: -1 is not >= 0"),
    (["--macro", "none"], "--macro: none: no such file, and not a preset (weinstock-40nm)"),
])
def test_mistakes_are_one_line(arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "--profile", "charan-65nm", *arguments)
    assert (code, out) == (2, "")
    assert err == f"rram: {line}\n"
