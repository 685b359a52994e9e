"""`rram profile extract`: from a table of cells to levels and spreads, and how it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from host_tools.cli import main

PER_LEVEL = 200


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `rram profile extract ARGUMENTS`."""
    with pytest.raises(SystemExit) as end:
        main(["profile", "extract", *arguments])
    out, err = capsys.readouterr()
    return int(end.value.code or 0), out, err


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Five levels 20 uS apart, sd 5 uS at first and 15 uS after 100 s, every quantile once."""
    z = norm.ppf((np.arange(PER_LEVEL) + 0.5) / PER_LEVEL)
    lines = ["addr,time_s,g_uS"]
    for time_s, sd in ((0, 5), (100, 15)):
        lines += [f"{5 * i + k},{time_s},{100 + 20 * k + sd * z[i]:.6f}" for i in range(PER_LEVEL) for k in range(5)]
    lines += [f"{k},100,{900 + k}" for k in range(5)]  # read again at the same time: only the first reading counts
    path = tmp_path / "cells.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_levels_and_spreads_by_time(capsys: pytest.CaptureFixture[str], table: Path, tmp_path: Path) -> None:
    picture = tmp_path / "e.png"
    code, out, err = run(capsys, str(table), "--target", "addr % 5", "--error", "0.1", "--samples", "10",
                         "--plot", str(picture), "--json", "-")
    assert code == 0, err
    assert picture.stat().st_size > 10_000
    first, last = json.loads(out)["times"]
    assert (first["time_s"], last["time_s"], first["cells"]) == (0, 100, 5 * PER_LEVEL)
    told = first["told_apart"][0]
    assert told["choice"]["count"] == 5
    assert told["choice"]["error"] == pytest.approx(8 / 5 * norm.cdf(-2), abs=0.005)
    assert last["told_apart"][0]["choice"]["count"] == 2  # three: (4/3) Phi(-40/30) = 12 %
    absolute = {s["kind"]: s for s in last["spreads"] if s["convention"] == "absolute"}
    assert absolute["plain"]["median"] == pytest.approx(15, rel=0.02)
    assert absolute["plain"]["variance"] == pytest.approx(225, rel=0.04)
    assert absolute["plain"]["unit"] == "uS"
    assert "sd / the level's own mean" in err


def test_one_time_is_chosen_or_refused(capsys: pytest.CaptureFixture[str], table: Path) -> None:
    args = (str(table), "--target", "addr % 5", "--samples", "2", "--json", "-")
    code, out, _ = run(capsys, *args, "--time", "100")
    assert (code, [t["time_s"] for t in json.loads(out)["times"]]) == (0, [100])
    assert run(capsys, *args, "--time", "50") == (
        2, "", "rram: --time: no reading at 50 s, expected one of 0, 100\n")


def test_what_cannot_be_read_is_one_line(capsys: pytest.CaptureFixture[str], table: Path, tmp_path: Path) -> None:
    few = tmp_path / "few.csv"
    few.write_text("addr,level,g_uS\n" + "".join(f"{i},{i % 2},{10 + i % 2 * 5 + i}\n" for i in range(40)))
    for arguments, line in (
        ((str(few),), f"rram: {few}: at 0 s: level 0 has 20 cells, expected at least 30\n"),
        ((str(table), "--unit", "g"), "rram: --unit: 'g' is not COLUMN=UNIT, such as g=S\n"),
    ):
        code, out, err = run(capsys, *arguments)
        assert (code, out, err) == (2, "", line)
