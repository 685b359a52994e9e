"""`rram study` as a workbench: sweeps, results, resuming after Ctrl-C, and what is refused before any work."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

stats = pytest.importorskip("scipy.stats", reason="a board: no workstation tools")

from firmware_py.correction import AdaptConfig
from firmware_py.replay import Replay
from host_tools.cli import main
from host_tools.study.chips import ChipPlan, measure_chip
from tests.host_tools.study.conftest import Small

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def own(small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """Options that name the data set as a user has it: a file."""
    monkeypatch.chdir(tmp_path)
    data = small.data
    np.savez("own.npz", x_train=data.x_train, y_train=data.y_train, x_test=data.x_test, y_test=data.y_test)
    return ("--data", "own", "--data-dir", ".", "--images", "50", "--cache", "cache/recipes")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Exit code, standard output and standard error of `rram study ARGUMENTS`."""

    def study(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main(["study", *arguments])
        out, err = capsys.readouterr()
        return int(end.value.code or 0), out, err

    return study


def lines(path: str) -> list[dict[str, str]]:
    """A results file as a CSV reader sees it."""
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_sweep_over_two_axes_is_a_line_a_chip_and_point(small: Small, own: tuple[str, ...], run: Run) -> None:
    code, out, err = run(str(small.bundle), *own, "--chips", "3", "--workers", "1", "--steps", "untouched,calibrated",
                         "--sweep", "programming.sigma=0.1:0.5:3", "--sweep", "macro.adc_bits=4,8", "-o", "r.csv",
                         "--plot", "p.png", "--yield-at", "60", "--json", "-")  # fmt: skip
    assert code == 0, err
    result, rows = json.loads(out), lines("r.csv")
    assert result["axes"] == {"programming.sigma": [0.1, 0.3, 0.5], "macro.adc_bits": [4, 8]}
    assert len(rows) == 18
    assert {row["bundle"] for row in rows} == {"student"}
    assert len({row["digest"] for row in rows}) == 6
    assert result["rows"][0]["row"] == "ideal"
    for row in result["rows"][1:]:
        point, column = row["point"], "untouched" if row["row"] == "student" else "calibrated"
        where = {name: f"{value:g}" for name, value in point.items()}
        mine = [float(line[column]) for line in rows if {name: line[name] for name in where} == where]
        assert len(mine) == 3
        assert row["mean"] == pytest.approx(np.mean(mine), abs=1e-4)
        assert row["yield_percent"] == pytest.approx(100 * np.mean(np.array(mine) >= 60), abs=1e-3)
        if np.ptp(mine):
            low, high = stats.ttest_1samp(mine, 0.0).confidence_interval()
            assert (row["mean_low"], row["mean_high"]) == pytest.approx((low, high), abs=1e-3)
    assert Path("p.png").read_bytes().startswith(b"\x89PNG")
    assert "mean ± sd" in err and "0.3" in err


def test_replay_is_an_option_and_an_axis(small: Small, own: tuple[str, ...], run: Run) -> None:
    """Off, on and swept are the same figures, and each is its plan's; the labels told are those there are."""
    few = (str(small.bundle), *own, "--chips", "2", "--workers", "1", "--steps", "adapted")
    given = [json.loads(run(*few, "--replay", text, "-o", f"{i}.csv", "--json", "-")[1])["rows"][1]["mean"]
             for i, text in enumerate(("0", "8:2"))]  # fmt: skip
    result = json.loads(run(*few, "--sweep", "adapt.replay=0,8:2", "--json", "-")[1])
    assert [row["mean"] for row in result["rows"][1:]] == given
    assert result["labels"] == 200
    assert lines("1.csv")[0]["adapt"].endswith("replay 8:2 guard 64:0.6:0.01:0.9:0.5:64:0.05:3")
    assert lines("1.csv")[0]["labels"] == "200"
    by_hand = [measure_chip(ChipPlan(small.bundle, ("adapted",), labels=200, adapt=AdaptConfig(replay=replay)),
                            small.study_data, seed)["adapted"]
               for replay in (Replay(0, 0), Replay(8, 2)) for seed in range(2)]  # fmt: skip
    assert given == pytest.approx([np.mean(by_hand[:2]), np.mean(by_hand[2:])], abs=1e-4)
    assert by_hand[:2] != by_hand[2:]


def test_a_line_never_tells_of_another_point(small: Small, own: tuple[str, ...], run: Run) -> None:
    """What is swept stands in the column of its axis alone, in CSV as in Parquet."""
    pytest.importorskip("pyarrow")
    import pyarrow.parquet

    few = (str(small.bundle), *own, "--chips", "1", "--workers", "1", "--steps", "calibrated:8,adapted:4")
    code, _, err = run(*few, "--sweep", "adapt.optimizer=sgd,rls", "--sweep", "adapt.replay=0,4:1",
                       "--sweep", "vectors=4,16", "-o", "r.parquet")  # fmt: skip
    assert code == 0, err
    rows = lines("r.csv")
    assert len(rows) == 8 and {row["adapt.optimizer"] for row in rows} == {"sgd", "rls"}
    guard = AdaptConfig().guard
    assert guard is not None
    assert {row["adapt"] for row in rows} == {
        f"optimizer swept lr 0.03 horizon 1000 floor 0.1 beta 0.9 replay swept guard {guard.text} forgetting 0.99 "
        "prior 1"
    }
    assert {row["steps"] for row in rows} == {"calibrated=calibrated:swept adapted:4"}
    table = pyarrow.parquet.read_table("r.parquet").to_pydict()
    assert [{key: str(column[i]) for key, column in table.items() if key in ("adapt", "adapt.optimizer", "steps")}
            for i in range(8)] == [{key: row[key] for key in ("steps", "adapt", "adapt.optimizer")}
                                    for row in rows]  # fmt: skip
    assert run(*few, "--sweep", "adapt.optimizer=sgd", "-o", "one.csv")[0] == 0
    assert lines("one.csv")[0]["adapt"].startswith("optimizer swept lr 0.03")
    assert "forgetting" not in lines("one.csv")[0]["adapt"]


def test_a_second_run_measures_nothing_and_says_the_same(
    small: Small, own: tuple[str, ...], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = (str(small.bundle), *own, "--chips", "3", "--workers", "1", "--steps", "untouched", "-o", "r.csv")
    first = json.loads(run(*few, "--json", "-")[1])
    monkeypatch.setattr("host_tools.study.jobs.measure", lambda *_: pytest.fail("measured again"))
    code, out, err = run(*few, "--json", "-")
    assert code == 0
    assert json.loads(out) == first
    assert "3 of 3 chips are in the results file already" in err


def test_parquet_comes_with_its_csv(small: Small, own: tuple[str, ...], run: Run) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the parquet extra")
    code, _, err = run(str(small.bundle), *own, "--chips", "2", "--workers", "1", "--steps", "untouched",
                       "--sweep", "programming.sigma=0.1,0.4", "-o", "r.parquet")  # fmt: skip
    assert code == 0, err
    table = parquet.read_table("r.parquet")
    assert table["untouched"].to_pylist() == [float(row["untouched"]) for row in lines("r.csv")]
    said = json.loads(table.schema.metadata[b"rram_study"])
    assert said["data"] == "own" and len(said["bundles"]) == 2 and said["options"] == lines("r.csv")[0]["options"]


def test_a_model_is_exported_and_a_recipe_is_swept(small: Small, own: tuple[str, ...], run: Run) -> None:
    few = ("--chips", "2", "--workers", "1", "--steps", "untouched,calibrated", "--json", "-")
    code, out, err = run(str(small.network), *own, "--profile", "charan-65nm", "--sram", "20", *few,
                         "--sweep", "levels=4,10")  # fmt: skip
    assert code == 0, err
    rows = json.loads(out)["rows"]
    assert [row.get("point") for row in rows] == [None, *[{"levels": n} for n in (4, 4, 10, 10)]]
    assert len(list(Path("cache/recipes/bundles").iterdir())) == 2


def test_ctrl_c_leaves_a_file_that_the_same_command_goes_on_with(small: Small, own: tuple[str, ...]) -> None:
    """As a terminal does it: the whole group of processes gets the signal, in the middle of many chips."""
    command = [sys.executable, "-m", "host_tools.cli", "study", str(small.bundle), *own, "--chips", "100000",
               "--workers", "2", "--steps", "untouched", "-o", "r.csv"]  # fmt: skip
    root = Path(__file__).parents[3]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(root), *filter(None, sys.path)])}
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # jobs in the background inherit that it is not
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True, env=environment,
                               preexec_fn=heard)  # fmt: skip
    try:
        until = time.monotonic() + 200
        while time.monotonic() < until and process.poll() is None:
            if Path("r.csv").exists() and Path("r.csv").read_bytes().count(b"\n") > 3:
                break
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=200)
    finally:
        process.kill()
    done = len(lines("r.csv"))
    assert process.returncode == 130, err
    assert f"interrupted; {done} chips are in r.csv: the same command goes on there" in err
    assert "Traceback" not in err
    assert Path("r.csv").read_bytes().endswith(b"\n")


