"""The ideal network as a flatbuffer, run by an interpreter, against Keras."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="networks are Keras models")

import tensorflow as tf

from host_tools.conversion import Conversion, convert
from host_tools.data import scaled
from host_tools.errors import HostError
from host_tools.record import load_model
from host_tools.tflite import to_tflite
from tests.host_tools import networks
from tests.host_tools.conftest import Trained
from tests.host_tools.networks import CLASSES, L, chain
from tests.host_tools.profiles import charan


def run(flatbuffer: bytes, x: np.ndarray) -> tuple[np.ndarray, float]:
    """Outputs of images uint8, one at a time, as real numbers; and what one output code stands for."""
    network = tf.lite.Interpreter(model_content=flatbuffer, num_threads=1)
    network.allocate_tensors()
    source, sink = network.get_input_details()[0], network.get_output_details()[0]
    assert source["dtype"] == sink["dtype"] == np.uint8
    assert source["quantization"][0] == pytest.approx(1 / 255, rel=1e-3)  # a pixel is its own code
    assert source["quantization"][1] == 0
    scale, zero = sink["quantization"]
    out = []
    for image in x:
        network.set_tensor(source["index"], image[None])
        network.invoke()
        out.append((network.get_tensor(sink["index"])[0].astype(float) - zero) * scale)
    return np.array(out), scale


def test_a_trained_network_keeps_its_outputs_within_int8_and_its_classes(trained: Trained) -> None:
    teacher, data = load_model(trained.files.teacher), trained.data
    expected = teacher.predict(scaled(data.x_test), verbose=0)
    found, _ = run(to_tflite(teacher, scaled(data.x_train[:300])), data.x_test)
    spread = expected.std()
    assert np.sqrt(np.mean((found - expected) ** 2)) < 0.04 * spread
    assert np.abs(found - expected).max() < 0.5 * spread
    assert np.mean(found.argmax(axis=1) == expected.argmax(axis=1)) > 0.98


def test_every_operator_of_the_board_converts() -> None:
    model, x = networks.conv_net(), networks.data().x_test
    found, lsb = run(to_tflite(model, scaled(x)), x[:50])
    expected = model.predict(scaled(x[:50]), verbose=0)
    assert np.abs(found - expected).max() < 8 * lsb


def test_a_student_can_be_its_own_ideal_network() -> None:
    network = chain(L.Conv2D(3, 3, name="c"), L.ReLU(), L.Flatten(), L.Dense(CLASSES, name="d"))
    student = convert(network, charan(), options=Conversion(clip=2.0))
    x = networks.data().x_test
    found, lsb = run(to_tflite(student, scaled(x)), x[:50])
    assert np.abs(found - student.predict(scaled(x[:50]), verbose=0)).max() < 8 * lsb


def test_a_network_that_does_not_convert_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no such operator\nand pages of detail")

    monkeypatch.setattr(tf.lite.TFLiteConverter, "from_keras_model", lambda _: type("C", (), {
        "convert": broken, "target_spec": type("T", (), {})()})())  # fmt: skip
    with pytest.raises(HostError, match=r"^net: LiteRT cannot hold it: no such operator$"):
        to_tflite(networks.conv_net(), scaled(networks.data().x_test))
