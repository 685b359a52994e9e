"""Roundings with their gradients, tied rows, saving and loading."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the host extra")

from host_tools.backend import keras
from host_tools.data import scaled
from host_tools.integer.layers import ImageCodes, IntegerDense
from host_tools.integer.quantisers import one_bit, to_code
from host_tools.integer.tie import clusters, tie
from host_tools.record import load_model, save_model
from tests.host_tools.integer import nets

ops = keras.ops


class Probe(keras.layers.Layer):
    """Its variable through a function: training one step shows the gradient, on any backend."""

    def __init__(self, function, start):  # type: ignore[no-untyped-def]
        super().__init__()
        self.function, self.w = function, self.add_weight(shape=(len(start),))
        self.w.assign(start)

    def call(self, x):  # type: ignore[no-untyped-def]
        return x * self.function(self.w)


def gradient(function, start: list[float]) -> np.ndarray:  # type: ignore[no-untyped-def]
    probe = Probe(function, start)
    model = keras.Sequential([keras.layers.Input((len(start),)), probe])
    model.compile(optimizer=keras.optimizers.SGD(1.0), loss=lambda y, p: ops.sum(p, axis=-1))
    model.train_on_batch(np.ones((1, len(start)), np.float32), np.zeros((1, 1), np.float32))
    return np.array(start) - keras.ops.convert_to_numpy(probe.w)


def test_one_bit_is_the_sign_and_lets_the_gradient_through() -> None:
    start = [-0.7, -1e-9, 0.0, 0.2]
    np.testing.assert_array_equal(ops.convert_to_numpy(one_bit(ops.convert_to_tensor(start))), [-1, -1, 1, 1])
    np.testing.assert_allclose(gradient(one_bit, start), 1, atol=1e-6)


def test_codes_are_rounded_and_clipped_and_the_gradient_stops_outside() -> None:
    start = [-2.0, -0.4, 0.6, 1.4, 3.4, 3.6]
    codes = ops.convert_to_numpy(to_code(ops.convert_to_tensor(start), 3))
    np.testing.assert_allclose(codes, [0, 0, 1, 1, 3, 3], atol=1e-6)
    np.testing.assert_allclose(gradient(lambda w: to_code(w, 3), start), [0, 1, 1, 1, 1, 0], atol=1e-6)


def test_image_codes_are_the_dacs() -> None:
    x = np.arange(256, dtype=np.float32).reshape(1, 16, 16, 1) / 255
    np.testing.assert_array_equal(ops.convert_to_numpy(ImageCodes(2)(x)), np.rint(x * 3))


def test_tied_rows_are_equal_or_opposite_and_learn_together() -> None:
    layer = IntegerDense(6, tied=2)
    layer.build((None, 5))
    ties = np.array([[1, 0], [0, -1], [-1, 0], [0, 1], [1, 0]])
    layer.tie.assign(ties)
    latent = np.asarray(layer.kernel)
    means = [(latent[0] - latent[2] + latent[4]) / 3, (latent[3] - latent[1]) / 2]
    np.testing.assert_array_equal(layer.weights_1bit(), ties @ np.where(np.stack(means) >= 0, 1, -1))


def test_clusters_are_those_that_were_drawn_up_to_sign() -> None:
    rng = np.random.default_rng(4)
    centres, row, sign = rng.normal(size=(4, 9)), rng.integers(0, 4, 60), rng.choice([-1, 1], 60)
    found, found_sign, found_centres = clusters(sign[:, None] * centres[row] + rng.normal(0, 0.02, (60, 9)), 4)
    assert len({(a, b) for a, b in zip(row, found, strict=True)}) == 4
    np.testing.assert_allclose(found_sign[:, None] * found_centres[found], sign[:, None] * centres[row], atol=0.1)


def test_a_network_with_tied_rows_keeps_everything_else_and_survives_a_file(tmp_path: Path) -> None:
    network = nets.drawn(1)
    tied = tie(network, "fc2", 3)
    weights = tied.get_layer("fc2").weights_1bit()
    kinds = {max(tuple(row), tuple(-row)) for row in weights.astype(int)}
    assert len(kinds) <= 3 < len(weights)
    for layer in network.layers:
        if layer.name != "fc2":
            for old, new in zip(layer.get_weights(), tied.get_layer(layer.name).get_weights(), strict=True):
                np.testing.assert_array_equal(old, new)
    save_model(tied, tmp_path / "tied.keras", {})
    again, x = load_model(tmp_path / "tied.keras"), scaled(nets.images(5))
    np.testing.assert_array_equal(ops.convert_to_numpy(again(x)), ops.convert_to_numpy(tied(x)))
