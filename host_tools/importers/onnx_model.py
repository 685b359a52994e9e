"""An ONNX network as a Keras model: channels last, the weights behind a flattened map in the new order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from host_tools.importers.assemble import assemble
from host_tools.importers.builder import Builder, Value
from host_tools.importers.onnx_file import CHANNELS_FIRST, read_onnx
from host_tools.importers.operators import Array, Network, Operator, Unsuitable

FLOATS = (1, 10, 11, 16)  # to what a Cast changes nothing
ACTIVATIONS = {"Relu": "relu", "LeakyRelu": "leaky_relu", "HardSwish": "hard_swish"}
SLOPE = 0.01  # of a LeakyRelu that does not say its own
POOLS = {"MaxPool": "max", "AveragePool": "average"}
Verb = Callable[[Builder, Network, Operator, list[Value]], Value]


def from_onnx(path: Path, pixels: tuple[float, float] | None = None) -> Any:
    """The network in an .onnx file as a Keras model from images [n, height, width, channels] in [0, 1] to logits.

    pixels: what black and white are to it; by default 0 and 1, or 0 and 255 where it takes uint8. HostError: see
    importers.load.
    """
    return assemble(read_onnx(path), VERBS, _reason, pixels, path.stem)


def _reason(network: Network, operator: Operator) -> str | None:
    """Why an operator is not carried, whatever its input; None if it may be."""
    kind, options = operator.kind, operator.options
    if kind not in VERBS:
        return kind
    if kind in POOLS and any(d != 1 for d in options.get("dilations", [])):
        return f"{kind} with dilation"
    if kind == "Clip" and _limits(network, operator) not in ((0.0, None), (0.0, 6.0)):
        return "Clip to other limits than 0, or 0 and 6"
    if options.get("auto_pad", "NOTSET") == "SAME_LOWER":
        return f"{kind} with auto_pad SAME_LOWER"
    if kind in POOLS and (any(options.get("pads", [])) or options.get("ceil_mode", 0)
                          or options.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID")):  # fmt: skip
        return f"{kind} with padding or ceil_mode"
    if kind in ("Conv", "Gemm", "MatMul") and network.constant(operator, 1) is None:
        return f"{kind} with weights that are computed"
    if kind == "Gemm" and (options.get("transA", 0) or (len(operator.inputs) > 2 and operator.inputs[2]
                                                       and network.constant(operator, 2) is None)):  # fmt: skip
        return "Gemm with transA or a computed bias"
    if kind == "BatchNormalization" and (
        options.get("training_mode", 0) or any(network.constant(operator, i) is None for i in range(1, 5))
    ):
        return "BatchNormalization in training, or with computed statistics"
    constants = len(network.constants_of(operator))
    if (kind in ("Mul", "Sub") and constants != 1) or (kind == "Div" and network.constant(operator, 1) is None):
        return f"{kind} by a computed value"
    if kind == "Cast" and options.get("to") not in FLOATS:
        return "Cast to another type than a float"
    return None


def _conv(b: Builder, n: Network, o: Operator, v: list[Value]) -> Value:
    _channels_first(v[0])
    kernel = _weights(n, o, 4).transpose(2, 3, 1, 0)
    top, left, bottom, right = o.options.get("pads", [0, 0, 0, 0])
    same = o.options.get("auto_pad", "NOTSET") == "SAME_UPPER"
    padding: Any = "same" if same else ((top, bottom), (left, right))
    stride = o.options.get("strides", [1, 1])
    apart, groups = o.options.get("dilations", [1, 1]), o.options.get("group", 1)
    return b.conv(v[0], o.name, kernel, n.constant(o, 2), stride, padding, apart, groups)


def _gemm(b: Builder, n: Network, o: Operator, v: list[Value]) -> Value:
    w, bias = _weights(n, o, 2), n.constant(o, 2)
    w = w.T if o.options.get("transB", 0) else w
    if bias is not None and bias.size not in (1, w.shape[1]):
        raise Unsuitable(f"a bias of {list(bias.shape)}")
    plus = None if bias is None else o.options.get("beta", 1.0) * bias.reshape(-1)
    return b.dense(_flat(v[0]), o.name, o.options.get("alpha", 1.0) * w, plus)


def _matmul(b: Builder, n: Network, o: Operator, v: list[Value]) -> Value:
    return b.dense(_flat(v[0]), o.name, _weights(n, o, 2), None)


def _weights(n: Network, o: Operator, dimensions: int) -> Array:
    weights = n.constant(o, 1)
    if weights is None or weights.ndim != dimensions:
        raise Unsuitable(f"weights expected in {dimensions} dimensions")
    return weights


def _pool(b: Builder, n: Network, o: Operator, v: list[Value]) -> Value:
    _channels_first(v[0])
    size = o.options["kernel_shape"]
    return b.pool(v[0], o.name, POOLS[o.kind], size, o.options.get("strides", [1] * len(size)))


def _global_mean(b: Builder, n: Network, o: Operator, v: list[Value]) -> Value:
    _channels_first(v[0])
    return b.mean(v[0], o.name, keepdims=True)


def _reduce_mean(b: Builder, n: Network, o: Operator, v: list[Value]) -> Value:
    axes = n.constant(o, 1) if len(o.inputs) > 1 else np.array(o.options.get("axes", []))
    given = [] if axes is None else [int(a) % 4 for a in axes.reshape(-1)]
    if len(v[0].shape) != 3 or 0 in given or sorted(v[0].axes[a - 1] for a in given) != [0, 1]:
        raise Unsuitable("a mean over other axes than height and width")
    return b.mean(v[0], o.name, bool(o.options.get("keepdims", 1)))


def _norm(b: Builder, n: Network, o: Operator, v: list[Value]) -> Value:
    if len(v[0].shape) == 3:
        _channels_first(v[0])
    parts = [n.constants[key] for key in o.inputs[1:5]]
    return b.norm(v[0], o.name, parts, o.options.get("epsilon", 1e-5))


def _add(b: Builder, n: Network, o: Operator, v: list[Value]) -> Value:
    constants = n.constants_of(o)
    if not constants:
        return b.add(v, o.name)
    if len(constants) > 1 or len(v) > 1:
        raise Unsuitable("a sum of several constants")
    return b.affine(v[0], np.ones(1), _per_channel(constants[0], v[0]))


def _scale(b: Builder, n: Network, o: Operator, v: list[Value]) -> Value:
    constant = _per_channel(n.constants_of(o)[0], v[0])
    if o.kind == "Sub":
        first = o.inputs[0] in n.constants  # constant - value
        return b.affine(v[0], np.full(1, -1.0 if first else 1.0), constant if first else -constant)
    if o.kind == "Div" and not np.all(constant):
        raise Unsuitable("a division by 0")
    return b.affine(v[0], 1 / constant if o.kind == "Div" else constant, np.zeros(1))


def _per_channel(constant: Array, v: Value) -> Array:
    """The constant as a vector over channels, by ONNX's rules of broadcasting."""
    rank = 1 + len(v.shape)
    if constant.ndim > rank:
        raise Unsuitable("a constant of more dimensions")
    shape = (1,) * (rank - constant.ndim) + constant.shape
    axis = 1 + (v.axes.index(2) if rank == 4 else 0)
    if any(size != 1 for i, size in enumerate(shape) if i != axis):
        raise Unsuitable("a constant that differs from pixel to pixel")
    vector: Array = constant.reshape(-1).astype(np.float64)
    return vector


