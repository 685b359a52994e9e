"""Passes through the network: gradients against finite differences, Keras models with branches against Keras."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from host_tools.errors import HostError
from host_tools.finetune.chip import Chip
from host_tools.finetune.network import Network
from host_tools.finetune.tune import fine_tune
from host_tools.finetune.tuning import Tuning
from tests.host_tools.finetune.nets import branched, technology


def test_gradients_are_finite_differences() -> None:
    network = branched()
    rng = np.random.default_rng(2)
    x, v = rng.normal(size=(4, 6, 6, 2)).astype(np.float32), rng.normal(size=(4, 3)).astype(np.float32)

    def transposed(i: int, d: Any) -> Any:
        return (d * network.layers[i].gain) @ network.layers[i].weights.T

    found = network.backward(network.forward(x), v, transposed)
    assert set(found) == set(range(5))
    for i, layer in enumerate(network.layers):
        for column in range(2):
            step = np.zeros_like(layer.bias)
            step[column] = 5e-4
            up, down = (_moved(network, i, s).forward(x).logits for s in (step, -step))
            assert float(((up - down) * v).sum()) / 1e-3 == pytest.approx(float(found[i][:, column].sum()), abs=0.02)


def _moved(network: Network, i: int, step: Any) -> Network:
    layers = list(network.layers)
    layers[i] = replace(layers[i], bias=layers[i].bias + step)
    return replace(network, layers=tuple(layers))


def test_rows_of_a_layer_are_those_of_a_whole_pass_and_use_no_layer_behind() -> None:
    network, x = branched(), np.random.default_rng(0).random((3, 6, 6, 2)).astype(np.float32)
    met: dict[int, Any] = {}

    def noted(layer: int, rows: Any) -> Any:
        met[layer] = rows
        return network.exact(layer, rows)

    done = network.forward(x, noted)
    for layer in range(5):
        used: list[int] = []

        def product(i: int, rows: Any, used: list[int] = used) -> Any:
            used.append(i)
            return network.exact(i, rows)

        np.testing.assert_array_equal(network.rows(layer, x, product), met[layer])
        assert max(used, default=-1) < layer
        np.testing.assert_allclose(network.answers(layer, done), network.exact(layer, met[layer]), rtol=1e-6)


def test_resnet8_is_carried_and_rewriting_brings_its_logits_back() -> None:
    pytest.importorskip("keras", reason="needs the host extra")
    from host_tools import models
    from host_tools.finetune.network import read_network

    model = models.build("resnet8", (8, 8, 3), 4, 0)
    rng = np.random.default_rng(0)
    images = rng.random((64, 8, 8, 3)).astype(np.float32)
    network = read_network(model, 1.0)
    ideal = network.forward(images).logits
    np.testing.assert_allclose(ideal, model.predict(images, verbose=0), atol=1e-3 * float(np.abs(ideal).max()))
    off = []
    for writes in (0.0, 0.3):
        chip = Chip(network, technology(), seed=1)
        before = network.forward(images, chip.product).logits
        fine_tune(chip, images, np.zeros(64, np.int64), Tuning(writes=writes, images=64, vectors=256, kd=False), seed=0)
        off.append(float(((network.forward(images, chip.product).logits - ideal) ** 2).mean()))
    assert off[1] < 0.7 * off[0] < 0.7 * float(((before - ideal) ** 2).mean())


def test_batch_norm_is_folded_and_what_is_not_carried_is_named() -> None:
    keras = pytest.importorskip("keras", reason="needs the host extra")
    from host_tools.finetune.network import read_network

    layers = keras.layers
    model = keras.Sequential([layers.Input((6, 6, 2)), layers.Conv2D(4, 3, use_bias=False, name="conv"),
                              layers.BatchNormalization(), layers.ReLU(), layers.Flatten(),
                              layers.Dense(3)])  # fmt: skip
    rng = np.random.default_rng(0)
    model.set_weights([np.abs(rng.normal(size=w.shape)) * 0.3 + 0.05 for w in model.get_weights()])
    images = rng.random((5, 6, 6, 2)).astype(np.float32)
    network = read_network(model, 0.7)
    np.testing.assert_allclose(network.forward(images).logits, model.predict(images, verbose=0), rtol=1e-3)
    kernel = np.asarray(model.get_layer("conv").kernel)
    assert network.layers[0].clip == pytest.approx(0.7 * kernel.std(), rel=1e-3)
    np.testing.assert_allclose(network.layers[0].weights, kernel.reshape(18, 4), atol=1e-4)
    for bad, word in ((layers.Dense(4, activation="tanh", name="odd"), "tanh"),
                      (layers.LayerNormalization(name="odd"), "LayerNormalization")):  # fmt: skip
        with pytest.raises(HostError, match=f"odd.*{word}"):
            read_network(keras.Sequential([layers.Input((5,)), bad, layers.Dense(2)]), 1.0)
    flat = keras.Sequential([layers.Input((5,)), layers.Dense(2, kernel_initializer="ones", name="flat")])
    with pytest.raises(HostError, match="flat: all weights are the same"):
        read_network(flat, 1.0)
