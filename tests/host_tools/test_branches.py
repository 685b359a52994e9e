"""A network with branches against Keras: the ideal outputs, an emulated chip without its effects, and gradients."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="gradients by TensorFlow")

import tensorflow as tf

from firmware_py import Effects
from firmware_py.bundle import Bundle
from firmware_py.correction import initial_correction
from firmware_py.numpy_engine import NumpyEngine, ideal_activations, level_weights
from host_tools import emulate
from host_tools.backend import keras
from tests.firmware_py.make_bundle import RESNET, Synthetic, make_bundle

L = keras.layers
SHAPE = (8, 8, 2)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Converters of many levels that reach far enough."""
    spec = Synthetic(nodes=RESNET, input_shape=SHAPE, mask_share=0.0, adc_bits=16, dac_bits=8)
    found = Bundle.open(make_bundle(tmp_path_factory.mktemp("branches") / "b", spec))
    return replace(found, layers=tuple(replace(layer, adc_lsb=np.float32(60)) for layer in found.layers))


def keras_network(bundle: Bundle) -> Any:
    """The same graph, written down once more, with the weights that the levels stand for."""

    def conv(x: Any, name: str, channels: int, width: int, stride: int = 1) -> Any:
        return L.Conv2D(channels, width, stride, "same", name=name)(x)

    image = L.Input(SHAPE)
    x = L.ReLU()(conv(image, "conv1", 5, 3))
    x = L.ReLU()(L.Add()([conv(x, "a1", 5, 3), x]))
    y = conv(L.ReLU()(conv(x, "b1", 6, 3, 2)), "b2", 6, 3)
    x = L.ReLU()(L.Add()([y, conv(x, "short", 6, 1, 2)]))
    outputs = L.Dense(4, name="fc")(L.GlobalAveragePooling2D()(x))
    model = keras.Model(image, outputs)
    for layer in bundle.layers:
        kernel = level_weights(bundle, layer) * layer.gain
        twin = model.get_layer(layer.name)
        twin.set_weights([kernel.reshape(twin.kernel.shape), layer.offset])
    return model


def images(count: int) -> np.ndarray:
    return np.random.default_rng(4).random((count, *SHAPE), dtype=np.float32)


def test_the_ideal_outputs_are_those_of_keras(bundle: Bundle) -> None:
    x, model = images(5), keras_network(bundle)
    probe = keras.Model(model.inputs, [model.get_layer(layer.name).output for layer in bundle.layers])
    for layer, found, expected in zip(bundle.layers, ideal_activations(bundle, x), probe(x), strict=True):
        np.testing.assert_allclose(found, np.asarray(expected).reshape(found.shape), atol=2e-5, err_msg=layer.name)


def test_a_chip_without_its_effects_is_keras_network_but_for_rounding(bundle: Bundle) -> None:
    """Codes of 8 bits: the DACs of all layers are set to the largest input that they meet."""
    x, model = images(20), keras_network(bundle)
    weights = [level_weights(bundle, layer) * layer.gain for layer in bundle.layers]
    run = emulate.forward(bundle.nodes, bundle.layers, weights, x)
    np.testing.assert_allclose(run.logits, model(x), atol=2e-5)
    layers = list(bundle.layers)
    for node, a in zip(bundle.nodes, run.inputs, strict=True):
        if node.layer > 0:
            largest = np.float32(np.abs(a).max() / (127 if node.signed else 255))
            layers[node.layer] = replace(layers[node.layer], dac_lsb=largest)
    tuned = replace(bundle, layers=tuple(layers))
    engine = NumpyEngine(tuned, 0, Effects(programming=False, read_noise=False), initial_correction(tuned))
    expected = np.asarray(model(x))
    assert np.abs(engine.logits(x, 0) - expected).max() < 0.01 * np.abs(expected).max()


def test_the_fisher_information_goes_through_every_branch(bundle: Bundle) -> None:
    x, model, labels = images(6), keras_network(bundle), np.array([0, 1, 2, 3, 0, 1])
    kernels = [model.get_layer(layer.name).kernel.value for layer in bundle.layers]
    with tf.GradientTape() as tape:
        loss = tf.keras.losses.sparse_categorical_crossentropy(labels, model(x, training=False), from_logits=True)
    gradients = tape.jacobian(loss, kernels)
    weights = [level_weights(bundle, layer) * layer.gain for layer in bundle.layers]
    found = emulate.fisher(bundle.nodes, weights, emulate.forward(bundle.nodes, bundle.layers, weights, x), labels)
    for own, gradient in zip(found, gradients, strict=True):
        expected = np.mean(np.square(np.asarray(gradient)), axis=0).reshape(own.shape)
        np.testing.assert_allclose(own, expected, rtol=1e-3, atol=1e-5 * expected.max())
