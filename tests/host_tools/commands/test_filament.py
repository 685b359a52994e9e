"""`rram filament`: what it prints, draws and refuses."""

import json
from pathlib import Path

import numpy as np
import pytest

from host_tools.cli import main


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as end:
        main(["filament", *arguments])
    out, err = capsys.readouterr()
    return int(end.value.code or 0), out, err


def test_loop(capsys, tmp_path: Path):
    code, out, err = run(capsys, "loop", "--compliance-uA", "20,100", "--stop-V", "0.6,0.9", "--cells", "8", "--plot",
                         str(tmp_path / "l.png"), "--json", "-")
    result = json.loads(out)
    assert code == 0 and "V_c =" in err
    assert [row["compliance_uA"] for row in result["universal"]["rows"]] == pytest.approx([20, 100])
    assert result["stop"][1]["hrs_ohm"] > result["stop"][0]["hrs_ohm"]
    assert (tmp_path / "l.png").stat().st_size > 5000 and (tmp_path / "l-stop.png").stat().st_size > 5000


def test_spread(capsys, tmp_path: Path):
    arguments = ["spread", "--gate-V", "0.9,1.5", "--reset-V", "1.2", "--cells", "16", "--cycles", "4", "--json", "-"]
    code, out, _ = run(capsys, *arguments, "--plot", str(tmp_path / "s.png"))
    result = json.loads(out)
    assert code == 0 and len(result["rows"]) == 3 and result["slope"] < 0
    assert (tmp_path / "s.png").stat().st_size > 5000
    assert json.loads(run(capsys, *arguments)[1]) == result
    assert json.loads(run(capsys, *arguments, "--seed", "1")[1]) != result


def test_growth_and_parameters(capsys, tmp_path: Path):
    code, out, _ = run(capsys, "growth", "--plot", str(tmp_path / "g.png"), "--json", "-")
    assert code == 0 and all(row["worst_percent"] < 0.5 for row in json.loads(out)["pulses"])
    assert (tmp_path / "g.png").stat().st_size > 5000
    code, out, err = run(capsys, "parameters", "--json", "-")
    listed = json.loads(out)
    assert code == 0 and listed["barrier_eV"]["unit"] == "eV" and listed["barrier_eV"]["assumption"] is True
    assert all(item["source"] and item["what"] and item["unit"] for item in listed.values()) and "yes" in err


def test_pulses(capsys, tmp_path: Path):
    pulses = np.arange(15)[:, None]
    for name, current in (("up", 1.6e-4 + 1e-6 * pulses), ("down", 2.4e-4 - 1e-6 * pulses)):
        rows = np.broadcast_to(current, (15, 3)) + np.array([0, 1e-7, 2e-7])
        lines = ["a,b,c"] + [",".join(f"{x:.6e}" for x in row) for row in rows]
        (tmp_path / f"{name}.csv").write_text("\n".join(lines) + "\n")
    code, out, _ = run(capsys, "pulses", "--data", str(tmp_path / "up.csv"), "--data", str(tmp_path / "down.csv"),
                       "--together", "--plot", str(tmp_path / "p.png"), "--json", "-")
    fits = json.loads(out)["fits"]
    assert code == 0 and [fit["up"] for fit in fits] == [True, False]
    assert all(fit["rms_percent"] < 5 and fit["model_runs_sd_uS"] > 0 for fit in fits)
    assert fits[0]["lateral_W_per_K"] == fits[1]["lateral_W_per_K"]
    assert (tmp_path / "p.png").stat().st_size > 5000


@pytest.mark.parametrize(("arguments", "says"), [
    (["loop", "--stop-V", "-0.8"], "--stop-V: -0.8 is not a number > 0"),
    (["loop", "--compliance-uA", "10,x"], "--compliance-uA: '10,x' is not a list of numbers"),
    (["loop", "--cells", "1000000000"], "cells: 1000000000 is not 1 to"),
    (["loop", "--cells", "0"], "cells: 0 is not 1 to"),
    (["spread", "--gate-V", "nan"], "--gate-V: nan is not a number > 0"),
    (["spread", "--param", "barrier_eV=-1"], "barrier_eV: -1 is not > 0"),
    (["spread", "--param", "colour=1"], "--param: 'colour' is not a parameter (thickness_nm"),
    (["growth", "--param", "barrier_eV"], "--param: 'barrier_eV' is not NAME=NUMBER"),
    (["pulses", "--data", "no-such.csv"], "no-such.csv: No such file or directory"),
])
def test_a_mistake_is_one_line_and_exit_code_2(capsys, arguments, says):
    code, out, err = run(capsys, *arguments)
    assert code == 2 and out == "" and says in err and err.strip().count("\n") == 0
