"""`rram finetune`: what it refuses, and a run of its own from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from host_tools.cli import main


def status(arguments: list[str]) -> object:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    return stopped.value.code


def test_bad_input_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pytest.importorskip("keras", reason="needs the host extra")
    wrong = [
        (["run", "none.keras", "--data", "digits", "--profile", "charan-65nm"], "none.keras: no such file"),
        (["study", "--profile", "no-such"], "no-such: no such file"),
        (["study", "--plot", str(tmp_path / "a.txt")], "does not end in .png or .svg or .pdf"),
    ]
    for arguments, line in wrong:
        assert status(["finetune", *arguments]) == 2
        text = capsys.readouterr().err
        assert line in text and "Traceback" not in text


def test_a_run_counts_and_compares(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pytest.importorskip("keras", reason="needs the host extra")
    pytest.importorskip("sklearn", reason="digits come with scikit-learn")
    from host_tools.backend import keras
    from host_tools.data import load
    from host_tools.record import save_model

    data = load("digits")
    layers = keras.layers
    model = keras.Sequential([layers.Input(data.shape), layers.Flatten(), layers.Dense(24, activation="relu"),
                              layers.Dense(10)])  # fmt: skip
    model.compile(keras.optimizers.Adam(5e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(data.x_train / 255, data.y_train, epochs=8, verbose=0)
    save_model(model, tmp_path / "m.keras", {})
    arguments = ["finetune", "run", str(tmp_path / "m.keras"), "--data", "digits", "--profile", "charan-65nm",
                 "--chips", "2", "--no-vat", "--writes", "1", "--images", "100", "--judge", "validation",
                 "--pulse-pj", "2", "--json", str(tmp_path / "o.json"),
                 "--plot", str(tmp_path / "o.png")]  # fmt: skip
    assert status(arguments) == 0
    found = json.loads((tmp_path / "o.json").read_text())
    rows = {row["method"]: row for row in found["rows"]}
    assert rows["untouched"]["writes_per_cell"] == 1
    assert rows["untouched"]["energy_nJ"] == pytest.approx((64 * 24 + 24 * 10) * 2 / 1000)
    _, x, y = data.validation()
    right = model.predict(x[:100] / 255, verbose=0).argmax(axis=1) == y[:100]
    assert found["ideal_accuracy"] == pytest.approx(100 * right.mean()) and found["judged_by"] == "validation"
    assert 1 < rows["fine-tuned"]["writes_per_cell"] <= 2.1
    assert rows["rvw"]["writes_per_cell"] == pytest.approx(rows["fine-tuned"]["writes_per_cell"], rel=0.1)
    assert rows["fine-tuned"]["accuracy_mean"] > rows["untouched"]["accuracy_mean"] + 10
    assert found["gap_to_ideal"] == pytest.approx(found["ideal_accuracy"] - rows["fine-tuned"]["accuracy_mean"])
    assert (tmp_path / "o.png").stat().st_size > 1000