def test_what_was_interrupted_goes_on_to_the_same_figures(small: Small, own: tuple[str, ...], run: Run) -> None:
    few = (str(small.bundle), *own, "--workers", "1", "--steps", "untouched")
    whole = json.loads(run(*few, "--chips", "4", "-o", "whole.csv", "--json", "-")[1])
    parts = Path("whole.csv").read_bytes().splitlines(keepends=True)
    Path("r.csv").write_bytes(b"".join(parts[:3]) + parts[3][:-7])  # two chips, and the third half written
    code, out, err = run(*few, "--chips", "4", "-o", "r.csv", "--json", "-")
    assert code == 0
    assert json.loads(out) == whole
    assert "2 of 4 chips are in the results file already" in err
    assert Path("r.csv").read_bytes() == Path("whole.csv").read_bytes()


def refused(run: Run, *arguments: str) -> str:
    """The one line that a mistake gets."""
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    *before, line = err.splitlines()
    assert all(" done in " in text for text in before) and line.startswith("rram: "), err
    return line


def test_options_that_do_not_go_together_are_one_line(small: Small, own: tuple[str, ...], run: Run) -> None:
    bundle, model = str(small.bundle), str(small.network)
    for arguments, text in (
        ((bundle, *own, "--sweep", "levels=4,8"), "holds levels, not weights; give the model itself"),
        ((bundle, *own, "--sweep", "age_h=1,10"), "has no relaxation"),
        ((bundle, *own, "--sweep", "temperature_C=140"), "has no bakes"),
        ((bundle, *own, "--steps", "untouched,flown"), "'flown' is not"),
        ((bundle, *own, "--output", "r.txt"), "--output: r.txt does not end in .csv or .parquet"),
        ((bundle, *own, "--workers", "2", "--scheduler", "tcp://127.0.0.1:1"), "give one of them"),
        ((bundle, *own, "--profile", "techA"), "are for a MODEL.keras; a bundle or a recipe has its own"),
        ((model, *own), "--profile NAME is missing"),
        ((model, "--profile", "techA"), "--data NAME is missing"),
        ((bundle, *own, "--sweep", "vectors=1000000", "--steps", "calibrated"), "1000000 vectors asked"),
        ((bundle, *own, "--sweep", "macro.rows_active=100"), "rows_active: 100 does not divide"),
        ((bundle, *own, "--sweep", "adapt.lr=-1"), "expected lr > 0"),
        ((bundle, *own, "--sweep", "adapt.optimizer=adam"), "is not one of rms, sgd, sign, momentum, rls"),
        ((bundle, *own, "--sweep", "adapt.rounding=up"), "is not one of save, stochastic, nearest"),
        ((bundle, *own, "--sweep", "adapt.replay=x"), "replay: 'x' given, expected IMAGES"),
        ((bundle, *own, "--replay", "8:x"), "replay: '8:x' given, expected IMAGES"),
        ((bundle, *own, "--replay", "8:999"), "replay: repeats: 999 is not a whole number"),
        ((bundle, *own, "--labels", "201"), "--labels: adapted: 201 labels asked, the data set has 200"),
        ((bundle, *own, "--sweep", "labels=5,201"), "201 labels asked"),
    ):
        assert text in refused(run, *arguments), arguments


