"""`rram train` and `rram distill` as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the host extra")

from host_tools.cli import main
from host_tools.record import load_model, read_record, sha256
from host_tools.training import search


def run(*arguments: object) -> None:
    with pytest.raises(SystemExit) as stop:
        main([str(a) for a in arguments])
    assert stop.value.code in (0, None), arguments


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    with pytest.raises(SystemExit) as stop:
        main([str(a) for a in arguments])
    assert stop.value.code == 2
    error = capsys.readouterr().err.strip()
    assert "Traceback" not in error
    return error


def folder(path: Path) -> Path:
    """A data set of 8x8 images with one bright half."""
    rng = np.random.default_rng(0)
    arrays = {}
    for part, n in (("train", 96), ("test", 24)):
        y = rng.integers(0, 2, n)
        x = rng.integers(0, 80, (n, 8, 8), dtype=np.uint8)
        x[y == 0, :4] += 150
        x[y == 1, 4:] += 150
        arrays |= {f"x_{part}": x, f"y_{part}": y}
    path.mkdir()
    np.savez(path / "halves.npz", **arrays)
    return path


def test_from_a_folder_to_a_student(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = ["--data", "halves", "--data-dir", folder(tmp_path / "d")]
    teacher, student = tmp_path / "teacher.keras", tmp_path / "student.keras"
    run("train", *data, "-o", teacher, "--epochs", 8, "--seed", 5, "--json", "-")
    out = capsys.readouterr()
    told = json.loads(out.out)
    assert told["seed"] == 5 and told["recipe"]["epochs"] == 8 and told["data"] == "halves"
    assert told["test_accuracy"] > 80 and "training: done" in out.err
    run(
        "distill",
        *data,
        "--teacher",
        teacher,
        "--profile",
        "charan-65nm",
        "-o",
        student,
        "--epochs",
        2,
        "--clip",
        1.1,
        "--json",
        tmp_path / "r.json",
    )
    record = read_record(student)
    assert record["teacher"]["sha256"] == sha256(teacher) and record["teacher"]["record"]["seed"] == 5
    assert record["recipe"]["clip"] == 1.1 and record["profile"] == "charan-65nm"
    assert json.loads((tmp_path / "r.json").read_text())["validation_on_chips"] == record["validation_on_chips"]
    w = load_model(teacher).get_layer("fc1").kernel.numpy()
    assert load_model(student).get_layer("fc1").w_clip == pytest.approx(1.1 * w.std(), rel=1e-5)


def test_mistakes_are_one_line_and_come_before_the_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "t.keras"
    assert "does not exist" in refused(capsys, "train", "--data", "digits", "-o", tmp_path / "no" / "t.keras")
    assert "'mnits' is unknown" in refused(capsys, "train", "--data", "mnits", "-o", out)
    assert "'lenet' is unknown" in refused(capsys, "train", "--data", "digits", "--model", "lenet", "-o", out)
    distill = ["distill", "--data", "digits", "-o", out]
    assert "none.keras: no such file" in refused(
        capsys, *distill, "--teacher", tmp_path / "none.keras", "--profile", "charan-65nm"
    )
    assert "no such file, and not a preset" in refused(capsys, *distill, "--teacher", "t.keras", "--profile", "charan")
    assert not out.exists()


@pytest.mark.parametrize("command", ["train", "distill"])
def test_help_fits_a_screen_and_ends_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(command, "--help")
    text = capsys.readouterr().out
    assert len(text.splitlines()) <= 30 and f"Example: rram {command} " in text


def test_a_student_knows_its_mask_goes_on_and_is_searched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(search.CANDIDATES, "clip", (0.01, 0.8))
    data = ["--data", "halves", "--data-dir", folder(tmp_path / "d")]
    teacher, student, aware = (tmp_path / f"{name}.keras" for name in ("teacher", "student", "aware"))
    run("train", *data, "-o", teacher, "--epochs", 4)
    common = [*data, "--teacher", teacher, "--profile", "charan-65nm", "--epochs", 2]
    run("distill", *common, "-o", student, "--kd", 0, "--train-sigma", 0.5)
    recipe = read_record(student)["recipe"]
    assert recipe["kd"] == 0 and recipe["variation"] == 0.5
    run("distill", *common, "-o", aware, "--sram", 3, "--mask-from", student, "--exact", 0.5, "--start", student)
    record = read_record(aware)
    assert record["masked"] > 100 and record["recipe"]["exact_share"] == 0.5
    run("distill", *common, "-o", aware, "--clip", "auto")
    (found,) = read_record(aware)["searched"]
    best = max(found["tried"], key=lambda tried: tried["mean"])["value"]
    assert found["axis"] == "clip" and read_record(aware)["recipe"]["clip"] == best
    capsys.readouterr()
    together = "--sram or --area (one of them) and --mask-from STUDENT.keras go together"
    assert together in refused(capsys, "distill", *common, "-o", aware, "--sram", 3)
    assert together in refused(capsys, "distill", *common, "-o", aware, "--mask-from", student)
    wrong = refused(capsys, "distill", *common, "-o", aware, "--clip", "wide")
    assert "--clip: 'wide' given, expected a number > 0 or auto or learned" in wrong
    assert "--train-sigma: '-1' given" in refused(capsys, "distill", *common, "-o", aware, "--train-sigma", "-1")
    assert "m.keras.partial.npz does not exist" in refused(
        capsys, "distill", *common, "-o", tmp_path / "m.keras", "--resume")  # fmt: skip
    assert "train: " not in refused(capsys, "train", *data, "-o", tmp_path / "m.keras", "--resume")
