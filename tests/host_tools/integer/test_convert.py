"""Which chains become integer networks, and what refuses to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the host extra")

from host_tools import models
from host_tools.backend import keras
from host_tools.errors import HostError
from host_tools.integer.convert import to_integer
from tests.host_tools.integer.nets import L, chain, plain


def test_shapes_and_signs_are_the_models() -> None:
    model = models.build("lenet5", (28, 28, 1), 10, 3)
    network = to_integer(model)
    assert network.output_shape == (None, 10)
    analog = ["conv1", "conv2", "fc1", "fc2", "fc3"]
    assert sum(int(np.prod(network.get_layer(name).kernel.shape)) for name in analog) == 61470
    for name in analog:
        kernel = model.get_layer(name).get_weights()[0]
        np.testing.assert_array_equal(
            network.get_layer(name).weights_1bit(), np.where(kernel >= 0, 1, -1).reshape(-1, kernel.shape[-1])
        )


def test_a_functional_chain_is_one_too() -> None:
    image = L.Input((9, 8, 2))
    x = image
    for layer in plain().layers:
        x = type(layer).from_config(layer.get_config())(x)
    functional, sequential = to_integer(keras.Model(image, x)), to_integer(plain())
    assert [w.shape for w in functional.weights] == [w.shape for w in sequential.weights]


def branch() -> Any:
    image = L.Input((4,))
    x = L.Dense(4, activation="relu")(image)
    return keras.Model(image, L.Dense(2)(L.Add()([x, L.Dense(4)(x)])), name="net")


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (lambda: chain(L.Flatten(), L.Dense(3, "tanh", name="a"), L.LayerNormalization(name="b"), L.Dense(2)),
         r"does not carry: a \(activation tanh\), b \(LayerNormalization\)"),
        (lambda: chain(L.Flatten(), L.Dense(3), L.Dense(2, name="b")), r"b \(no ReLU between it and the analog layer"),
        (lambda: chain(L.Flatten(), L.Dense(3, activation="relu", name="a")), r"a \(the end, expected a Dense"),
        (lambda: chain(L.Conv2D(3, 3), L.MaxPooling2D(2, name="p"), L.ReLU(), L.Flatten(), L.Dense(2)),
         r"p \(before the ReLU of its layer, expected after it\)"),
        (branch, "net: not one chain of layers"),
    ],
)  # fmt: skip
def test_what_is_not_carried_is_named(model: Any, text: str) -> None:
    with pytest.raises(HostError, match=text):
        to_integer(model())
