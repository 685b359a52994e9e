"""A Keras model, chain or branches, as a fine-tuning Network. What is not carried is named before any work is done."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from host_tools.errors import HostError
from host_tools.finetune.network import Analog, Network, Node
from host_tools.finetune.ops import Add, Affine, Flatten, Mean, Op, Pool, Relu
from host_tools.finetune.windows import Windows

ANALOG = ("Dense", "Conv2D", "RRAMDense", "RRAMConv2D")
DIGITAL = ("ReLU", "MaxPooling2D", "AveragePooling2D", "GlobalAveragePooling2D", "Flatten", "Add", "Activation",
           "BatchNormalization", "Dropout")  # fmt: skip


def read_network(model: Any) -> Network:
    """The network of `model`. HostError names a layer that cannot be carried."""
    nodes: list[Node] = []
    layers: list[Analog] = []
    where: dict[int, int] = {}  # id of a Keras tensor -> node that gives it
    chain = type(model).__name__ == "Sequential"
    last = -1
    for layer in model.layers:
        if type(layer).__name__ == "InputLayer":
            where[id(layer.output)] = -1
            continue
        sources = (last,) if chain else _sources(model, layer, where)
        _check(model, layer)
        last = _append(layer, sources, nodes, layers)
        if not chain:
            where[id(layer.output)] = last
    if not layers or nodes[-1].layer != len(layers) - 1:
        raise HostError(f"model {model.name}: the last layer must be a Dense without activation (logits)")
    return Network(model.name, tuple(nodes), tuple(layers))


def _sources(model: Any, layer: Any, where: dict[int, int]) -> tuple[int, ...]:
    given = layer.input if isinstance(layer.input, (list, tuple)) else [layer.input]
    if any(id(tensor) not in where for tensor in given):
        raise HostError(f"model {model.name}: layer {layer.name} takes what no earlier layer gives, expected a chain "
                        "or branches of layers, each used once")  # fmt: skip
    return tuple(where[id(tensor)] for tensor in given)


def _check(model: Any, layer: Any) -> None:
    kind, name = type(layer).__name__, f"model {model.name}: layer {layer.name}"
    if kind not in ANALOG + DIGITAL:
        raise HostError(f"{name} is a {kind}, expected one of {', '.join(ANALOG[:2] + DIGITAL)}")
    activation = getattr(getattr(layer, "activation", None), "__name__", "linear")
    if activation not in ("relu", "linear"):
        raise HostError(f"{name} has activation {activation}, expected relu or none")
    if kind == "Conv2D" and (layer.groups != 1 or tuple(layer.dilation_rate) != (1, 1)):
        raise HostError(f"{name} has groups or dilation, expected none of them")
    if getattr(layer, "data_format", "channels_last") not in ("channels_last", None):
        raise HostError(f"{name} has channels first, expected channels last")
    if kind in ("MaxPooling2D", "AveragePooling2D") and layer.padding != "valid":
        raise HostError(f"{name} pads its map, expected padding 'valid'")
    if kind == "ReLU" and (layer.max_value is not None or layer.negative_slope or layer.threshold):
        raise HostError(f"{name} is not max(x, 0), expected a plain ReLU")


def _append(layer: Any, sources: tuple[int, ...], nodes: list[Node], layers: list[Analog]) -> int:
    """Add the layer's nodes; the index of the last."""
    kind = type(layer).__name__
    if kind in ANALOG:
        layers.append(_analog(layer))
        nodes.append(Node(sources, None, len(layers) - 1))
        if getattr(getattr(layer, "activation", None), "__name__", "") == "relu":
            nodes.append(Node((len(nodes) - 1,), Relu()))
        return len(nodes) - 1
    op = _digital(layer, kind)
    if op is None:
        return sources[0]
    nodes.append(Node(sources, op))
    return len(nodes) - 1


def _array(value: Any) -> NDArray[np.float32]:
    from host_tools.backend import keras

    return np.asarray(keras.ops.convert_to_numpy(value), np.float32)


def _analog(layer: Any) -> Analog:
    kernel = layer.clean_kernel() if hasattr(layer, "clean_kernel") else _array(layer.kernel)
    columns = kernel.shape[-1]
    bias = getattr(layer, "bias", None)
    gain = getattr(layer, "gain", None)
    windows = None
    if kernel.ndim == 4:
        windows = Windows(tuple(layer.kernel_size), tuple(layer.strides), layer.padding == "same")
    return Analog(
        layer.name, kernel.reshape(-1, columns), np.ones(columns, np.float32) if gain is None else _array(gain),
        np.zeros(columns, np.float32) if bias is None else _array(bias), windows,
    )  # fmt: skip


def _digital(layer: Any, kind: str) -> Op | None:
    """The operation, None where the layer does nothing once trained."""
    if kind in ("MaxPooling2D", "AveragePooling2D"):
        return Pool(tuple(layer.pool_size), tuple(layer.strides), kind == "MaxPooling2D")
    if kind == "BatchNormalization":
        gamma = _array(layer.gamma) if layer.scale else np.float32(1)
        beta = _array(layer.beta) if layer.center else np.float32(0)
        scale = gamma / np.sqrt(_array(layer.moving_variance) + np.float32(layer.epsilon))
        return Affine(scale, np.asarray(beta - scale * _array(layer.moving_mean), np.float32))
    if kind == "Dropout" or (kind == "Activation" and layer.activation.__name__ == "linear"):
        return None
    simple: dict[str, Op] = {"ReLU": Relu(), "Activation": Relu(), "Flatten": Flatten(), "Add": Add(),
                             "GlobalAveragePooling2D": Mean()}  # fmt: skip
    return simple[kind]
