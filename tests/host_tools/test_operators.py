"""Every operator that a board carries: on random shapes against Keras, each one against LiteRT in float32."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="networks are Keras models")

import tensorflow as tf
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from device_models.macro import MacroConfig
from firmware_py import Chip, Effects, c_engine
from firmware_py.graph import digital, im2col, parse_graph, spread_out
from firmware_py.numpy_engine import ideal_activations
from firmware_py.walk import run
from host_tools.backend import keras
from host_tools.data import scaled
from host_tools.errors import HostError
from host_tools.export import ExportOptions, export_bundle
from host_tools.mapping.mask import MaskChoice
from host_tools.mapping.network import map_model
from host_tools.quiet import quiet
from tests.host_tools import networks
from tests.host_tools.networks import CLASSES, L, chain

FINE = ExportOptions(MacroConfig(rows=64, rows_active=32, adc_bits=16), MaskChoice("none"), vectors=4, clip_sd=1e6)
ACTIVATIONS = {
    "relu6": lambda: L.ReLU(max_value=6.0), "leaky": lambda: L.LeakyReLU(negative_slope=0.3),
    "leaky_by_name": lambda: L.Activation("leaky_relu"), "hard_swish": lambda: L.Activation("hard_silu"),
    "softmax": lambda: L.Softmax(), "relu": lambda: L.ReLU(), "sloped": lambda: L.ReLU(negative_slope=0.1),
}  # fmt: skip


@st.composite
def convolutions(draw: st.DrawFn, channels: int) -> Any:
    """A convolution layer of any groups, dilation, stride and padding on `channels` channels."""
    size = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    padding = draw(st.sampled_from(["same", "valid"]))
    apart = draw(st.sampled_from([1, 2, (2, 1)]))
    stride = draw(st.integers(1, 2)) if apart == 1 else 1
    more = {"padding": padding, "strides": stride, "dilation_rate": apart}
    if draw(st.booleans()):
        return L.DepthwiseConv2D(size, depth_multiplier=draw(st.integers(1, 3)), **more)
    groups = draw(st.sampled_from([g for g in range(1, channels + 1) if channels % g == 0]))
    return L.Conv2D(groups * draw(st.integers(1, 3)), size, groups=groups, **more)


@st.composite
def graphs(draw: st.DrawFn) -> Any:
    """A network with branches: convolutions of every kind, activations, sums, joined channels, pools, dense layers."""
    shape = (draw(st.integers(6, 9)), draw(st.integers(6, 9)), draw(st.sampled_from([1, 2, 4])))
    x = y = keras.Input(shape)
    for _ in range(draw(st.integers(1, 3))):
        if min(y.shape[1:3]) < 5:
            break
        y = draw(convolutions(y.shape[-1]))(y)
        kinds = draw(st.lists(st.sampled_from(sorted(ACTIVATIONS)), min_size=1, max_size=2))
        branches = [ACTIVATIONS[kind]()(y) for kind in kinds]
        join = draw(st.sampled_from([L.Concatenate, L.Add]))
        y = join()(branches) if len(branches) > 1 else branches[0]
    y = L.Flatten()(y) if draw(st.booleans()) else L.GlobalAveragePooling2D()(y)
    return keras.Model(x, L.Dense(CLASSES)(y), name="net")


@settings(max_examples=25, deadline=None)
@given(graphs())
def test_random_graphs_answer_as_keras_does(model: Any) -> None:
    data = networks.data(40, shape=tuple(model.input_shape[1:]))
    model = networks.on_levels(model)
    assume(all(np.ptp(layer.kernel) > 0 for layer in model.layers if hasattr(layer, "kernel")))  # or there is no clip
    x = scaled(data.x_test[:6])
    expected = np.asarray(model(x))
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("host_tools.tflite.to_tflite", lambda *_: b"TFL3")
        path = Path(folder) / "b.safetensors"
        bundle = export_bundle(path, model, model, networks.whole_levels(), data, FINE, {})
        ideal = ideal_activations(bundle, x)[-1]
        np.testing.assert_allclose(ideal, expected, atol=2e-4 * max(np.abs(expected).max(), 1e-3))
        quantised = Chip(bundle, engine="numpy", effects=Effects(False, False)).logits_many(x)
        if c_engine.available():
            core = Chip(bundle, engine="c", effects=Effects(False, False))
            np.testing.assert_array_equal(core.logits_many(x), quantised)


def lite(model: Any, x: np.ndarray) -> np.ndarray:
    """What LiteRT makes of the same model in float32."""
    inputs = keras.Input(batch_shape=x.shape)
    fixed = keras.Model(inputs, model(inputs))
    with quiet():
        flatbuffer = tf.lite.TFLiteConverter.from_keras_model(fixed).convert()
    network = tf.lite.Interpreter(model_content=flatbuffer, num_threads=1)
    network.allocate_tensors()
    network.set_tensor(network.get_input_details()[0]["index"], x)
    network.invoke()
    return np.asarray(network.get_tensor(network.get_output_details()[0]["index"]))


def ours(model: Any, x: np.ndarray) -> np.ndarray:
    """The operators of the board, weights as they are, up to the dense layer at the end."""
    mapped = map_model(model, np.linspace(0, 1, 4001), clip_sd=1e6)
    nodes = parse_graph({"nodes": mapped.nodes}, mapped.input_shape, HostError)

    def compute(i: int, a: np.ndarray) -> np.ndarray:
        node = nodes[i]
        if node.layer < 0:
            return digital(a, node)
        layer = mapped.layers[node.layer]
        w = (layer.signed * (layer.clip / 4000)).astype(np.float32)
        y = im2col(a, node) @ spread_out(w, node) * layer.gain + layer.bias
        return y.reshape(len(a), *node.out_shape).astype(np.float32)

    return run(nodes, x, compute)


SINGLE = {
    "dilated": lambda: L.Conv2D(5, (3, 2), dilation_rate=(2, 3), padding="same"),
    "grouped": lambda: L.Conv2D(6, 3, groups=2, strides=2, padding="same"),
    "depthwise": lambda: L.DepthwiseConv2D((3, 2), depth_multiplier=2),
    "depthwise dilated": lambda: L.DepthwiseConv2D(3, dilation_rate=2, padding="same"),
    "depthwise strided": lambda: L.DepthwiseConv2D(3, strides=2, padding="same"),
    "max pool": lambda: L.MaxPooling2D((2, 3), strides=2), "average pool": lambda: L.AveragePooling2D((3, 2)),
    "global": lambda: L.GlobalAveragePooling2D(), **ACTIVATIONS,
}  # fmt: skip


@pytest.mark.parametrize("name", SINGLE)
def test_each_operator_answers_as_litert_does(name: str) -> None:
    model = chain(SINGLE[name](), L.Flatten(), L.Dense(CLASSES), shape=(9, 8, 4), seed=3)
    x = np.random.default_rng(4).normal(0, 3, (2, 9, 8, 4)).astype(np.float32)
    expected = lite(model, x)
    np.testing.assert_allclose(ours(model, x), expected, atol=2e-3 * np.abs(expected).max())


def test_joined_channels_answer_as_litert_does() -> None:
    x = keras.Input((7, 6, 2))
    joined = L.Concatenate()([L.Conv2D(3, 3, padding="same")(x), x, L.ReLU()(x)])
    model = keras.Model(x, L.Dense(CLASSES)(L.Flatten()(joined)))
    images = np.random.default_rng(4).normal(0, 1, (2, 7, 6, 2)).astype(np.float32)
    expected = lite(model, images)
    np.testing.assert_allclose(ours(model, images), expected, atol=2e-3 * np.abs(expected).max())


def mobile() -> Any:
    """What a small MobileNet is made of: depthwise and pointwise convolutions, batch norm, ReLU6, a joined branch."""
    x = keras.Input((8, 8, 3))
    y = L.ReLU(max_value=6.0)(L.BatchNormalization()(L.Conv2D(6, 3, strides=2, padding="same", use_bias=False)(x)))
    z = L.BatchNormalization()(L.DepthwiseConv2D(3, padding="same", use_bias=False)(y))
    z = L.Activation("hard_silu")(L.BatchNormalization()(L.Conv2D(8, 1)(L.ReLU(max_value=6.0)(z))))
    z = L.Concatenate()([y, z])
    return keras.Model(x, L.Dense(CLASSES)(L.GlobalAveragePooling2D()(z)), name="mobile")


def test_a_mobile_network_maps_masks_calibrates_and_learns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("host_tools.tflite.to_tflite", lambda *_: b"TFL3")
    model = networks.with_statistics(networks.on_levels(mobile()))
    data = networks.data(80, shape=(8, 8, 3))
    options = replace(FINE, mask=MaskChoice(sram_percent=60.0, chips=2), vectors=32)
    bundle = export_bundle(tmp_path / "b.safetensors", model, model, networks.whole_levels(), data, options, {})
    assert sum(layer.mask_rows.size for layer in bundle.layers if layer.node.groups > 1) > 0
    ideal = ideal_activations(bundle, scaled(data.x_test))[-1]
    states = []
    for engine in ["numpy", "c"] if c_engine.available() else ["numpy"]:
        chip = Chip(bundle, 3, engine)
        before = np.sqrt(np.mean((chip.logits_many(data.x_test) - ideal) ** 2))
        chip.calibrate(in_core=False)
        assert np.sqrt(np.mean((chip.logits_many(data.x_test) - ideal) ** 2)) < 0.7 * before
        for image, label in zip(data.x_train[:20], data.y_train[:20], strict=True):
            chip.learn_one(image, int(label))
        states.append(chip.correction.arrays(bundle))
    for name in states[0]:
        for other in states[1:]:
            np.testing.assert_array_equal(other[name], states[0][name], err_msg=name)
