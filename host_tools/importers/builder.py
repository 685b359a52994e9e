"""A Keras model put together operator by operator, whatever format they come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from host_tools.importers.operators import Array, Unsuitable, numbers, tidy
from host_tools.mapping.carried import is_depthwise
from host_tools.mapping.nodes import named_padding

F64 = npt.NDArray[np.float64]
Pads = tuple[tuple[int, int], tuple[int, int]]
NO_PADS: Pads = ((0, 0), (0, 0))
MAP = (0, 1, 2)  # height, width, channels


@dataclass(frozen=True)
class Value:
    """What an operator gives: a Keras tensor [n, height, width, channels] or [n, features].

    The file's own value is scale * tensor + shift per last axis where those are given: an image as the network wants
    it, before the first weights take them up. layer: the analog layer whose output this is, if nothing else takes it.
    axes: which of height, width and channels (0, 1, 2) each axis of the file's map is. order [features]: the file's
    feature i stands in column order[i]; None: it is column i.
    """

    tensor: Any
    scale: F64 | None = None
    shift: F64 | None = None
    layer: Any = None
    axes: tuple[int, ...] = MAP
    order: npt.NDArray[np.int64] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Without the batch."""
        return tuple(self.tensor.shape[1:])


class Builder:
    """Makes the layers; every verb takes a Value and gives one, or raises Unsuitable."""

    def __init__(self, shape: tuple[int, ...], pixels: tuple[float, float]) -> None:
        from host_tools.backend import keras

        self.keras, self.names = keras, {""}
        self.image = keras.Input(shape, name="image")
        black, white = pixels
        self.input = Value(self.image)
        if (black, white) != (0.0, 1.0):
            channels = np.ones(shape[-1])
            self.input = Value(self.image, (white - black) * channels, black * channels)

    def model(self, name: str, logits: Value) -> Any:
        """The finished model."""
        if logits.scale is not None or logits.order is not None:
            raise Unsuitable("no Dense layer gives the output")
        return self.keras.Model(self.image, logits.tensor, name=tidy(name))

    def conv(
        self, v: Value, name: str, kernel: Array, bias: Array | None, stride: Sequence[int], padding: str | Pads,
        dilation: Sequence[int] = (1, 1), groups: int = 1,
    ) -> Value:  # fmt: skip
        """A convolution; kernel [height, width, inputs / groups, filters], bias [filters]."""
        _expect(len(v.shape) == 3, f"a convolution of an input of shape {list(v.shape)}")
        w, channels = numbers(kernel), v.shape[-1]
        fits = w.ndim == 4 and w.shape[2] * groups == channels and w.shape[3] % groups == 0
        among = f" in {groups} groups" if groups > 1 else ""
        _expect(fits, f"a kernel {list(w.shape)} on {channels} channels{among}")
        offset = np.zeros(w.shape[-1]) if bias is None else _vector(bias, w.shape[-1])
        step, apart = (int(stride[0]), int(stride[1])), (int(dilation[0]), int(dilation[1]))
        _expect(step == (1, 1) or apart == (1, 1), f"stride {list(step)} with dilation {list(apart)}")
        size = tuple((k - 1) * d + 1 for k, d in zip(w.shape[:2], apart, strict=True))  # what a window covers
        if not isinstance(padding, str):
            name_of_it = "valid" if padding == NO_PADS else named_padding(padding, v.shape, size, step)
            if isinstance(name_of_it, str):
                padding = name_of_it
        _expect(padding == "valid" or not _shifted(v), "zero padding of an input whose black is not 0")
        if not isinstance(padding, str):
            v, padding = self.pad(v, f"{name}_pad", padding), "valid"
        fits = all(s >= k for s, k in zip(v.shape, size, strict=False))
        _expect(padding != "valid" or fits, f"a kernel {list(size)} on {list(v.shape)}")
        scale, shift = (_for_columns(x, groups, w.shape[3]) for x in _affine(v))
        offset = offset + np.einsum("hwij,ij->j", w, shift)
        more = {"strides": step, "padding": padding, "dilation_rate": apart, "name": self._name(name)}
        if groups == channels > 1:
            layer = self.keras.layers.DepthwiseConv2D(w.shape[:2], depth_multiplier=w.shape[3] // channels, **more)
            return self._weighted(v, layer, (w * scale).reshape(*w.shape[:2], channels, -1), offset)
        layer = self.keras.layers.Conv2D(w.shape[3], w.shape[:2], groups=groups, **more)
        return self._weighted(v, layer, w * scale, offset)

    def dense(self, v: Value, name: str, kernel: Array, bias: Array | None) -> Value:
        """A dense layer; kernel [inputs, units] in the file's order, bias [units]."""
        v = self.flatten(v, f"{name}_flatten")
        w = numbers(kernel)
        _expect(w.ndim == 2 and w.shape[0] == v.shape[0], f"a matrix {list(w.shape)} on {v.shape[0]} values")
        offset = np.zeros(w.shape[1]) if bias is None else _vector(bias, w.shape[1])
        w = _in_columns(w, v.order)
        scale, shift = _affine(v)
        layer = self.keras.layers.Dense(w.shape[1], name=self._name(name))
        return self._weighted(v, layer, w * scale[:, None], offset + shift @ w)

    def affine(self, v: Value, scale: Array, shift: Array) -> Value:
        """scale * v + shift, each along the last axis or one number.

        The weights before it take it up, or, of an image, those behind it.
        """
        n = v.shape[-1]
        alike = all(s == 1 for x in (scale, shift) for s in x.shape[:-1])
        _expect(alike, "a constant that differs from pixel to pixel")
        times, plus = _vector(scale, n), _vector(shift, n)
        times, plus = (_in_columns(x, v.order) for x in (times, plus))
        if v.layer is not None:
            kernel, bias = (np.asarray(x, np.float64) for x in v.layer.get_weights())
            per_column = times.reshape(kernel.shape[2:]) if is_depthwise(v.layer) else times
            v.layer.set_weights([kernel * per_column, bias * times + plus])
            return v
        _expect(v.scale is not None or v.tensor is self.image, "a constant on other values than an image or a layer's")
        old_scale, old_shift = _affine(v)
        return replace(v, scale=old_scale * times, shift=old_shift * times + plus)

    def norm(self, v: Value, name: str, parts: Sequence[Array], epsilon: float) -> Value:
        """Batch norm; parts: gamma, beta, mean and variance, [channels] each."""
        gamma, beta, mean, variance = (_in_columns(_vector(x, v.shape[-1]), v.order) for x in parts)
        _expect(bool(np.all(variance + epsilon > 0)), "a variance < 0")
        if v.scale is not None or v.tensor is self.image:
            ratio = gamma / np.sqrt(variance + epsilon)
            return replace(self.affine(replace(v, order=None), ratio, beta - mean * ratio), order=v.order)
        layer = self.keras.layers.BatchNormalization(epsilon=float(epsilon), name=self._name(name))
        tensor = layer(v.tensor)
        layer.set_weights([gamma, beta, mean, variance])
        return Value(tensor, axes=v.axes, order=v.order)

    def activation(self, v: Value, name: str, kind: str, slope: float = 0.0) -> Value:
        """kind: 'relu', 'relu6', 'hard_swish', or 'leaky_relu' with its slope below 0."""
        _expect(v.scale is None, f"{kind} on an image that is not 0 to 1")
        _expect(kind != "leaky_relu" or 0 < slope <= 1, f"a leaky ReLU with slope {slope:g}")
        layers, label = self.keras.layers, self._name(name)
        if kind == "leaky_relu":
            return self._plain(v, layers.LeakyReLU(negative_slope=slope, name=label))
        if kind == "hard_swish":
            return self._plain(v, layers.Activation("hard_silu", name=label))
        return self._plain(v, layers.ReLU(max_value=6.0 if kind == "relu6" else None, name=label))

    def concat(self, values: Sequence[Value], name: str) -> Value:
        """Channels, or features, of several values, one's behind the other's."""
        first = values[0]
        shapes = ", ".join(str(list(v.shape)) for v in values)
        _expect(all(v.shape[:-1] == first.shape[:-1] and v.axes == first.axes for v in values), f"{shapes} joined")
        _expect(all(v.scale is None for v in values), "an image that is not 0 to 1 joined with others")
        order = None
        if any(v.order is not None for v in values):
            before = np.cumsum([0, *(v.shape[-1] for v in values)])
            order = np.concatenate([start + (np.arange(v.shape[-1]) if v.order is None else v.order)
                                    for start, v in zip(before[:-1], values, strict=True)])  # fmt: skip
        tensor = self.keras.layers.Concatenate(name=self._name(name))([v.tensor for v in values])
        return Value(tensor, axes=first.axes, order=order)

    def pool(self, v: Value, name: str, kind: str, size: Sequence[int], stride: Sequence[int]) -> Value:
        """Pooling without padding; kind: 'max' or 'average'."""
        fits = len(v.shape) == 3 and all(s >= k for s, k in zip(v.shape, size, strict=False))
        _expect(fits, f"a pool of {list(size)} on {list(v.shape)}")
        _expect(kind == "average" or bool(np.all(_affine(v)[0] > 0)), "max pooling of an image that is inverted")
        make = self.keras.layers.MaxPooling2D if kind == "max" else self.keras.layers.AveragePooling2D
        return self._plain(v, make(tuple(size), strides=tuple(stride), name=self._name(name)))

    def mean(self, v: Value, name: str, keepdims: bool) -> Value:
        """The mean of each channel."""
        _expect(len(v.shape) == 3, f"a mean over the map of {list(v.shape)}")
        return self._plain(v, self.keras.layers.GlobalAveragePooling2D(keepdims=keepdims, name=self._name(name)))

    def add(self, values: Sequence[Value], name: str) -> Value:
        """The sum of values of one shape."""
        first = values[0]
        shapes = ", ".join(str(list(v.shape)) for v in values)
        _expect(all(v.shape == first.shape for v in values), f"a sum of {shapes}")
        alike = all(_same(v.order, first.order) and v.axes == first.axes for v in values)
        _expect(alike, "a sum of features in different orders")
        _expect(all(v.scale is None for v in values), "a sum with an image that is not 0 to 1")
        tensor = self.keras.layers.Add(name=self._name(name))([v.tensor for v in values])
        return Value(tensor, axes=first.axes, order=first.order)

    def pad(self, v: Value, name: str, pads: Pads) -> Value:
        """Zeros around the map."""
        _expect(len(v.shape) == 3 and min(*pads[0], *pads[1]) >= 0, f"padding {pads} of {list(v.shape)}")
        _expect(not _shifted(v), "zero padding of an input whose black is not 0")
        return self._plain(v, self.keras.layers.ZeroPadding2D(pads, name=self._name(name)))

    def flatten(self, v: Value, name: str) -> Value:
        """A map as a vector, its features in the order of the file's axes."""
        if len(v.shape) == 1:
            return v
        places = np.arange(int(np.prod(v.shape))).reshape(v.shape).transpose(v.axes).reshape(-1)
        order = None if np.array_equal(places, np.arange(places.size)) else places
        flat = self._plain(v, self.keras.layers.Flatten(name=self._name(name)))
        if v.scale is not None:
            scale, shift = (np.broadcast_to(x, v.shape).reshape(-1) for x in _affine(v))
            flat = replace(flat, scale=scale, shift=shift)
        return replace(flat, order=order)

    def _plain(self, v: Value, layer: Any) -> Value:
        tensor = layer(v.tensor)
        return replace(v, tensor=tensor, layer=None, axes=v.axes if len(tensor.shape) == 4 else MAP)

    def _weighted(self, v: Value, layer: Any, kernel: F64, bias: F64) -> Value:
        tensor = layer(v.tensor)
        layer.set_weights([kernel, bias])
        return Value(tensor, layer=layer, axes=v.axes)

    def _name(self, wanted: str) -> str:
        name, number = tidy(wanted), 1
        while name in self.names:
            number += 1
            name = f"{tidy(wanted)}_{number}"
        self.names.add(name)
        return name


def _expect(condition: bool, otherwise: str) -> None:
    if not condition:
        raise Unsuitable(otherwise)


def _vector(array: Array, size: int) -> F64:
    flat = numbers(array).reshape(-1)
    _expect(flat.size in (1, size), f"{flat.size} constants for {size} channels")
    return np.broadcast_to(flat, (size,)).copy()


def _affine(v: Value) -> tuple[F64, F64]:
    n = v.shape[-1]
    return (np.ones(n) if v.scale is None else v.scale), (np.zeros(n) if v.shift is None else v.shift)


def _for_columns(x: F64, groups: int, columns: int) -> F64:
    """What each column's inputs have of a vector over channels: [channels] -> [channels / groups, columns]."""
    own: F64 = x.reshape(groups, -1)[np.arange(columns) // (columns // groups)].T
    return own


def _shifted(v: Value) -> bool:
    return v.shift is not None and bool(np.any(np.abs(v.shift) > 1e-6 * np.abs(_affine(v)[0])))


def _in_columns(array: F64, order: npt.NDArray[np.int64] | None) -> F64:
    """Rows from the file's order to the columns' order."""
    if order is None:
        return array
    out = np.empty_like(array)
    out[order] = array
    return out


def _same(a: npt.NDArray[np.int64] | None, b: npt.NDArray[np.int64] | None) -> bool:
    return a is b or (a is not None and b is not None and np.array_equal(a, b))
