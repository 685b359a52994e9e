"""The batched chip of the export against Keras' outputs and TensorFlow's per-sample gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="networks are Keras models")

import tensorflow as tf

from device_models.profile import DeviceProfile
from firmware_py.cells import Effects, draw_conductances
from host_tools import emulate
from host_tools.data import scaled
from host_tools.mapping.network import map_model
from tests.host_tools import networks
from tests.host_tools.networks import CLASSES, L, chain

DATA = networks.data(40)
X, Y = scaled(DATA.x_train), DATA.y_train
NETWORKS = {
    "conv": lambda: networks.conv_net(),
    "pool first": lambda: chain(L.MaxPooling2D(2), L.Conv2D(3, 2, strides=2, name="a"), L.Flatten(), L.Dense(CLASSES)),
    "flatten first": lambda: chain(L.Flatten(), L.Dense(7, name="a"), L.ReLU(), L.Dense(CLASSES, name="b")),
}


def kernels(model: Any) -> list[Any]:
    """Keras' kernels in the order of the layers."""
    return [layer.kernel for layer in model.layers if layer.get_weights()]


def matrices(values: list[Any]) -> list[np.ndarray]:
    """Kernels [..., N] as matrices [K, N]."""
    return [np.asarray(v).reshape(-1, v.shape[-1]) for v in values]


@pytest.mark.parametrize("kind", NETWORKS)
def test_forward_is_that_of_keras(kind: str) -> None:
    model = NETWORKS[kind]()
    nodes, layers = networks.bare(map_model(model, np.array([1.0, 2.0])))
    run = emulate.forward(nodes, layers, matrices([k.numpy() for k in kernels(model)]), X)
    np.testing.assert_allclose(run.logits, model.predict(X, verbose=0), atol=1e-5)
    assert [x.shape[1:] for x in run.inputs] == [node.in_shape for node in nodes]


@pytest.mark.parametrize("kind", NETWORKS)
def test_fisher_is_the_mean_square_of_tensorflows_gradients_per_sample(kind: str) -> None:
    model = NETWORKS[kind]()
    variables = [k.value for k in kernels(model)]
    with tf.GradientTape() as tape:
        loss = tf.keras.losses.sparse_categorical_crossentropy(Y, model(X, training=False), from_logits=True)
    gradients = tape.jacobian(loss, variables)
    expected = matrices([np.mean(np.square(g.numpy()), axis=0) for g in gradients])
    nodes, layers = networks.bare(map_model(model, np.array([1.0, 2.0])))
    weights = matrices([k.numpy() for k in kernels(model)])
    found = emulate.fisher(nodes, weights, emulate.forward(nodes, layers, weights, X), Y)
    for own, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(own, theirs, rtol=2e-4, atol=1e-6 * theirs.max())


def test_weights_of_a_chip_are_its_cells_in_units_of_weight_with_the_gains() -> None:
    profile = DeviceProfile.load("charan-65nm")
    targets = np.array(profile.levels.conductance_uS)
    network = map_model(networks.conv_net(), targets)
    network.layers[1].gain[:] = [1, 2, 0.5, -1, 1, 3]
    _, layers = networks.bare(network)
    tables = networks.tables_of(profile)
    step_uS = (targets[-1] - targets[0]) / 2048
    for i, weights in enumerate(emulate.chip_weights(layers, tables, seed=9)):
        g_uS = draw_conductances(layers[i], i, tables, 9, Effects()) * step_uS
        weight_per_uS = network.layers[i].clip / (targets[-1] - targets[0])
        expected = (g_uS[0] - g_uS[1]) * weight_per_uS * network.layers[i].gain
        np.testing.assert_allclose(weights, expected, rtol=1e-5, atol=1e-7)
