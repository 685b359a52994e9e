"""Folding: batch norm, its scale and the rounding to codes become integer thresholds of integer sums."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from host_tools.backend import keras
from host_tools.errors import HostError
from host_tools.integer import layers as on_array
from host_tools.integer.network import Analog, Flatten, IntegerNetwork, MaxPool, Step, Thresholds

NEVER = 2**31 - 1  # a threshold that no sum reaches


def fold(trained: Any) -> Any:
    """A Keras network of +1 and -1, integer thresholds, pooling and flattening, from a trained integer network.

    A sum s of column j becomes code i or more where gamma (s - mean) / sd + beta >= i - 1/2; s is whole, so the
    threshold is the next whole number. Where gamma is negative the column's weights change sign, and so does s.
    HostError: not an integer network, or one with a number that is not finite.
    """
    kinds = [type(layer) for layer in trained.layers]
    if on_array.ImageCodes not in kinds:
        raise HostError(f"{trained.name}: not an integer network (rram integer train makes one)")
    out: list[Any] = [keras.layers.Input(trained.input_shape[1:])]
    values: list[list[npt.NDArray[Any]]] = []
    layers = [layer for layer in trained.layers if not isinstance(layer, on_array.LogitScale)]
    for number, layer in enumerate(layers):
        if isinstance(layer, on_array.Codes):
            t, _ = _thresholds(layer)
            out.append(on_array.Thresholds(2**layer.bits, name=layer.name))
            values.append([t])
        elif isinstance(layer, on_array.IntegerLayer):
            follows = layers[number + 1] if number + 1 < len(layers) else None
            flip = _thresholds(follows)[1] if isinstance(follows, on_array.Codes) else 1
            out.append(type(layer).from_config(layer.get_config() | {"tied": None}))
            values.append([(layer.weights_1bit() * flip).reshape(layer.kernel.shape).astype(np.float32)])
        else:
            out.append(type(layer).from_config(layer.get_config()))
    folded = keras.Sequential(out, name=trained.name)
    holders = [layer for layer in folded.layers if layer.weights]
    for layer, own in zip(holders, values, strict=True):
        layer.set_weights(own)
    return folded


def _thresholds(layer: Any) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int8]]:
    """Integer thresholds [levels - 1, N] of the sums, and the sign [N] that the column's weights take."""
    variables = (layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance)
    gamma, beta, mean, variance = (np.asarray(keras.ops.convert_to_numpy(v), np.float64) for v in variables)
    if not all(np.all(np.isfinite(w)) for w in (gamma, beta, mean, variance)):
        raise HostError(f"{layer.name}: a number is NaN or infinite, expected finite ones")
    sign = np.where(gamma < 0, -1, 1)
    half = np.arange(1, 2**layer.bits)[:, None] - 0.5
    need = (half - beta) * np.sqrt(variance + layer.epsilon)
    with np.errstate(divide="ignore", invalid="ignore"):
        real = np.where(gamma == 0, np.where(need > 0, np.inf, -np.inf), sign * mean + need / np.abs(gamma))
    return np.clip(np.ceil(real), -NEVER, NEVER).astype(np.int32), sign.astype(np.int8)


def network_of(folded: Any) -> IntegerNetwork:
    """The arrays of a folded Keras network."""
    steps: list[Step] = []
    bits = 0
    for layer in folded.layers:
        kind = type(layer).__name__
        if isinstance(layer, on_array.ImageCodes):
            bits = layer.bits
        elif isinstance(layer, on_array.IntegerConv2D):
            (h, w), (down, right) = layer.kernel_size, layer.strides
            steps.append(Analog(layer.name, layer.weights_1bit(), (h, w), (down, right), layer.padding))
        elif isinstance(layer, on_array.IntegerDense):
            steps.append(Analog(layer.name, layer.weights_1bit()))
        elif isinstance(layer, on_array.Thresholds):
            steps.append(Thresholds(layer.name, keras.ops.convert_to_numpy(layer.thresholds).astype(np.int32)))
        elif kind == "MaxPooling2D":
            steps.append(MaxPool(tuple(layer.pool_size), tuple(layer.strides)))
        elif kind == "Flatten":
            steps.append(Flatten())
    return IntegerNetwork(folded.name, tuple(folded.input_shape[1:]), bits, tuple(steps))


def integer_network(trained: Any) -> IntegerNetwork:
    """The integer network of a trained one: folded, as arrays."""
    return network_of(fold(trained))
