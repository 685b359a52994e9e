"""A small integer network with every step, its norms and latent weights drawn: nothing about it is special."""

from __future__ import annotations

from typing import Any

import numpy as np

from host_tools.backend import keras
from host_tools.integer.convert import to_integer
from host_tools.integer.layers import Codes

L = keras.layers


def chain(*layers: Any, shape: tuple[int, ...] = (9, 8, 2)) -> Any:
    return keras.Sequential([L.Input(shape), *layers], name="net")


def plain() -> Any:
    """Both paddings, strides, batch norm, ReLU as a layer and as an activation, pooling that leaves a row out."""
    return chain(
        L.Conv2D(5, 3, padding="same", name="conv1"), L.BatchNormalization(name="norm1"), L.ReLU(name="relu1"),
        L.MaxPooling2D(2, name="pool1"), L.Conv2D(6, (2, 3), strides=(2, 1), padding="same", activation="relu",
        name="conv2"), L.Flatten(name="flatten"), L.Dropout(0.5, name="drop"), L.Dense(11, name="fc1"),
        L.Activation("relu", name="relu2"), L.Dense(4, name="fc2"),
    )  # fmt: skip


def drawn(seed: int = 0, bits: int = 2) -> Any:
    """The integer network of `plain`, each variable drawn; some norms have a negative or a zero factor."""
    network, rng = to_integer(plain(), bits), np.random.default_rng(seed)
    for layer in network.layers:
        if isinstance(layer, Codes):
            n = layer.gamma.shape[0]
            gamma = rng.normal(0, 1.5, n)
            gamma[0] = 0.0
            layer.set_weights([gamma, rng.normal(0.7, 1, n), rng.normal(0, 3, n), rng.uniform(5, 60, n)])
        elif layer.weights and layer.name != "logit_scale":
            layer.set_weights([rng.uniform(-1, 1, w.shape) for w in layer.weights])
    return network


def images(n: int = 60, seed: int = 0, shape: tuple[int, ...] = (9, 8, 2)) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (n, *shape)).astype(np.uint8)
