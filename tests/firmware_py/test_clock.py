"""A chip's age by its board's clock: the state folder knows when it was programmed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from firmware_py import Chip, RramError
from firmware_py.aging import Age
from firmware_py.bundle import Bundle
from firmware_py.cli import main
from firmware_py.clock import age_by_clock
from firmware_py.state import StateHeader
from tests.firmware_py.make_bundle import DENSE, Synthetic, make_bundle

CHIP = StateHeader("ab" * 32, 7)
AGING = Synthetic(nodes=DENSE, sigma=0.05, drift=(-30.0, 60.0), disturb=-1e-3)


def test_the_first_use_is_programming_and_time_goes_on_from_there(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "chip-7"
    assert age_by_clock(folder, CHIP, 1e9) == 0
    assert age_by_clock(folder, CHIP, 1e9 + 3600.5) == 3600.5
    assert [path.name for path in folder.iterdir()] == ["programmed"]


@pytest.mark.parametrize(("text", "line"), [
    ('{"bundle": "cd", "chip_seed": 7, "unix_s": 1}', "belongs to another bundle or chip"),
    (json.dumps({"bundle": CHIP.digest, "chip_seed": 8, "unix_s": 1}), "belongs to another bundle or chip"),
    (json.dumps({"bundle": CHIP.digest, "chip_seed": 7, "unix_s": 2e9}), "is 1000000000 s later than this board's"),
    (json.dumps({"bundle": CHIP.digest, "chip_seed": 7, "unix_s": True}), "is damaged"),
    ('{"unix_s": NaN}', "is damaged"), ("[" * 5000, "is damaged"), ("\xff", "is damaged"), ("", "is damaged"),
])  # fmt: skip
def test_what_is_no_time_of_this_chip_is_one_line(tmp_path: Path, text: str, line: str) -> None:
    (tmp_path / "programmed").write_text(text, encoding="latin-1")
    with pytest.raises(RramError, match=rf"^clock: .*/programmed {line}"):
        age_by_clock(tmp_path, CHIP, 1e9)


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        main(arguments)
    output = capsys.readouterr()
    return int(end.value.code or 0), output.out, output.err


def test_the_command_ages_the_chip(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In seconds, or by the clock: the time of programming is put back, as if 5,000 s had passed."""
    bundle = str(make_bundle(tmp_path / "b", AGING))
    np.save(tmp_path / "x.npy", Bundle.open(bundle).golden_x)
    predict = ("predict", bundle, str(tmp_path / "x.npy"), "--json", "-")
    logits = {age: told(capsys, *predict, *age)[1] for age in ((), ("--age", "0"), ("--age", "5000"))}
    assert logits[()] == logits["--age", "0"] != logits["--age", "5000"]
    assert told(capsys, *predict, "--age", "clock")[0] == 0
    file = Path(f"{bundle}.state/chip-0/programmed")
    since = json.loads(file.read_text())
    file.write_text(json.dumps(since | {"unix_s": since["unix_s"] - 5000}))
    found = json.loads(told(capsys, *predict, "--age", "clock")[1])["predictions"][0]["logits"]
    fresh, aged = (json.loads(logits[age])["predictions"][0]["logits"] for age in ((), ("--age", "5000")))
    assert np.abs(np.subtract(found, aged)).max() < 0.05 * np.abs(np.subtract(fresh, aged)).max()
    assert "age 90000 s: drift was measured to 10000 s" in told(capsys, *predict, "--age", "9e4")[2]


@pytest.mark.parametrize("age", ["-1", "nan", "inf", "soon", "1e13"])
def test_what_is_no_age_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], age: str) -> None:
    code, _, err = told(capsys, "explain", str(make_bundle(tmp_path / "b", AGING)), f"--age={age}")
    assert code == 2 and err.count("\n") == 1
    assert f"--age: {age!r} is not a number of seconds from 0 to 1e+12, nor 'clock'" in err


def test_explain_shows_what_drift_and_reads_cost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = Bundle.open(make_bundle(tmp_path / "b", AGING))
    chip = Chip(bundle, 0)
    chip.correction.read = 200
    chip.save(f"{bundle.path}.state/chip-0")
    code, out, _ = told(capsys, "explain", str(bundle.path), "--age", "5000")
    assert code == 0
    header, first = (line.split() for line in out.splitlines()[1:3])
    assert header == ["layer", "dac", "cells", "drift", "disturb", "read", "adc", "sram", "through", "clipped"]
    assert float(first[2]) > float(first[3]) != float(first[4])


def test_adapting_refreshes_the_cells_at_every_save_but_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """16 labels, saved after 5, 10 and 15, and in the end."""
    bundle = Bundle.open(make_bundle(tmp_path / "b", AGING))
    lines = [json.dumps({"x": x.ravel().tolist(), "label": i % 4}) for i, x in enumerate(bundle.calibration_x)]
    (tmp_path / "s").write_text("\n".join(lines))
    ages: list[Age] = []
    refresh = Chip.refresh

    def noted(chip: Chip, age_s: float | None = None) -> None:
        refresh(chip, age_s)
        ages.append(chip.age)

    monkeypatch.setattr(Chip, "refresh", noted)
    command = ("adapt", str(bundle.path), "--stream", str(tmp_path / "s"), "--save-every", "5", "--age", "100")
    assert told(capsys, *command, "--no-calibrate", "--no-guard", "--replay", "0")[0] == 0
    assert ages == [Age(100, 5), Age(100, 10), Age(100, 15)]