def _transpose(b: Builder, n: Network, o: Operator, v: list[Value]) -> Value:
    order = list(o.options.get("perm", []))
    if len(v[0].shape) != 3 or sorted(order) != [0, 1, 2, 3] or order[0] != 0:
        raise Unsuitable(f"an exchange of axes {order}")
    return replace(v[0], axes=tuple(v[0].axes[a - 1] for a in order[1:]))


def _flatten(b: Builder, n: Network, o: Operator, v: list[Value]) -> Value:
    if o.options.get("axis", 1) != 1:
        raise Unsuitable(f"axis {o.options['axis']}")
    return b.flatten(v[0], o.name)


def _reshape(b: Builder, n: Network, o: Operator, v: list[Value]) -> Value:
    shape = n.constant(o, 1)
    wanted = [] if shape is None else [int(size) for size in shape.reshape(-1)]
    if shape is None or len(wanted) == 2:
        return b.flatten(v[0], o.name)
    if wanted[1:] != _of_file(v[0]):
        raise Unsuitable(f"a reshape to {wanted}")
    return v[0]


def _squeeze(b: Builder, n: Network, o: Operator, v: list[Value]) -> Value:
    if len(v[0].shape) != 3 or v[0].shape[:2] != (1, 1):
        raise Unsuitable(f"axes taken from {list(v[0].shape)}")
    return b.flatten(v[0], o.name)