def test_another_studys_file_is_left_alone(small: Small, own: tuple[str, ...], run: Run) -> None:
    few = (str(small.bundle), *own, "--chips", "2", "--workers", "1", "--steps", "untouched", "-o", "r.csv")
    assert run(*few)[0] == 0
    before = Path("r.csv").read_bytes()
    assert "made with shift x -> 0.5 x + 0.4, now it is rotated by 40 deg" in refused(run, *few, "--shift", "rotate:40")
    assert "made by another study" in refused(run, *few, "--sweep", "programming.sigma=0.1,0.2")
    assert Path("r.csv").read_bytes() == before


def test_a_scheduler_that_does_not_answer_is_told_before_any_work(
    small: Small, own: tuple[str, ...], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed", reason="needs the cluster extra")
    monkeypatch.setattr("host_tools.study.request._subjects", lambda *_: pytest.fail("work was done"))
    text = refused(run, str(small.bundle), *own, "--scheduler", "tcp://127.0.0.1:1")
    assert "--scheduler: tcp://127.0.0.1:1 does not answer within 5 s as a Dask scheduler" in text


@pytest.mark.parametrize(("module", "option", "extra"), [
    ("pyarrow", ("-o", "r.parquet"), "rram-edge[parquet]"),
    ("distributed", ("--scheduler", "tcp://127.0.0.1:1"), "rram-edge[cluster]"),
])  # fmt: skip
def test_an_extra_that_is_absent_is_named(
    small: Small, own: tuple[str, ...], run: Run, monkeypatch: pytest.MonkeyPatch, module: str, option: Any, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    text = refused(run, str(small.bundle), *own, *option)
    assert f"(pip install '{extra}')" in text
    assert not Path("r.csv").exists()


def test_axes_are_listed(run: Run) -> None:
    code, out, _ = run("--axes")
    assert code == 0
    assert "programming.sigma" in out and "levels of a cell, evenly spaced (needs the model)" in out
