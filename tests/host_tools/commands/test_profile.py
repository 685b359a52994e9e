"""`rram profile`: what it prints, and how it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from device_models import presets
from host_tools.cli import main


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `rram profile ARGUMENTS`."""
    with pytest.raises(SystemExit) as end:
        main(["profile", *arguments])
    out, err = capsys.readouterr()
    return int(end.value.code or 0), out, err


def test_list_names_every_preset(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "list", "--json", "-")
    assert code == 0
    assert [p["name"] for p in json.loads(out)["profiles"]] == presets.names()
    assert all(name in err for name in presets.names())
    shares = {p["name"]: (p["spread_percent"], p["read_noise_percent"]) for p in json.loads(out)["profiles"]}
    assert shares["charan-65nm"] == (pytest.approx([50, 50, 50]), pytest.approx([2, 2, 2]))
    assert shares["milo-hfo2"][1] == [] and "not given" in err  # its source gives no read noise


def test_show_gives_numbers_units_sources_and_assumptions(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "show", "charan-65nm", "--json", "-")
    assert code == 0
    result = json.loads(out)
    assert result["profile"] == json.loads(presets.load("charan-65nm").to_json())
    assert len(result["levels"]) == 10
    for row in result["levels"]:
        assert row["mean"] == pytest.approx(row["target"])
        assert row["sd"] == pytest.approx(row["target"] / 2)
        assert row["read noise"] == pytest.approx(0.02 * row["target"])
        assert row["drawn mean"] == pytest.approx(row["target"], rel=0.03)
        assert row["drawn sd"] == pytest.approx(row["sd"], rel=0.06)
    assert err.count("ASSUMPTION") == 3
    assert "read_noise.relative" in err
    assert "in uS" in err


def test_show_draws_by_the_seed(capsys: pytest.CaptureFixture[str]) -> None:
    first, again, other = (run(capsys, "show", "charan-65nm", "--json", "-", "--seed", seed)[1] for seed in "778")
    assert first == again != other


def test_show_reads_a_file_and_names_its_mistake(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    mine = tmp_path / "mine.json"
    data = json.loads(presets.load("ideal").to_json())
    mine.write_text(json.dumps(data))
    assert run(capsys, "show", str(mine))[0] == 0
    data["programming"]["sigma"] = -0.5
    mine.write_text(json.dumps(data))
    assert run(capsys, "show", str(mine)) == (2, "", f"rram: profile {mine}: programming.sigma: -0.5 is not >= 0\n")


def test_an_unknown_name_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "show", "nope")
    assert (code, out) == (2, "")
    assert err == f"rram: profile nope: no such file, and not a preset ({', '.join(presets.names())})\n"


def test_schema_goes_to_standard_output_or_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = run(capsys, "schema", "macro-config")
    assert code == 0
    assert json.loads(out)["title"] == "MacroConfig"
    path = tmp_path / "s.json"
    assert run(capsys, "schema", "--json", str(path))[:2] == (0, "")
    assert json.loads(path.read_text())["title"] == "DeviceProfile"
