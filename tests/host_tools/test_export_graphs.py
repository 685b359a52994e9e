"""Networks with branches, batch norm and padding as bundles: what a board computes against Keras and onnxruntime."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="networks are Keras models")

from device_models.macro import MacroConfig
from firmware_py import Chip, Effects, c_engine
from firmware_py.bundle import Bundle
from firmware_py.numpy_engine import ideal_activations
from host_tools.backend import keras
from host_tools.data import scaled
from host_tools.export import ExportOptions, export_bundle
from host_tools.mapping.mask import MaskChoice
from host_tools.models import build
from tests.host_tools import networks
from tests.host_tools.networks import CLASSES, SHAPE, L

COLOUR = networks.data(60, shape=(8, 8, 3))
GREY = networks.data(60)
FINE = ExportOptions(MacroConfig(rows=64, rows_active=32, adc_bits=16), MaskChoice("none"), vectors=6)


@pytest.fixture(autouse=True)
def _without_flatbuffer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("host_tools.tflite.to_tflite", lambda *_: b"TFL3")


def padded() -> Any:
    """Zeros that TensorFlow's 'same' would put elsewhere, in two branches."""
    x = keras.Input(SHAPE)
    pad = L.ZeroPadding2D(1)(x)
    a = L.ReLU()(L.Conv2D(4, 3, strides=2, name="a")(pad))
    b = L.Conv2D(4, (3, 2), strides=2, name="b")(L.ZeroPadding2D(((1, 1), (0, 1)))(x))
    y = L.Add()([a, L.BatchNormalization(name="n")(b)])
    return keras.Model(x, L.Dense(CLASSES, name="d")(L.Flatten()(y)), name="net")


NETWORKS = {
    "resnet8": (lambda: build("resnet8", (8, 8, 3), CLASSES), COLOUR),
    "vgg6": (lambda: build("vgg6", (8, 8, 3), CLASSES), COLOUR),
    "padded": (padded, GREY),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_without_effects_a_chip_answers_as_keras_does_within_rounding(name: str, tmp_path: Path) -> None:
    make, data = NETWORKS[name]
    model = networks.with_statistics(networks.on_levels(make()))
    bundle = export_bundle(tmp_path / "b.safetensors", model, model, networks.whole_levels(), data, FINE, {})
    x = data.x_test[:20]
    expected = np.asarray(model(scaled(x)))
    atol = 1e-4 * np.abs(expected).max()
    np.testing.assert_allclose(ideal_activations(bundle, scaled(x))[-1], expected, atol=atol)
    found = Chip(bundle, engine="numpy", effects=Effects(False, False)).logits_many(x)
    assert np.sqrt(np.mean((found - expected) ** 2)) < 0.05 * expected.std()
    if c_engine.available():
        core = Chip(bundle, engine="c", effects=Effects(False, False))
        np.testing.assert_array_equal(core.logits_many(x), found)


def test_the_mask_and_golden_vectors_come_through_branches(tmp_path: Path) -> None:
    model = networks.with_statistics(padded())
    options = replace(FINE, mask=MaskChoice(sram_percent=30.0, chips=2))
    bundle = export_bundle(tmp_path / "b.safetensors", model, model, networks.whole_levels(), GREY, options, {})
    assert sum(layer.mask_rows.size for layer in bundle.layers) > 20
    chip = Chip(Bundle.open(bundle.path), seed=bundle.golden["seed"], engine="numpy")
    np.testing.assert_allclose(chip.logits_many(bundle.golden_x), bundle.golden_logits, rtol=1e-5, atol=1e-6)


def test_an_imported_network_goes_the_whole_way(tmp_path: Path) -> None:
    """From ONNX to a chip without effects: onnxruntime is the judge."""
    pytest.importorskip("onnxruntime", reason="the reference is onnxruntime")
    from host_tools.importers import load
    from tests.host_tools.importers.graphs import expected, residual

    data = networks.data(40, shape=(9, 12, 3), classes=5)
    path = residual(tmp_path / "net.onnx")
    whole = replace(FINE, clip_sd=20.0)  # nothing is clipped; the levels are many
    bundle = export_bundle(tmp_path / "b.safetensors", load(path), load(path), many_levels(), data, whole, {})
    x = data.x_test[:10]
    wanted = expected(path, scaled(x).transpose(0, 3, 1, 2))
    found = Chip(bundle, engine="numpy", effects=Effects(False, False)).logits_many(x)
    assert np.sqrt(np.mean((found - wanted) ** 2)) < 0.05 * wanted.std()


def many_levels() -> Any:
    """128 levels on whole G steps."""
    from device_models.profile import DeviceProfile
    from tests.host_tools.profiles import changed

    return DeviceProfile.from_dict(changed(levels=[float(i) for i in range(1, 129)]))
