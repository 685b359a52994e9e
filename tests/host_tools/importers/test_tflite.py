"""Imported .tflite networks against the TFLite interpreter, and files that are none or hold what is not carried."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="the reference is TensorFlow's interpreter")
pytest.importorskip("tflite", reason="needs the package tflite")

import tensorflow as tf

from host_tools.backend import keras
from host_tools.errors import HostError
from host_tools.importers import load
from host_tools.mapping.network import map_model
from host_tools.models import build
from host_tools.tflite import to_tflite
from tests.host_tools import networks
from tests.host_tools.importers.refusal import line
from tests.host_tools.networks import CLASSES, SHAPE, L

X = networks.data().x_test[:40]


def interpreted(flatbuffer: bytes, x: Any) -> tuple[Any, float]:
    """The interpreter's real answers to what its input is given, and the step of its output (0: floating point)."""
    interpreter = tf.lite.Interpreter(model_content=flatbuffer, num_threads=1)
    interpreter.allocate_tensors()
    given, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    scale, zero = result["quantization"]
    out = []
    for image in x:
        interpreter.set_tensor(given["index"], image[None].astype(given["dtype"]))
        interpreter.invoke()
        out.append(interpreter.get_tensor(result["index"])[0])
    return (np.array(out, np.float64) - zero) * (scale or 1.0), float(scale)


def converted(model: Any, quantised: bool = False, samples: Any = None) -> bytes:
    """As a user converts: an unknown batch, floating point, or int8 with these samples."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if quantised:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([sample[None]] for sample in samples)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    from host_tools.quiet import quiet

    with quiet():
        flatbuffer: bytes = converter.convert()
    return flatbuffer


def test_our_own_ideal_network_comes_back(tmp_path: Path) -> None:
    flatbuffer = to_tflite(networks.conv_net(), X / np.float32(255))
    (tmp_path / "net.tflite").write_bytes(flatbuffer)
    model = load(tmp_path / "net.tflite")
    wanted, step = interpreted(flatbuffer, X)
    assert np.abs(np.asarray(model(X / np.float32(255))) - wanted).max() < 4 * step
    assert model.input_shape == (None, *SHAPE)


def test_a_residual_network_comes_back(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 256, (30, 16, 16, 3)).astype(np.uint8)
    source = networks.with_statistics(build("resnet8", (16, 16, 3), CLASSES))
    flatbuffer = to_tflite(source, x / np.float32(255))
    (tmp_path / "net.tflite").write_bytes(flatbuffer)
    model = load(tmp_path / "net.tflite")
    wanted, step = interpreted(flatbuffer, x)
    assert np.abs(np.asarray(model(x / np.float32(255))) - wanted).max() < 6 * step
    assert [node["op"] for node in map_model(model, np.array([1.0, 2.0])).nodes].count("add") == 3


def test_a_floating_point_network_is_exact(tmp_path: Path) -> None:
    """With an unknown batch, so that the file computes shapes; padding and softmax, too."""
    x = keras.Input(SHAPE)
    y = L.Conv2D(3, 3, strides=2, name="a")(L.ZeroPadding2D(((1, 0), (2, 1)))(x))
    y = L.AveragePooling2D(2)(L.ReLU()(L.BatchNormalization()(y)))
    y = L.Dense(CLASSES, activation="softmax", name="d")(L.Flatten()(y))
    source = networks.with_statistics(keras.Model(x, y))
    flatbuffer = converted(source)
    (tmp_path / "net.tflite").write_bytes(flatbuffer)
    model = load(tmp_path / "net.tflite")
    wanted, _ = interpreted(flatbuffer, X / np.float32(255))
    logits = np.asarray(model(X / np.float32(255)), np.float64)
    np.testing.assert_allclose(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), wanted, atol=1e-5)


def test_a_mobile_network_comes_back(tmp_path: Path) -> None:
    """Depthwise, dilated and grouped convolutions, ReLU6, hard swish, a leaky ReLU and joined channels."""
    x = keras.Input((12, 10, 4))
    y = L.ReLU(max_value=6.0)(L.BatchNormalization()(L.DepthwiseConv2D(3, strides=2, padding="same", name="d")(x)))
    z = L.Activation("hard_silu")(L.Conv2D(6, 3, dilation_rate=2, padding="same", name="far")(y))
    z = L.Concatenate(name="join")([y, L.LeakyReLU(negative_slope=0.2)(z)])
    z = L.DepthwiseConv2D(2, depth_multiplier=2, name="double")(z)
    source = networks.with_statistics(keras.Model(x, L.Dense(CLASSES, name="last")(L.GlobalAveragePooling2D()(z))))
    images = np.random.default_rng(3).uniform(0, 1, (6, 12, 10, 4)).astype(np.float32)
    path = tmp_path / "net.tflite"
    one = keras.Input(batch_shape=(1, 12, 10, 4))  # of any batch, the converter takes dilation apart
    path.write_bytes(converted(keras.Model(one, source(one))))
    wanted, _ = interpreted(path.read_bytes(), images)
    found = load(path)
    np.testing.assert_allclose(np.asarray(found(images)), wanted, atol=1e-4 * np.abs(wanted).max())
    kinds = [node["op"] for node in map_model(found, np.array([1.0, 2.0])).nodes]
    assert {"relu6", "hard_swish", "leaky_relu", "concat"} < set(kinds)


def test_a_quantised_input_says_what_pixels_are(tmp_path: Path) -> None:
    """0 to 255 goes into the first weights; -1 to 1 into weights and bias, where nothing is padded by zeros."""
    def source(padding: str) -> Any:
        return networks.chain(L.Conv2D(4, 3, padding=padding, activation="relu", name="c"), L.Flatten(name="f"),
                              L.Dense(CLASSES, name="d"))  # fmt: skip

    for low, high, padding in ((0, 255, "same"), (-1, 1, "valid")):
        samples = (X / np.float32(255) * (high - low) + low).astype(np.float32)
        samples[0].flat[:2] = low, high
        flatbuffer = converted(source(padding), True, samples)
        (tmp_path / "net.tflite").write_bytes(flatbuffer)
        wanted, step = interpreted(flatbuffer, X.astype(int) - 128)
        assert np.abs(np.asarray(load(tmp_path / "net.tflite")(X / np.float32(255))) - wanted).max() < 5 * step
    (tmp_path / "net.tflite").write_bytes(converted(source("same"), True, samples))
    assert "c_1 (zero padding of an input whose black is not 0)" in line(tmp_path / "net.tflite")


def test_what_the_network_does_to_pixels_goes_into_the_first_layer(tmp_path: Path) -> None:
    """Rescaling, as Keras' own examples begin: pixels 0 to 255 become -1 to 1."""
    source = networks.chain(L.Rescaling(1 / 127.5, offset=-1), L.Conv2D(4, 3, activation="relu"), L.Flatten(),
                            L.Dense(CLASSES))  # fmt: skip
    path = tmp_path / "net.tflite"
    path.write_bytes(converted(source))
    wanted, _ = interpreted(path.read_bytes(), X.astype(np.float32))
    found = np.asarray(load(path, (0.0, 255.0))(X / np.float32(255)))
    np.testing.assert_allclose(found, wanted, atol=2e-5 * np.abs(wanted).max())
    path.write_bytes(converted(source, True, X.astype(np.float32)))
    wanted, step = interpreted(path.read_bytes(), X.astype(int) - 128)
    assert np.abs(np.asarray(load(path)(X / np.float32(255))) - wanted).max() < 6 * step


