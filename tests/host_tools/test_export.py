"""Bundles as export writes them: read by the safetensors library and by the board's reader, compared with Keras."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="networks are Keras models")

from safetensors import safe_open
from safetensors.numpy import load_file

from device_models.macro import MacroConfig
from device_models.profile import DeviceProfile
from firmware_py import c_engine
from firmware_py.bundle import Bundle
from firmware_py.cells import Effects
from firmware_py.chip import Chip
from firmware_py.correction import count_sram
from firmware_py.errors import RramError
from firmware_py.numpy_engine import ideal_activations
from host_tools import export
from host_tools.conversion import convert
from host_tools.data import scaled
from host_tools.errors import HostError
from host_tools.export import ExportOptions, export_bundle
from host_tools.mapping.mask import MaskChoice
from host_tools.record import load_model
from tests.host_tools import networks
from tests.host_tools.conftest import Trained
from tests.host_tools.networks import CLASSES, L, chain
from tests.host_tools.profiles import charan

DATA = networks.data(600)
PROFILE = DeviceProfile.load("charan-65nm")
ENGINES = ["numpy", pytest.param("c", marks=pytest.mark.skipif(not c_engine.available(), reason="C core not built"))]
OPTIONS = ExportOptions(mask=MaskChoice(sram_percent=20.0), vectors=16, macro=MacroConfig(rows=64, rows_active=32))


def write(path: Path, model: Any = None, **changes: Any) -> Bundle:
    """A small network as a bundle; `changes` replace arguments of `export_bundle`."""
    model = model or networks.conv_net()
    given = {"ideal": model, "profile": PROFILE, "data": DATA, "options": OPTIONS, "provenance": {"network": {}}}
    return export_bundle(path, model, **{**given, **changes})


@pytest.fixture
def without_flatbuffer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the ideal network out where it is not the subject: its conversion takes a second."""
    monkeypatch.setattr("host_tools.tflite.to_tflite", lambda *_: b"TFL3")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The small network's bundle."""
    return write(tmp_path_factory.mktemp("export") / "small.rram.safetensors")


def test_the_safetensors_library_reads_what_the_board_reads(small: Bundle) -> None:
    tensors = load_file(small.path)
    with safe_open(small.path, "np") as file:
        metadata = file.metadata()
    assert (metadata["format"], metadata["version"], metadata["digest"]) == ("rram-edge", "1", small.digest)
    assert DeviceProfile.from_json(metadata["profile"]) == PROFILE
    assert json.loads(metadata["classes"]) == list(DATA.classes)
    for layer in small.layers:
        for key in ("levels", "gain", "offset", "y_std"):
            np.testing.assert_array_equal(tensors[f"{layer.name}.{key}"], getattr(layer, key))
        np.testing.assert_array_equal(tensors[f"{layer.name}.mask.rows"], layer.mask_rows)
    np.testing.assert_array_equal(tensors["ideal.tflite"], small.ideal_tflite)
    assert bytes(small.ideal_tflite[4:8]) == b"TFL3"


def test_calibration_and_golden_images_are_held_out_training_images(small: Bundle) -> None:
    """Training never saw them, and none of them is a test image."""
    rest, held_out, _ = DATA.validation()
    known, seen = {x.tobytes() for x in held_out}, {x.tobytes() for x in rest.x_train}
    assert len(small.calibration_x) == 16
    for image in (*small.calibration_x, *small.golden_x):
        assert image.tobytes() in known
        assert image.tobytes() not in seen


def test_sram_stays_within_what_was_asked_for(small: Bundle) -> None:
    count = count_sram(small)
    assert 19.9 < count.percent <= 20.0
    assert count.values == sum(layer.mask_rows.size for layer in small.layers)


@pytest.mark.parametrize("engine", ENGINES)
def test_golden_vectors_hold(small: Bundle, engine: Any) -> None:
    chip = Chip(small, seed=small.golden["seed"], engine=engine)
    np.testing.assert_allclose(chip.logits_many(small.golden_x), small.golden_logits, rtol=1e-5, atol=1e-6)


def test_without_noise_a_chip_with_fine_converters_answers_as_keras_does(
    tmp_path: Path, without_flatbuffer: None
) -> None:
    """Whole way: mapping, ranges, tiles and converters; also where inputs are signed."""
    signed = chain(L.Flatten(name="f"), L.Dense(20, name="a"), L.Dense(CLASSES, name="b"))
    fine = replace(OPTIONS, macro=MacroConfig(rows=64, rows_active=32, adc_bits=16))
    for name, net in (("conv", networks.conv_net()), ("signed", signed)):
        model = networks.on_levels(net)
        write(tmp_path / f"{name}.safetensors", model, profile=networks.whole_levels(), options=fine)
        chip = Chip.open(tmp_path / f"{name}.safetensors", engine="numpy", effects=Effects(False, False))
        expected = model.predict(scaled(DATA.x_test[:100]), verbose=0)
        found = chip.logits_many(DATA.x_test[:100])
        assert np.sqrt(np.mean((found - expected) ** 2)) < 0.03 * expected.std(), name
        np.testing.assert_allclose(
            ideal_activations(chip.bundle, scaled(DATA.x_test[:100]))[-1], expected, atol=1e-4, err_msg=name
        )


def test_the_exported_students_ideal_is_keras_prediction_without_noise(trained: Trained) -> None:
    bundle, student = Bundle.open(trained.files.bundle), load_model(trained.files.student)
    x = scaled(trained.data.x_test)
    expected = student.predict(x, verbose=0)
    np.testing.assert_allclose(ideal_activations(bundle, x)[-1], expected, atol=1e-4 * np.abs(expected).max())


