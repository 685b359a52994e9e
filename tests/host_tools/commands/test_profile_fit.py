"""`rram profile fit`, `check` and `at`: from a table to a profile and back, and how each refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from device_models.profile import DeviceProfile
from tests.host_tools.commands.cells_table import cells_table, refused, run


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cells_table(tmp_path_factory.mktemp("cells"))


@pytest.fixture(scope="module")
def fitted(table: Path) -> Path:
    """The profile of half a."""
    from host_tools.cli import main

    path = table.parent / "mine.json"
    with pytest.raises(SystemExit) as end:
        main(["profile", "fit", str(table), "--level-uS", "60 + 30 * level", "--source", "a test", "-o", str(path)])
    assert not end.value.code
    return path


def test_a_table_becomes_a_profile_that_says_why(capsys: pytest.CaptureFixture[str], table: Path,
                                                 tmp_path: Path) -> None:
    path = tmp_path / "own-rram.json"
    code, out, err = run(capsys, "fit", str(table), "-o", str(path), "--json", "-", "--licence", "CC0")
    assert code == 0, err
    result, profile = json.loads(out), DeviceProfile.load(path)
    assert (profile.name, profile.licence, profile.source) == ("own-rram", "CC0", "not stated")
    assert result["profile"] == json.loads(profile.to_json())
    assert result["chosen"] == profile.programming.distribution
    assert [score["name"] for score in result["scores"]] == ["normal", "log-normal", "gaussian-mixture", "quantiles"]
    assert profile.levels.conductance_uS == pytest.approx([60, 90, 120, 150], rel=0.02)
    assert profile.relaxation is not None
    assert [aged.time_s for aged in profile.relaxation.aged] == [100, 1e4]
    assert f"chosen: {result['why']}" in err
    assert f"{path}: own-rram, 4 levels, 3 times" in err
    assert set(result["stuck"]) <= {"low", "high"}


def test_the_options_reach_the_fit(capsys: pytest.CaptureFixture[str], table: Path, tmp_path: Path) -> None:
    path = tmp_path / "n.json"
    code, out, _ = run(capsys, "fit", str(table), "-o", str(path), "--family", "normal", "--cells", "all",
                       "--name", "n1", "--level-uS", "60 + 30 * level", "--conditions", "25 C", "--json", "-")
    profile = DeviceProfile.load(path)
    assert code == 0
    assert (profile.name, profile.conditions, profile.programming.distribution) == ("n1", "25 C", "normal")
    assert profile.levels.conductance_uS == (60, 90, 120, 150)
    assert (json.loads(out)["n_cells"], json.loads(out)["n_rows"]) == (600, 1800)
    assert "600 cells (all)" in profile.description


def test_noise_and_bakes_are_read(capsys: pytest.CaptureFixture[str], table: Path, tmp_path: Path) -> None:
    rng = np.random.Generator(np.random.Philox(key=9))
    noise, bakes, path = tmp_path / "n.tsv", tmp_path / "b.csv", tmp_path / "p.json"
    noise.write_text("".join("\t".join([str(level), "1", *(f"{g * (1 + 0.02 * z):.6e}" for z in rng.normal(size=4000))])
                             + "\n" for level, g in ((0, 60e-6), (3, 150e-6))))
    rows = [f"{i},{i % 4},{t},{heat},{60 + 30 * (i % 4) + bool(t) * (heat / 100 * rng.normal()):.6g}"
            for heat in (100, 150, 200) for t in (0, 3600) for i in range(400)]
    bakes.write_text("cell,level,time_s,temp_C,g_uS\n" + "\n".join(rows) + "\n")
    code, _, err = run(capsys, "fit", str(table), "--family", "normal", "--noise", str(noise), "--noise-rate", "400",
                       "--noise-unit", "S", "--bakes", str(bakes), "-o", str(path))
    assert code == 0, err
    profile = DeviceProfile.load(path)
    assert profile.read_noise.relative is not None
    assert profile.read_noise.relative.value == pytest.approx([0.02] * 4, rel=0.05)
    assert profile.retention is not None
    assert [(bake.temperature_C, bake.time_s) for bake in profile.retention.bakes] == [
        (100, 3600), (150, 3600), (200, 3600)]
    assert [bake.sd_uS for bake in profile.retention.bakes] == [
        pytest.approx([heat / 100] * 4, rel=0.3) for heat in (100, 150, 200)]
    assert "bakes: " in err and "read noise: white" in err


def test_check_passes_on_the_other_half_and_draws(capsys: pytest.CaptureFixture[str], table: Path, fitted: Path,
                                                  tmp_path: Path) -> None:
    picture = tmp_path / "c.png"
    code, out, err = run(capsys, "check", str(fitted), "--against", str(table), "--json", "-", "--plot", str(picture))
    assert code == 0, err
    result = json.loads(out)
    assert result["pass"] is True
    assert result["reasons"] == []
    assert 0.6 < result["ks_ratio"] <= result["baselines"]["bootstrap"]["ks_ratio"]
    assert set(result["baselines"]) == {"normal", "bootstrap"}
    assert {"ks_ratio", "rejected_percent", "tv_mean", "tv_floor", "groups", "baselines", "pass"} <= set(result)
    assert [(g["level"], g["time_s"]) for g in result["groups"]] == [(i, t) for i in range(4) for t in (0, 100, 1e4)]
    assert err.splitlines()[-2:] == ["PASS", f"picture: {picture}"]
    assert picture.stat().st_size > 10_000


def test_check_fails_with_exit_code_1_and_says_why(capsys: pytest.CaptureFixture[str], fitted: Path,
                                                   tmp_path: Path) -> None:
    moved = cells_table(tmp_path, move=6.0)
    code, out, err = run(capsys, "check", str(fitted), "--against", str(moved), "--json", "-")
    assert code == 1
    result = json.loads(out)
    assert result["pass"] is False
    assert "FAIL: ks_ratio" in err
    assert result["reasons"][0].startswith("ks_ratio ")
    assert result["wasserstein_uS"] == pytest.approx(6, rel=0.2)


def test_two_levels_are_drawn_too(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    two, path, picture = cells_table(tmp_path, levels=2), tmp_path / "two.json", tmp_path / "two.png"
    assert run(capsys, "fit", str(two), "-o", str(path))[0] == 0
    code, _, err = run(capsys, "check", str(path), "--against", str(two), "--plot", str(picture))
    assert code in (0, 1), err
    assert picture.stat().st_size > 10_000


def test_a_table_that_counts_from_one_is_checked_by_its_own_fit(capsys: pytest.CaptureFixture[str], table: Path,
                                                                tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    assert run(capsys, "fit", str(table), "--target", "level + 1", "-o", str(path))[0] == 0
    code, out, err = run(capsys, "check", str(path), "--against", str(table), "--target", "level + 1", "--json", "-")
    assert code == 0, err
    assert {group["level"] for group in json.loads(out)["groups"]} == {1, 2, 3, 4}


def test_at_a_time_the_cells_are_those_of_that_time(capsys: pytest.CaptureFixture[str], fitted: Path,
                                                    tmp_path: Path) -> None:
    path = tmp_path / "aged.json"
    code, out, err = run(capsys, "at", str(fitted), "--time", "100", "-o", str(path), "--json", "-")
    assert code == 0, err
    aged, known = DeviceProfile.load(path), DeviceProfile.load(fitted)
    assert known.relaxation is not None
    assert aged.programming == known.relaxation.aged[0].spread
    assert json.loads(out)["profile"] == json.loads(aged.to_json())
    assert run(capsys, "at", str(fitted), "--levels", "75,105", "-o", str(path))[0] == 0
    assert DeviceProfile.load(path).levels.conductance_uS == (75, 105)


def test_what_the_profile_does_not_know_is_refused_unless_told(capsys: pytest.CaptureFixture[str], fitted: Path,
                                                               tmp_path: Path) -> None:
    path, known = str(tmp_path / "x.json"), str(fitted)
    line = refused(capsys, "at", known, "--time", "1e6", "-o", path)
    assert line == ("profile mine: 1e+06 s is not within 0 to 10000 s, where it holds (a test); "
                    "--outside uses it all the same")
    assert run(capsys, "at", known, "--time", "1e6", "--outside", "-o", path)[0] == 0
    assert "20 uS is not within 60 to 150 uS" in refused(capsys, "at", known, "--levels", "20,70", "-o", path)
    late = str(cells_table(tmp_path, times=(0, 1e5)))
    assert "100000 s is not within 0 to 10000 s" in refused(capsys, "check", known, "--against", late)
    code, _, err = run(capsys, "check", known, "--against", late, "--outside")
    assert code in (0, 1), err
    more = str(cells_table(tmp_path, levels=6))
    line = refused(capsys, "check", known, "--against", more)
    assert line == f"{more}: level 5, but profile mine has 4 levels, 0 to 3"


AT: list[tuple[list[str], str]] = [
    (["--time", "-1"], "profile mine: -1 s is not a time >= 0"), (["--time", "nan"], "nan s is not a time >= 0"),
    (["--levels", "a,b"], "--levels: 'a,b' is not a list of numbers such as 50,75,100"),
    (["--levels", ""], "--levels: '' is not a list of numbers"), (["--levels", "70"], "1 level(s) is not 2 to 256"),
    (["--levels", "90,70"], "levels.conductance_uS: 70 (number 2) is not > 90 (number 1)"),
    (["--levels", "70,nan"], "nan"), (["--levels", ",".join(["70"] * 300)], "300 level(s) is not 2 to 256")]


@pytest.mark.parametrize(("options", "message"), AT, ids=[" ".join(options)[:20] for options, _ in AT])
def test_at_refuses_in_one_line(capsys: pytest.CaptureFixture[str], fitted: Path, tmp_path: Path, options: list[str],
                                message: str) -> None:
    path = tmp_path / "x.json"
    assert message in refused(capsys, "at", str(fitted), *options, "-o", str(path))
    assert not path.exists()


HEAD = "cell,level,time_s,g_uS\n"
ROWS = "".join(f"{i},{i % 2},0,{50 + 30 * (i % 2) + i % 7}\n" for i in range(200))
BAD_TABLES: list[tuple[str, str, str]] = [
    ("empty", "", "empty, expected a table"),
    ("another delimiter", "cell|level|time_s|g_uS\n" + ROWS.replace(",", "|"), "expected several, separated by tab"),
    ("mixed units", "cell,level,g_uS,r_ohm\n" + "".join(f"{i},{i % 2},50,20000\n" for i in range(99)) + "99,1,50,20\n",
     "line 101, column 'g': '50' uS is 0.001 times 1/'20' ohm"),
    ("negative", HEAD + ROWS + "900,1,0,-5\n", "line 202, column 'g': '-5' is not > 0"),
    ("zero", HEAD + ROWS + "900,1,0,0\n", "line 202, column 'g': '0' is not > 0"),
    ("NaN", HEAD + ROWS + "900,1,0,NaN\n", "line 202, column 'g': 'NaN' is not a finite number"),
    ("no number", HEAD + ROWS + "900,1,0,x\n", "line 202, column 'g': 'x' is not a number"),
    ("times out of order", HEAD + ROWS + "900,1,9,50\n900,1,5,50\n", "line 203, column 'time': '5' is not >= '9'"),
    ("one level", HEAD + ROWS.replace(",1,0,", ",0,0,"), "one target level only (0)"),
    ("few cells", HEAD + ROWS + "".join(f"{900 + i},2,0,{150 + i}\n" for i in range(40)), "expected at least 30"),
    ("clock times", HEAD + "".join(f"{i},{i % 2},{i},{50 + 30 * (i % 2)}\n" for i in range(400)), "at most 64"),
    ("no target", "cell,g_uS\n" + "1,50\n2,60\n", "nothing says the target level"),
]


@pytest.mark.parametrize(("content", "message"), [row[1:] for row in BAD_TABLES], ids=[row[0] for row in BAD_TABLES])
def test_tables_are_refused_in_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path, content: str, message: str,
                                        fitted: Path) -> None:
    path, mine = tmp_path / "bad.csv", tmp_path / "mine.json"
    path.write_text(content)
    line = refused(capsys, "fit", str(path), "-o", str(mine))
    assert line.startswith(str(path))
    assert message in line
    assert not mine.exists()
    if content not in (row[1] for row in BAD_TABLES if row[0] in ("few cells", "clock times")):
        assert refused(capsys, "check", str(fitted), "--against", str(path)) == line


def test_few_cells_are_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = cells_table(tmp_path, per_level=30)
    assert refused(capsys, "fit", str(path), "--cells", "a", "-o", str(tmp_path / "x.json")).startswith(
        f"{path}: level 0 has ")
    code, _, err = run(capsys, "fit", str(path), "--cells", "all", "-o", str(tmp_path / "x.json"))
    assert code == 0, err
    line = refused(capsys, "check", str(tmp_path / "x.json"), "--against", str(path))
    assert line == f"{path}: no level and time with at least 30 cells in both halves"


OPTIONS: list[tuple[list[str], str]] = [
    (["--noise-rate", "400"], "--noise-rate and --noise-unit need --noise"),
    (["--bake-columns", "a,b"], "--bake-columns needs --bakes"), (["--unit", "g"], "--unit: 'g' is not COLUMN=UNIT"),
    (["--target", "__import__('os')"], "target"), (["--target", "level.real"], "target"),
    (["--level-uS", "open('x')"], "target"), (["--level-uS", "addr"], "no column 'addr'"),
    (["--level-uS", "9 ** 9 ** 9 ** 9"], ""), (["--name", "../x"], "profile to fit: name: '../x' is not a name"),
    (["--level-uS", "-level"], "level 0: -0 uS is not > 0, from --level-uS '-level'"),
    (["--mapping", "/etc/passwd"], "/etc/passwd")]


@pytest.mark.parametrize(("options", "message"), OPTIONS, ids=[" ".join(options) for options, _ in OPTIONS])
def test_options_are_refused_in_one_line(capsys: pytest.CaptureFixture[str], table: Path, tmp_path: Path,
                                         options: list[str], message: str) -> None:
    assert message in refused(capsys, "fit", str(table), *options, "-o", str(tmp_path / "x.json"))
    assert not (tmp_path / "x.json").exists()


def put(value: Any, *keys: str | int) -> Any:
    """A change: document[keys...] = value, as JSON text."""
    def change(data: Any) -> str:
        inside = data
        for key in keys[:-1]:
            inside = inside[key]
        inside[keys[-1]] = value
        return json.dumps(data)
    return change


def put_in(data: Any) -> Any:
    """The document with a place for a number that JSON cannot write."""
    data["levels"]["conductance_uS"][3] = "BIG"
    return data


BAD_PROFILES = [
    (put([60.0, 90.0, 90.0, 150.0], "levels", "conductance_uS"),
     "levels.conductance_uS: 90 (number 3) is not > 90 (number 2)"),
    (put([60.0, 90.0, 80.0, 150.0], "levels", "conductance_uS"),
     "levels.conductance_uS: 80 (number 3) is not > 90 (number 2)"),
    (put([60.0], "levels", "conductance_uS"), "1 level(s) is not 2 to 256"),
    (put([1.0 + i for i in range(100_000)], "levels", "conductance_uS"), "100000 level(s) is not 2 to 256"),
    (put(1e9, "levels", "conductance_uS"), "levels.conductance_uS: 1000000000.0 is not a list"),
    (put(1, "levelz"), "levelz: unknown key (known: "), (put(2, "schema_version"), "schema_version: 2 is not 1"),
    (put(float("inf"), "programming", "sigma"), "programming.sigma"),
    (put(float("nan"), "levels", "conductance_uS", 1), "levels.conductance_uS[1]: nan is not a finite number"),
    (lambda data: json.dumps(put_in(data)).replace('"BIG"', "1e999"), "is not a finite number"),
    (put("../../x", "name"), "name: '../../x' is not a name"), (put("/etc/passwd", "name"), "is not a name"),
    (put("{0.__class__}\x1b[2J", "name"), "is not a name"),
    (put({"$ref": "file:///etc/passwd"}, "levels"), "levels."), (put("file:///etc/passwd", "levels"), "levels: "),
    (put(0.5, "programming"), "alone is not a spread"),
    (put("__import__('os').system('id')", "programming", "distribution"), "is not one of"),
    (lambda data: "[" * 200_000 + "]" * 200_000, "not JSON: nested too deeply"),
    (lambda data: '{"a":' * 100_000 + "1" + "}" * 100_000, "not JSON: nested too deeply"),
    (lambda data: '{"schema_version": ' + "9" * 5000 + "}", "not JSON: "),
    (lambda data: "", "not JSON: Expecting value (line 1, column 1)"), (lambda data: "[]", "[] is not an object"),
    (lambda data: '{"name": "a", "name": "b"}', "name: given twice"),
]


def test_what_a_profile_holds_is_refused_by_every_command(capsys: pytest.CaptureFixture[str], table: Path, fitted: Path,
                                                          tmp_path: Path) -> None:
    """Each mistake: one line that names the file, the key, what is given and what is expected; and quickly."""
    path, out = tmp_path / "bad.json", str(tmp_path / "x.json")
    good = json.loads(fitted.read_text())
    for change, message in BAD_PROFILES:
        path.write_text(change(json.loads(json.dumps(good))))
        lines = {refused(capsys, "show", str(path)), refused(capsys, "at", str(path), "-o", out),
                 refused(capsys, "check", str(path), "--against", str(table))}
        assert len(lines) == 1
        (line,) = lines
        assert line.startswith(f"profile {path}: ")
        assert message in line
        assert len(line) < 600


def test_a_profile_that_is_no_file_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    binary = tmp_path / "b.json"
    binary.write_bytes(b"\xff\xfe\x00")
    assert refused(capsys, "show", str(binary)) == f"profile {binary}: not a text file (UTF-8)"
    assert "Is a directory" in refused(capsys, "show", str(tmp_path))
    absent = f"{tmp_path}/a/../../x"
    assert f"{absent}: no such file, and not a preset (" in refused(capsys, "show", absent)
