"""`rram program`: the table, the profile that it leaves, the figure, and how it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from device_models.profile import DeviceProfile
from host_tools.cli import main

SMALL = ("--profile", "milo-hfo2", "--cells", "50")


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `rram program ARGUMENTS`."""
    with pytest.raises(SystemExit) as end:
        main(["program", *arguments])
    out, err = capsys.readouterr()
    return int(end.value.code or 0), out, err


def test_the_outcome_is_a_profile_again(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file, figure = tmp_path / "mine.json", tmp_path / "mine.png"
    code, out, err = run(capsys, *SMALL, "--algorithm", "rvw", "--tolerance-uS", "2", "--sweep", "1,4", "-o", str(file),
                         "--plot", str(figure), "--json", "-")
    assert code == 0
    result = json.loads(out)
    assert [row["target_uS"] for row in result["levels"]][::8] == [50.0, 225.0]
    assert {"mean_uS", "sd_uS", "pulses_mean", "pulses_max", "time_us", "failed_percent"} < set(result["levels"][0])
    assert result["energy_pJ"] is None
    tight, loose = result["sweep"]
    assert tight["sd_uS"] < result["sd_uS"] < loose["sd_uS"]
    assert tight["pulses"] > result["pulses"] > loose["pulses"]
    assert "rvw on one-shot cells of milo-hfo2" in err
    assert figure.read_bytes().startswith(b"\x89PNG")
    profile = DeviceProfile.load(file)
    assert profile.name == "milo-hfo2-rvw"
    assert profile.validity == DeviceProfile.load("milo-hfo2").validity
    assert run(capsys, "--profile", str(file), "--algorithm", "single", "--cells", "50")[0] == 0


def test_the_seed_says_which_cells(capsys: pytest.CaptureFixture[str]) -> None:
    ask = (*SMALL, "--algorithm", "igvva", "--json", "-", "--seed")
    first, again, other = (run(capsys, *ask, seed)[1] for seed in "778")
    assert first == again != other


@pytest.mark.parametrize(("arguments", "said"), [
    (("--algorithm", "magic"), "rram: algorithm: 'magic' is not one of igvva, ispva, rvw, single, multipass\n"),
    (("--algorithm", "rvw", "--tolerance-uS", "-1"), "rram: tolerance: -1 uS is not > 0\n"),
    (("--algorithm", "rvw", "--levels", "1"), "rram: --levels: 1 is not 2 to 256 levels\n"),
    (("--algorithm", "rvw", "--levels", "60,x"), "expected numbers with commas between\n"),
    (("--algorithm", "rvw", "--levels", "30,60"), "--outside uses it all the same\n"),
    (("--algorithm", "rvw", "--cells", "1000000000"), "is not 2 to 222222 (2000000 in all)\n"),
    (("--algorithm", "rvw", "--max-pulses", "0"), "rram: max-pulses: 0 is not 1 to 100000\n"),
    (("--algorithm", "rvw", "--relax-s", "10"), "has no relaxation: its cells would stay as they are\n"),
    (("--algorithm", "rvw", "--sweep", "1,0"), "rram: tolerance: 0 uS is not > 0\n"),
    (("--algorithm", "rvw", "-o", "/no/such/folder/x.json"), "the folder /no/such/folder does not exist\n"),
])
def test_bad_input_is_one_line(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str) -> None:
    code, out, err = run(capsys, *SMALL, *arguments)
    assert (code, out) == (2, "")
    assert err.endswith(said)
    assert err.count("\n") == 1