def test_weights_that_training_held_exactly_start_with_their_values(tmp_path: Path, without_flatbuffer: None) -> None:
    student = convert(chain(L.Conv2D(4, 3, name="c"), L.ReLU(), L.Flatten(), L.Dense(CLASSES, name="d")), charan())
    student.get_layer("c").gain.assign([1, 2, 0.5, -1])
    for layer in ("c", "d"):
        mask = student.get_layer(layer).exact_mask
        mask.assign(np.random.default_rng(0).random(mask.shape) < 0.1)
    bundle = write(tmp_path / "b.safetensors", student, options=replace(OPTIONS, mask=MaskChoice(sram_percent=30)))
    expected = student.predict(scaled(DATA.x_test), verbose=0)
    found = ideal_activations(bundle, scaled(DATA.x_test))[-1]
    np.testing.assert_allclose(found, expected, atol=2e-4 * np.abs(expected).max())
    assert sum(layer.mask_rows.size for layer in bundle.layers) == sum(
        int(np.asarray(student.get_layer(layer).exact_mask).sum()) for layer in ("c", "d")
    )
    with pytest.raises(HostError, match="trained with a mask of more than"):
        write(tmp_path / "c.safetensors", student, options=replace(OPTIONS, mask=MaskChoice(sram_percent=5)))


def test_the_spread_of_outputs_is_that_of_the_ideal_network(small: Bundle) -> None:
    expected = ideal_activations(small, scaled(small.calibration_x))
    for layer, y in zip(small.layers, expected, strict=True):
        np.testing.assert_allclose(layer.y_std, y.reshape(-1, layer.n).std(axis=0), rtol=1e-5)


def test_the_same_inputs_give_the_same_bundle(small: Bundle, tmp_path: Path, without_flatbuffer: None) -> None:
    first, again = write(tmp_path / "a.safetensors"), write(tmp_path / "b.safetensors")
    assert first.digest == again.digest
    other = write(tmp_path / "c.safetensors", options=replace(OPTIONS, seed=1))
    assert other.digest != first.digest


def test_conversion_of_the_ideal_network_repeats(small: Bundle, tmp_path: Path) -> None:
    assert write(tmp_path / "again.safetensors").digest == small.digest


def test_few_held_out_images_are_enough(tmp_path: Path, without_flatbuffer: None) -> None:
    data = networks.data(30)
    bundle = write(tmp_path / "b.safetensors", data=data)
    assert len(bundle.calibration_x) == len(data.validation()[1]) == 3
    assert len(bundle.golden_x) == 8


def broken(path: Path, match: str, **changes: Any) -> None:
    """Export refuses with one line, and neither writes nor leaves a scratch file."""
    before = sorted(path.parent.glob("*")) if path.parent.is_dir() else []
    with pytest.raises((HostError, RramError), match=match) as error:
        write(path, **changes)
    assert "\n" not in str(error.value)
    assert (sorted(path.parent.glob("*")) if path.parent.is_dir() else []) == before


def nan_weights() -> Any:
    """A network that training broke."""
    model = networks.conv_net()
    model.get_layer("fc1").set_weights([np.nan * w for w in model.get_layer("fc1").get_weights()])
    return model


def test_what_cannot_be_exported_is_refused(tmp_path: Path, without_flatbuffer: None) -> None:
    path = tmp_path / "b.safetensors"
    color = networks.data(shape=(8, 8, 3))
    broken(path, r"input \[8, 8, 1\] and 4 classes, data set corners has \[8, 8, 3\]", data=color)
    broken(path, "4 classes, data set corners has .* and 3", data=networks.data(classes=3))
    broken(path, "fc1: a weight is NaN", model=nan_weights())
    broken(path, "--sram: 1.0 % given", options=replace(OPTIONS, mask=MaskChoice(sram_percent=1.0)))
    other = chain(L.Flatten(name="f"), L.Dense(CLASSES, name="d"), shape=(6, 6, 1))
    broken(path, r"net: input \[6, 6, 1\]", ideal=other)


def test_a_missing_folder_is_said_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="does not exist"):
        write(tmp_path / "no" / "b.safetensors", model=object())


def test_a_failure_at_the_end_leaves_the_old_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without_flatbuffer: None
) -> None:
    path = tmp_path / "b.safetensors"
    old = write(path).digest
    calls = []

    def second_write_fails(draft: Path, metadata: dict[str, str], tensors: export.Tensors) -> None:
        calls.append(draft)
        if len(calls) == 2:
            draft.write_bytes(b"half")
            raise OSError(28, "No space left on device")
        original(draft, metadata, tensors)

    original = export.write_bundle
    monkeypatch.setattr(export, "write_bundle", second_write_fails)
    with pytest.raises(OSError, match="No space"):
        write(path, options=replace(OPTIONS, seed=5))
    assert Bundle.open(path).digest == old
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_bundle_is_put_in_place_of_the_old_one_in_one_step(tmp_path: Path, without_flatbuffer: None) -> None:
    """By a rename: who has the old file open (boards map it) keeps the old one, whole."""
    path = tmp_path / "b.safetensors"
    old = write(path).digest
    (tmp_path / "old").hardlink_to(path)
    assert write(path, options=replace(OPTIONS, seed=5)).digest != old
    assert Bundle.open(tmp_path / "old").digest == old
