"""`rram endtoend`: a table, its JSON, a figure, and mistakes, each one line and before any training."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("tensorflow", reason="an export converts the ideal network to TFLite")
pytest.importorskip("sklearn", reason="digits come with scikit-learn")

from host_tools.cli import main


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(["endtoend", *arguments])
    out, err = capsys.readouterr()
    return int(left.value.code or 0), out, err


def test_from_the_cells_to_a_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(
        capsys, "--profile", "milo-hfo2", "--device-model", "filament", "--effort", "single", "--cells", "50",
        "--teacher-epochs", "2", "--epochs", "1", "--chips", "2", "--images", "60", "--workers", "1",
        "--cost", "energy", "--cache", str(tmp_path / "cache"), "--plot", str(tmp_path / "e.png"),
        "--json", "-")  # fmt: skip
    assert code == 0, err
    result = json.loads(out)
    (row,) = result["efforts"]
    assert (row["effort"], row["cell_model"]) == ("single", "filament")
    assert row["pulses"] == 2 and row["energy_pJ"] > 0  # a RESET and a SET
    assert len(row["plain"]["values_percent"]) == len(row["vat"]["values_percent"]) == 2
    assert f"{row['vat']['mean_percent']:.2f} ±" in err
    assert (tmp_path / "e.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("arguments", "line"), [
    (("--effort", "magic"), "algorithm: 'magic' is not one of igvva, ispva, rvw, single, multipass"),
    (("--effort", "rvw:tolerance=much"), "--effort: rvw:tolerance=much: 'much' is not a number, expected "
                                         "tolerance=NUMBER"),
    (("--device-model", "magic"), "model: 'magic' is not one of statistical, one-shot, gate, pulse-response, filament"),
    (("--profile", "charan-65nm", "--cost", "energy"),
     "--cost energy: profile charan-65nm has no programming_cost.energy_pJ, and only filament cells compute theirs: "
     "expected --cost pulses or time"),
    (("--profile", "charan-65nm", "--device-model", "one-shot", "--effort", "igvva"),
     "algorithm igvva: one-shot cells have no gate and no SET voltage, expected model gate or filament"),
    (("--effort", "single", "--effort", "single"), "--effort: single is given twice"),
    (("--model", "lenet5"), "--model lenet5: images are 8x8, expected at least 14x14"),
    (("--data", "no"), "--data: 'no' is unknown, expected one of digits, mnist, cifar10, or any name with --data-dir"),
])
def test_mistakes_are_one_line(arguments: tuple[str, ...], line: str, tmp_path: Path,
                               capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "--cells", "20", "--cache", str(tmp_path), *arguments)
    assert (code, out) == (2, "")
    assert err.splitlines()[-1] == f"rram: {line}"
    assert "training" not in err