def _activation(b: Builder, n: Network, o: Operator, v: list[Value]) -> Value:
    if o.kind == "Clip":
        return b.activation(v[0], o.name, "relu" if _limits(n, o)[1] is None else "relu6")
    return b.activation(v[0], o.name, ACTIVATIONS[o.kind], float(o.options.get("alpha", SLOPE)))


def _limits(n: Network, o: Operator) -> tuple[float | None, float | None]:
    """What a Clip keeps within, by attributes (before opset 11) or constants."""
    found = []
    for index, key in ((1, "min"), (2, "max")):
        constant = n.constant(o, index)
        given = o.options.get(key) if constant is None or constant.size != 1 else float(constant.reshape(-1)[0])
        found.append(None if given is None else float(given))
    return found[0], found[1]


def _concat(b: Builder, n: Network, o: Operator, v: list[Value]) -> Value:
    axis = int(o.options.get("axis", 0)) % (1 + len(v[0].shape))
    channels = axis == 1 if len(v[0].shape) == 1 else axis > 0 and v[0].axes[axis - 1] == 2
    if len(v) != len(o.inputs) or not channels:
        raise Unsuitable(f"constants, or axis {axis}, joined")
    return b.concat(v, o.name)


def _same(b: Builder, n: Network, o: Operator, v: list[Value]) -> Value:
    return v[0]


def _of_file(v: Value) -> list[int]:
    return [v.shape[a] for a in v.axes] if len(v.shape) == 3 else list(v.shape)


def _flat(v: Value) -> Value:
    if len(v.shape) != 1:
        raise Unsuitable(f"a dense layer on {_of_file(v)}, expected a flat input")
    return v


def _channels_first(v: Value) -> None:
    axes: Sequence[int] = v.axes
    if len(v.shape) != 3 or tuple(axes) != CHANNELS_FIRST:
        raise Unsuitable(f"an input of {_of_file(v)}, expected channels, height and width")


VERBS: dict[str, Verb] = {
    "Conv": _conv, "Gemm": _gemm, "MatMul": _matmul, **dict.fromkeys(POOLS, _pool), "GlobalAveragePool": _global_mean,
    "ReduceMean": _reduce_mean, "BatchNormalization": _norm, **dict.fromkeys(("Add", "Sum"), _add),
    **dict.fromkeys(("Mul", "Div", "Sub"), _scale), "Transpose": _transpose, "Flatten": _flatten, "Reshape": _reshape,
    "Squeeze": _squeeze, "Clip": _activation, **dict.fromkeys(ACTIVATIONS, _activation), "Concat": _concat,
    **dict.fromkeys(("Identity", "Dropout", "Cast", "Softmax", "LogSoftmax"), _same),
}  # fmt: skip
