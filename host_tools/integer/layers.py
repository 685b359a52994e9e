"""Keras layers of an integer network in training. Importing this registers them with Keras.

All tensors between them hold whole numbers in float32, which is exact up to 2^24.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from host_tools.backend import keras
from host_tools.integer.quantisers import one_bit, to_code
from host_tools.layers.base import ClampTo

ops = keras.ops
register = keras.saving.register_keras_serializable(package="rram_edge")


@register
class ImageCodes(keras.layers.Layer):  # type: ignore[misc]
    """The first DAC: pixels in [0, 1] to codes 0 to 2^bits - 1."""

    def __init__(self, bits: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bits = bits

    def call(self, x: Any) -> Any:
        lsb = np.float32(1 / (2**self.bits - 1))
        return to_code(x / lsb, 2**self.bits - 1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "bits": self.bits}


class IntegerLayer(keras.layers.Layer):  # type: ignore[misc]
    """What both analog layers share: latent weights in [-1, 1], of which the forward pass uses the signs.

    tied: None, or the number of physical rows that the K rows of the weight matrix share: `tie` [K, tied] holds +1 or
    -1 where a row is that physical row or its complement, and every latent row is then the mean over its companions.
    """

    def __init__(self, tied: int | None = None, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tied, self.seed = tied, seed

    def add_latent(self, shape: tuple[int, ...]) -> None:
        """Create the weights; `shape` is the kernel's, columns last."""
        uniform = keras.initializers.RandomUniform(-0.5, 0.5, seed=self.seed)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer=uniform, constraint=ClampTo(1.0))
        if self.tied is not None:
            rows = int(np.prod(shape[:-1]))
            self.tie = self.add_weight(name="tie", shape=(rows, self.tied), initializer="zeros", trainable=False)

    def signs(self) -> Any:
        """The weights that the forward pass uses, +1 and -1, in the kernel's shape."""
        latent = ops.convert_to_tensor(self.kernel)
        if self.tied is not None:
            matrix = ops.reshape(latent, (-1, latent.shape[-1]))
            tie = ops.convert_to_tensor(self.tie)
            each = ops.maximum(ops.sum(ops.abs(tie), axis=0), 1.0)
            physical = one_bit(ops.matmul(ops.transpose(tie), matrix) / each[:, None])
            return ops.reshape(ops.matmul(tie, physical), latent.shape)
        return one_bit(latent)

    def weights_1bit(self) -> NDArray[np.int8]:
        """The weights as a matrix [K, N] of +1 and -1."""
        signs = np.asarray(ops.convert_to_numpy(self.signs()))
        return np.rint(signs).astype(np.int8).reshape(-1, signs.shape[-1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "tied": self.tied, "seed": self.seed}


@register
class IntegerDense(IntegerLayer):
    """Sums of codes times +1 or -1: `units` columns; input [n, rows]."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape: tuple[Any, ...]) -> None:
        self.add_latent((input_shape[-1], self.units))

    def call(self, x: Any) -> Any:
        return ops.matmul(x, self.signs())

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


@register
class IntegerConv2D(IntegerLayer):
    """The same for a convolution; input [n, height, width, channels], arguments as Keras' Conv2D."""

    def __init__(
        self,
        filters: int,
        kernel_size: tuple[int, int],
        strides: tuple[int, int] = (1, 1),
        padding: str = "valid",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters, self.kernel_size, self.strides = filters, tuple(kernel_size), tuple(strides)
        self.padding = padding

    def build(self, input_shape: tuple[Any, ...]) -> None:
        self.add_latent((*self.kernel_size, input_shape[-1], self.filters))

    def call(self, x: Any) -> Any:
        return ops.conv(x, self.signs(), strides=self.strides, padding=self.padding, data_format="channels_last")

    def get_config(self) -> dict[str, Any]:
        config = {
            "filters": self.filters, "kernel_size": self.kernel_size, "strides": self.strides, "padding": self.padding,
        }  # fmt: skip
        return {**super().get_config(), **config}


@register
class Codes(keras.layers.BatchNormalization):  # type: ignore[misc]
    """Batch norm, then the nearest code 0 to 2^bits - 1. Folding turns both into integer thresholds of the sums."""

    def __init__(self, bits: int = 2, momentum: float = 0.97, **kwargs: Any) -> None:
        super().__init__(momentum=momentum, **kwargs)
        self.bits = bits

    def call(self, x: Any, training: bool | None = None) -> Any:
        return to_code(super().call(x, training=training), 2**self.bits - 1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "bits": self.bits}


@register
class LogitScale(keras.layers.Layer):  # type: ignore[misc]
    """The last layer's sums times one learned positive factor: what the loss sees, and no class ever depends on."""

    def __init__(self, start: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start = start

    def build(self, input_shape: tuple[Any, ...]) -> None:
        constant = keras.initializers.Constant(float(np.log(self.start)))
        self.log_scale = self.add_weight(name="log_scale", shape=(), initializer=constant)

    def call(self, s: Any) -> Any:
        return s * ops.exp(self.log_scale)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "start": self.start}


@register
class Thresholds(keras.layers.Layer):  # type: ignore[misc]
    """A folded `Codes`: how many of a column's thresholds [levels - 1, N], rising, an integer sum has reached."""

    def __init__(self, levels: int = 4, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.levels = levels

    def build(self, input_shape: tuple[Any, ...]) -> None:
        self.thresholds = self.add_weight(
            name="thresholds", shape=(self.levels - 1, input_shape[-1]), initializer="zeros", dtype="int32",
            trainable=False,
        )  # fmt: skip

    def call(self, s: Any) -> Any:
        t = ops.cast(self.thresholds, "float32")
        return ops.sum(ops.cast(s[..., None, :] >= t, "float32"), axis=-2)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "levels": self.levels}
