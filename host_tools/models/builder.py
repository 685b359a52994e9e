"""Layers with seeds of their own, so that a model depends on its seed and on nothing else."""

from __future__ import annotations

from typing import Any

Shape = tuple[int, int, int]


class Builder:
    """Keras layers with the next seed each; `shape` is the images', without the batch."""

    def __init__(self, shape: Shape, seed: int) -> None:
        from host_tools.backend import keras

        self.layers, self.keras, self.shape, self.seed, self.count = keras.layers, keras, shape, seed, 0

    def _init(self) -> Any:
        self.count += 1
        return self.keras.initializers.HeUniform(seed=1000 * self.seed + self.count)

    def conv(self, name: str, filters: int, size: int, padding: str, stride: int = 1, bias: bool = True) -> Any:
        return self.layers.Conv2D(
            filters, size, strides=stride, padding=padding, use_bias=bias, kernel_initializer=self._init(), name=name
        )

    def dense(self, name: str, units: int) -> Any:
        return self.layers.Dense(units, kernel_initializer=self._init(), name=name)

    def norm(self, name: str) -> Any:
        return self.layers.BatchNormalization(momentum=0.9, name=name)

    def relu(self, name: str) -> Any:
        return self.layers.ReLU(name=name)

    def pool(self, name: str) -> Any:
        return self.layers.MaxPooling2D(2, name=name)

    def flatten(self) -> Any:
        return self.layers.Flatten(name="flatten")

    def chain(self, name: str, layers: list[Any]) -> Any:
        return self.keras.Sequential([self.layers.Input(self.shape), *layers], name=name)
