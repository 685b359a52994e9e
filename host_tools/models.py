"""Networks by name, for any input shape. The last layer gives logits; ReLU, pooling and flattening are layers of
their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from host_tools.errors import HostError

Shape = tuple[int, int, int]


def lenet5(shape: Shape, classes: int, seed: int) -> Any:
    """LeNet-5 (LeCun, 1998) with ReLU and max pooling: 61,470 weights and 236 biases for 28x28x1 and ten classes."""
    b = _Builder(shape, seed)
    if shape[0] < 14 or shape[1] < 14:
        raise HostError(f"--model lenet5: images are {shape[0]}x{shape[1]}, expected at least 14x14")
    return b.chain(
        "lenet5",
        [
            b.conv("conv1", 6, 5, "same"),
            b.relu("relu1"),
            b.pool("pool1"),
            b.conv("conv2", 16, 5, "valid"),
            b.relu("relu2"),
            b.pool("pool2"),
            b.flatten(),
            b.dense("fc1", 120),
            b.relu("relu3"),
            b.dense("fc2", 84),
            b.relu("relu4"),
            b.dense("fc3", classes),
        ],
    )


def tiny(shape: Shape, classes: int, seed: int) -> Any:
    """Two convolutions and two dense layers for small images such as 8x8: it trains in seconds.

    Wide for its task: the errors of many cells average out where those of few do not.
    """
    b = _Builder(shape, seed)
    return b.chain(
        "tiny",
        [
            b.conv("conv1", 48, 3, "same"),
            b.relu("relu1"),
            b.pool("pool1"),
            b.conv("conv2", 48, 3, "same"),
            b.relu("relu2"),
            b.flatten(),
            b.dense("fc1", 128),
            b.relu("relu3"),
            b.dense("fc2", classes),
        ],
    )


class _Builder:
    """Layers with seeds of their own, so that a model depends on its seed and on nothing else."""

    def __init__(self, shape: Shape, seed: int) -> None:
        from host_tools.backend import keras

        self.layers, self.keras, self.shape, self.seed, self.count = keras.layers, keras, shape, seed, 0

    def _init(self) -> Any:
        self.count += 1
        return self.keras.initializers.HeUniform(seed=1000 * self.seed + self.count)

    def conv(self, name: str, filters: int, size: int, padding: str) -> Any:
        return self.layers.Conv2D(filters, size, padding=padding, kernel_initializer=self._init(), name=name)

    def dense(self, name: str, units: int) -> Any:
        return self.layers.Dense(units, kernel_initializer=self._init(), name=name)

    def relu(self, name: str) -> Any:
        return self.layers.ReLU(name=name)

    def pool(self, name: str) -> Any:
        return self.layers.MaxPooling2D(2, name=name)

    def flatten(self) -> Any:
        return self.layers.Flatten(name="flatten")

    def chain(self, name: str, layers: list[Any]) -> Any:
        return self.keras.Sequential([self.layers.Input(self.shape), *layers], name=name)


MODELS: dict[str, Callable[[Shape, int, int], Any]] = {"lenet5": lenet5, "tiny": tiny}


def auto(shape: Shape) -> str:
    """The model for images of this shape: `tiny` for images under 14 pixels, else `lenet5`."""
    return "tiny" if min(shape[:2]) < 14 else "lenet5"


def build(name: str, shape: Shape, classes: int, seed: int = 0) -> Any:
    """The named model (or `auto`), its weights a function of `seed`."""
    name = auto(shape) if name == "auto" else name
    if name not in MODELS:
        raise HostError(f"--model: {name!r} is unknown, expected one of {', '.join(['auto', *MODELS])}")
    return MODELS[name](shape, classes, seed)
