"""Small Keras networks and data for the tests of mapping, masks, ranges and export. Importing this needs TensorFlow."""

from __future__ import annotations

from typing import Any

import numpy as np

from device_models.profile import DeviceProfile
from host_tools.backend import keras
from host_tools.data import Dataset
from host_tools.mapping.bare import bare_layers, profile_tables
from tests.host_tools.profiles import changed

SHAPE, CLASSES = (8, 8, 1), 4
L = keras.layers


def data(n: int = 200, seed: int = 0, shape: tuple[int, ...] = SHAPE, classes: int = CLASSES) -> Dataset:
    """Noise with a bright corner that tells the class."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, 2 * n)
    y[:classes] = np.arange(classes)
    x = rng.integers(0, 120, (2 * n, *shape)).astype(np.uint8)
    for i, label in enumerate(y):
        row, column = 4 * (label // 2), 4 * (label % 2)
        x[i, row : row + 4, column : column + 4] += 120
    names = tuple(f"c{i}" for i in range(classes))
    return Dataset("corners", x[:n], y[:n], x[n:], y[n:], names)


def chain(*layers: Any, shape: tuple[int, ...] = SHAPE, seed: int = 0) -> Any:
    """A Sequential whose weights and biases are drawn: none of them is 0."""
    model = keras.Sequential([L.Input(shape), *layers], name="net")
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        drawn = [rng.normal(0, 1 / np.sqrt(max(np.prod(w.shape[:-1]), 4)), w.shape) for w in layer.get_weights()]
        if drawn:
            layer.set_weights(drawn)
    return model


def conv_net(seed: int = 0) -> Any:
    """Everything that the board carries, strides and both paddings included."""
    return chain(
        L.Conv2D(5, 3, padding="same", activation="relu", name="conv1"), L.MaxPooling2D(2, name="pool1"),
        L.Conv2D(6, (3, 2), strides=(1, 2), name="conv2"), L.ReLU(name="relu2"), L.Flatten(name="flatten"),
        L.Dense(9, activation="relu", name="fc1"), L.Dropout(0.5, name="drop"), L.Dense(CLASSES, name="fc2"), seed=seed,
    )  # fmt: skip


def whole_levels() -> DeviceProfile:
    """Nine levels that fall on whole G steps, so that a weight on a level is kept exactly."""
    return DeviceProfile.from_dict(changed(levels=[10.0 * i for i in range(1, 10)]))


def on_levels(model: Any, seed: int = 1) -> Any:
    """The model with every kernel on one of the levels of `whole_levels`, the outermost ones included."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        weights = layer.get_weights()
        if hasattr(layer, "kernel"):
            k = rng.integers(-8, 9, weights[0].shape)
            k.flat[0] = 8
            layer.set_weights([k / 8 / np.sqrt(np.prod(k.shape[:-1])), *weights[1:]])
    return model


def with_statistics(model: Any, seed: int = 2) -> Any:
    """The model with statistics, scales (some of them negative) and shifts of its batch norms drawn."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        for key, low, high in (("moving_mean", -0.3, 0.3), ("moving_variance", 0.2, 1), ("gamma", -1.5, 1.5),
                               ("beta", -0.5, 0.5)):  # fmt: skip
            if getattr(layer, key, None) is not None:
                getattr(layer, key).assign(rng.uniform(low, high, getattr(layer, key).shape))
    return model


tables_of, bare = profile_tables, bare_layers