def test_operators_that_are_not_carried_are_named_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = keras.Input(SHAPE)
    y = L.UpSampling2D(2, name="larger")(x)
    y = L.MaxPooling2D(2, padding="same", name="pool")(L.Conv2D(4, 3, activation="tanh", name="c")(y))
    y = L.Dense(CLASSES, name="d")(L.Flatten()(L.ELU(name="elu")(L.Conv2D(4, 2, name="e")(y))))
    (tmp_path / "net.tflite").write_bytes(converted(keras.Model(x, y)))
    monkeypatch.setattr("host_tools.importers.assemble.Builder", lambda *_: pytest.fail("work was done before"))
    told = line(tmp_path / "net.tflite")
    for text in ("the board does not carry: ", "(EXPAND_DIMS)", "(TANH)", "padding 'same'", "(ELU)"):
        assert text in told


def test_damaged_files_are_one_line(tmp_path: Path) -> None:
    whole = to_tflite(networks.conv_net(), X / np.float32(255))
    path = tmp_path / "net.tflite"
    for size in (0, 4, 8, 100, len(whole) // 3, len(whole) // 2):
        path.write_bytes(whole[:size])
        assert line(path)
    path.write_bytes(b"\0" * 100)
    assert line(path) == "not a .tflite file (no TFL3 at its start)"
    data, rng, refused = np.frombuffer(whole, np.uint8), np.random.default_rng(0), list[str]()
    for _ in range(25):
        bad = data.copy()
        bad[8:][rng.integers(0, len(whole) - 8, 30)] = rng.integers(0, 256, 30)
        path.write_bytes(bad.tobytes())
        try:
            load(path)
        except HostError as error:
            refused.append(str(error))
    assert len(refused) > 5
    assert not any("\n" in text for text in refused)
