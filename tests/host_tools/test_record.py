"""A .keras file: its record, its safety on disk, and what is refused."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the host extra")

from host_tools import models
from host_tools.backend import keras
from host_tools.errors import HostError
from host_tools.record import check_output, load_model, read_record, save_model


def test_model_and_record_come_back_and_keras_alone_can_load_it(tmp_path: Path) -> None:
    model = models.build("tiny", (8, 8, 1), 4)
    save_model(model, tmp_path / "m.keras", {"seed": 3})
    assert read_record(tmp_path / "m.keras")["seed"] == 3
    assert set(read_record(tmp_path / "m.keras")["versions"]) == {"keras", "numpy"}
    for loaded in (keras.models.load_model(tmp_path / "m.keras"), load_model(tmp_path / "m.keras")):
        for a, b in zip(loaded.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    assert [p.name for p in tmp_path.iterdir()] == ["m.keras"], "nothing else is left in the folder"


def test_the_optimiser_is_not_saved(tmp_path: Path) -> None:
    model = models.build("tiny", (8, 8, 1), 4)
    save_model(model, tmp_path / "bare.keras", {})
    model.compile(optimizer="adam", loss="mse")
    model.train_on_batch(np.zeros((2, 8, 8, 1), np.float32), np.zeros((2, 4), np.float32))
    save_model(model, tmp_path / "trained.keras", {})
    assert (tmp_path / "trained.keras").stat().st_size < 1.1 * (tmp_path / "bare.keras").stat().st_size


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.keras"
    save_model(models.build("tiny", (8, 8, 1), 4), path, {"which": "old"})

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(OSError, match="No space left"):
        save_model(models.build("tiny", (8, 8, 1), 4), path, {"which": "new"})
    assert read_record(path)["which"] == "old" and [p.name for p in tmp_path.iterdir()] == ["m.keras"]


def test_a_network_without_a_record_has_an_empty_one(tmp_path: Path) -> None:
    models.build("tiny", (8, 8, 1), 4).save(tmp_path / "own.keras")
    assert read_record(tmp_path / "own.keras") == {}


def test_wrong_files_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"none\.keras: no such file"):
        load_model(tmp_path / "none.keras")
    (tmp_path / "text.keras").write_text("no zip")
    with pytest.raises(HostError, match=r"text\.keras: not a \.keras file"):
        load_model(tmp_path / "text.keras")
    with zipfile.ZipFile(tmp_path / "zip.keras", "w") as archive:
        archive.writestr("a", "b")
    with pytest.raises(HostError, match=r"zip\.keras: Keras cannot load it"):
        load_model(tmp_path / "zip.keras")


@pytest.mark.parametrize(
    ("name", "message"),
    [("no/where/m.keras", "does not exist"), ("m.h5", "does not end in .keras"), ("folder.keras", "is a folder")],
)
def test_an_output_that_cannot_be_is_refused_before_the_training(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "folder.keras").mkdir()
    with pytest.raises(HostError, match=message):
        check_output(tmp_path / name)
