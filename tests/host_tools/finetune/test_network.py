"""Passes through the network: gradients against finite differences, convolutions against scipy and Keras."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.signal import correlate2d

from host_tools.errors import HostError
from host_tools.finetune.network import Network
from host_tools.finetune.windows import Windows
from tests.host_tools.finetune.nets import branched


def test_a_window_product_is_scipys_correlation() -> None:
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=(2, 7, 6, 1)).astype(np.float32), rng.normal(size=(3, 3)).astype(np.float32)
    for mode in ("same", "valid"):
        y = Windows((3, 3), (1, 1), mode == "same").rows(x) @ kernel.reshape(-1, 1)
        for i in range(2):
            np.testing.assert_allclose(y[i, :, :, 0], correlate2d(x[i, :, :, 0], kernel, mode), atol=1e-5)


@pytest.mark.parametrize("same", [True, False])
def test_adding_up_is_the_transpose_of_windows(same: bool) -> None:
    rng = np.random.default_rng(1)
    windows = Windows((3, 2), (2, 1), same)
    x = rng.normal(size=(2, 7, 6, 3)).astype(np.float32)
    rows = windows.rows(x)
    back = rng.normal(size=rows.shape).astype(np.float32)
    assert float((rows * back).sum()) == pytest.approx(float((x * windows.add_up(back, x.shape)).sum()), rel=1e-4)


def test_gradients_are_finite_differences() -> None:
    network = branched()
    rng = np.random.default_rng(2)
    x, v = rng.normal(size=(4, 6, 6, 2)).astype(np.float32), rng.normal(size=(4, 3)).astype(np.float32)

    def transposed(i: int, d: Any) -> Any:
        return (d * network.layers[i].gain) @ network.layers[i].kernel.T

    found = network.backward(network.forward(x), v, transposed)
    assert set(found) == set(range(5))
    for i, layer in enumerate(network.layers):
        for column in range(2):
            step = np.zeros_like(layer.bias)
            step[column] = 2e-3
            up, down = (_moved(network, i, s).forward(x).logits for s in (step, -step))
            assert float(((up - down) * v).sum()) / 4e-3 == pytest.approx(float(found[i][:, column].sum()), abs=0.05)


def _moved(network: Network, i: int, step: Any) -> Network:
    layers = list(network.layers)
    layers[i] = replace(layers[i], bias=layers[i].bias + step)
    return replace(network, layers=tuple(layers))


def test_a_keras_model_with_a_branch_computes_the_same() -> None:
    keras = pytest.importorskip("keras", reason="needs the host extra")
    from host_tools.finetune.from_keras import read_network

    layers = keras.layers
    image = layers.Input((8, 8, 2))
    x = layers.Conv2D(4, 3, padding="same", use_bias=False)(image)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU()(x)
    y = layers.Conv2D(4, 3, padding="same", strides=2, activation="relu")(x)
    x = layers.Add()([y, layers.Conv2D(4, 1, strides=2)(x)])
    x = layers.GlobalAveragePooling2D()(layers.AveragePooling2D(2)(x))
    model = keras.Model(image, layers.Dense(3)(x), name="branches")
    rng = np.random.default_rng(0)
    model.set_weights([np.abs(rng.normal(size=w.shape)) * 0.3 + 0.05 for w in model.get_weights()])
    images = rng.random((5, 8, 8, 2)).astype(np.float32)
    np.testing.assert_allclose(read_network(model).forward(images).logits, model.predict(images, verbose=0), rtol=1e-4)


def test_what_is_not_carried_is_named() -> None:
    keras = pytest.importorskip("keras", reason="needs the host extra")
    from host_tools.finetune.from_keras import read_network

    layers = keras.layers
    for bad, word in ((layers.Dense(4, activation="tanh", name="odd"), "tanh"),
                      (layers.LayerNormalization(name="odd"), "LayerNormalization")):  # fmt: skip
        model = keras.Sequential([layers.Input((5,)), bad, layers.Dense(2)])
        with pytest.raises(HostError, match=f"layer odd.*{word}"):
            read_network(model)
    with pytest.raises(HostError, match="the last layer must be a Dense"):
        read_network(keras.Sequential([layers.Input((5,)), layers.Dense(2, activation="relu")]))
