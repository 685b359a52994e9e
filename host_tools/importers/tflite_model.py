"""A .tflite network as a Keras model: weights dequantised, activations in floating point."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from host_tools.importers.assemble import assemble
from host_tools.importers.builder import Builder, Value
from host_tools.importers.operators import Network, Operator, Unsuitable
from host_tools.importers.tflite_file import read_tflite

PADDING = {0: "same", 1: "valid"}
ACTIVATIONS = {"RELU": "relu", "RELU6": "relu6", "HARD_SWISH": "hard_swish", "LEAKY_RELU": "leaky_relu"}
SKIPPED = ("QUANTIZE", "DEQUANTIZE", "CAST")
Verb = Callable[[Builder, Network, Operator, list[Value]], Value]


def from_tflite(path: Path, pixels: tuple[float, float] | None = None) -> Any:
    """The network in a .tflite file (int8, or float) as a Keras model from images in [0, 1] to logits.

    pixels: what black and white are to it; by default what its quantised input says. HostError: see importers.load.
    """
    return assemble(read_tflite(path), VERBS, _reason, pixels, path.stem)


def _reason(network: Network, operator: Operator) -> str | None:
    """Why an operator is not carried, whatever its input; None if it may be."""
    if operator.kind not in VERBS:
        return operator.kind
    if operator.options["activation"] not in ("NONE", *ACTIVATIONS):
        return f"{operator.kind} with activation {operator.options['activation']}"
    if operator.kind in ("MAX_POOL_2D", "AVERAGE_POOL_2D") and PADDING.get(operator.options["Padding"]) != "valid":
        return "pooling with padding 'same'"
    if operator.kind in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED") and network.constant(operator, 1) is None:
        return "weights that are computed"
    if operator.kind in ("MUL", "SUB") and len(network.constants_of(operator)) != 1:
        return f"{operator.kind} of two computed values"
    return None


def _conv(b: Builder, n: Network, o: Operator, v: list[Value]) -> Value:
    kernel, groups = _weights(n, o).transpose(1, 2, 3, 0), 1
    if o.kind == "DEPTHWISE_CONV_2D":  # there [1, height, width, columns]
        kernel, groups = kernel.transpose(0, 1, 3, 2), v[0].shape[-1]
    stride, padding = (o.options["StrideH"], o.options["StrideW"]), PADDING[o.options["Padding"]]
    apart = (o.options["DilationHFactor"], o.options["DilationWFactor"])
    return _fused(b, o, b.conv(v[0], o.name, kernel, n.constant(o, 2), stride, padding, apart, groups))


def _dense(b: Builder, n: Network, o: Operator, v: list[Value]) -> Value:
    if o.options["KeepNumDims"] and len(v[0].shape) > 1:
        raise Unsuitable("a dense layer on every pixel")
    return _fused(b, o, b.dense(v[0], o.name, _weights(n, o).T, n.constant(o, 2)))


def _weights(n: Network, o: Operator) -> Any:
    weights = n.constant(o, 1)
    wanted = 2 if o.kind == "FULLY_CONNECTED" else 4
    if weights is None or weights.ndim != wanted:
        raise Unsuitable(f"weights expected in {wanted} dimensions")
    return weights


def _pool(b: Builder, n: Network, o: Operator, v: list[Value]) -> Value:
    kind = "max" if o.kind == "MAX_POOL_2D" else "average"
    size = (o.options["FilterHeight"], o.options["FilterWidth"])
    return _fused(b, o, b.pool(v[0], o.name, kind, size, (o.options["StrideH"], o.options["StrideW"])))


def _mean(b: Builder, n: Network, o: Operator, v: list[Value]) -> Value:
    axes = n.constant(o, 1)
    if axes is None or sorted(int(a) % 4 for a in axes.reshape(-1)) != [1, 2]:
        raise Unsuitable("a mean over other axes than height and width")
    return b.mean(v[0], o.name, bool(o.options.get("KeepDims", False)))


def _add(b: Builder, n: Network, o: Operator, v: list[Value]) -> Value:
    constants = n.constants_of(o)
    if not constants:
        return _fused(b, o, b.add(v, o.name))
    return _fused(b, o, b.affine(v[0], np.ones(1), constants[0]))


def _scale(b: Builder, n: Network, o: Operator, v: list[Value]) -> Value:
    constant = n.constants_of(o)[0]  # _reason has looked
    if o.kind == "MUL":
        return _fused(b, o, b.affine(v[0], constant, np.zeros(1)))
    first = o.inputs[0] in n.constants  # constant - value
    return _fused(b, o, b.affine(v[0], np.full(1, -1.0 if first else 1.0), constant if first else -constant))


def _pad(b: Builder, n: Network, o: Operator, v: list[Value]) -> Value:
    pads = n.constant(o, 1)
    if pads is None or pads.shape != (4, 2) or np.any(pads[[0, 3]] != 0):
        raise Unsuitable("padding of other axes than height and width")
    (top, bottom), (left, right) = (tuple(int(x) for x in pads[axis]) for axis in (1, 2))
    return b.pad(v[0], o.name, ((top, bottom), (left, right)))


def _reshape(b: Builder, n: Network, o: Operator, v: list[Value]) -> Value:
    out = o.options["out"]
    if len(out) == 1:
        return b.flatten(v[0], o.name)
    if out != v[0].shape:
        raise Unsuitable(f"a reshape to {list(out)}")
    return v[0]


def _activation(b: Builder, n: Network, o: Operator, v: list[Value]) -> Value:
    return b.activation(v[0], o.name, ACTIVATIONS[o.kind], float(o.options.get("Alpha", 0)))


def _concat(b: Builder, n: Network, o: Operator, v: list[Value]) -> Value:
    if len(v) != len(o.inputs) or o.options["Axis"] not in (-1, len(v[0].shape)):
        raise Unsuitable(f"constants, or axis {o.options['Axis']}, joined")
    return _fused(b, o, b.concat(v, o.name))


def _same(b: Builder, n: Network, o: Operator, v: list[Value]) -> Value:
    return v[0]


def _fused(b: Builder, o: Operator, v: Value) -> Value:
    fused = ACTIVATIONS.get(o.options["activation"])
    return b.activation(v, f"{o.name}_{fused}", fused) if fused else v


VERBS: dict[str, Verb] = {
    "CONV_2D": _conv, "DEPTHWISE_CONV_2D": _conv, "FULLY_CONNECTED": _dense, "CONCATENATION": _concat,
    "MAX_POOL_2D": _pool, "AVERAGE_POOL_2D": _pool, "MEAN": _mean, "ADD": _add, "MUL": _scale, "SUB": _scale,
    "PAD": _pad, "RESHAPE": _reshape, **dict.fromkeys(ACTIVATIONS, _activation),
    **dict.fromkeys(("SOFTMAX", "LOG_SOFTMAX"), _same), **dict.fromkeys(SKIPPED, _same),
}  # fmt: skip
