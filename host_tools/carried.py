"""What a board carries of Keras: chains of dense and convolutional layers with ReLU, pooling and flattening between."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from host_tools.errors import HostError

DIGITAL = ("InputLayer", "ReLU", "Activation", "MaxPooling2D", "Flatten", "Dropout", "Softmax")
ANALOG = {"Dense": "dense", "RRAMDense": "dense", "Conv2D": "conv2d", "RRAMConv2D": "conv2d"}


def refuse_unsupported(model: Any) -> None:
    """HostError that names every layer of a built Keras model which a board does not carry, and why."""
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or any(size is None for size in shape[1:]):
        raise HostError(f"{model.name}: takes {shape}, expected one input with a fixed shape (height, width, channels)")
    layers = [layer for layer in model.layers if type(layer).__name__ != "InputLayer"]
    reasons = {layer.name: reason for layer in layers if (reason := _reason(layer))}
    for before, layer in pairwise(layers):
        if not _follows(before, layer):
            reasons.setdefault(layer.name, f"does not follow {before.name} alone")
    while layers and (activation_of(layers[-1]) == "linear" and type(layers[-1]).__name__ in ("Dropout", "Activation")):
        layers.pop()
    last = layers[-1] if layers else None
    for layer in layers:
        if activation_of(layer) == "softmax" and layer is not last:
            reasons.setdefault(layer.name, "softmax before the end")
    if not reasons and not _gives_logits(layers):
        given = type(last).__name__ if last is not None else "nothing"
        reasons[last.name if last is not None else "output"] = f"{given} at the end, expected Dense giving logits"
    if reasons:
        raise HostError(
            f"{model.name}: the board does not carry: {', '.join(f'{name} ({why})' for name, why in reasons.items())}"
        )


def activation_of(layer: Any) -> str:
    """Name of the function that a layer applies at its end: 'linear' where there is none."""
    kind = type(layer).__name__
    if kind in ("ReLU", "Softmax"):
        return kind.lower()
    activation = getattr(layer, "activation", None)
    return "linear" if activation is None else str(getattr(activation, "__name__", type(activation).__name__))


def _reason(layer: Any) -> str | None:
    """Why the board cannot carry one layer, whatever stands before and after it; None if it can."""
    kind = type(layer).__name__
    if kind not in DIGITAL and kind not in ANALOG:
        return kind
    if activation_of(layer) not in ("linear", "relu", "softmax"):
        return f"activation {activation_of(layer)}"
    if kind == "ReLU" and (layer.max_value is not None or layer.negative_slope or layer.threshold):
        return "ReLU with max_value, negative_slope or threshold"
    if getattr(layer, "data_format", "channels_last") not in (None, "channels_last"):
        return f"data_format {layer.data_format}"
    if getattr(layer, "groups", 1) != 1 or tuple(getattr(layer, "dilation_rate", (1, 1))) != (1, 1):
        return "groups or dilation"
    if kind == "MaxPooling2D" and layer.padding != "valid":
        return f"pooling with padding '{layer.padding}'"
    if ANALOG.get(kind) == "dense" and len(layer.input.shape) != 2:
        return f"input of shape {list(layer.input.shape[1:])}, expected Flatten before it"
    return None


def _follows(before: Any, layer: Any) -> bool:
    """Whether `layer` takes the output of `before` and nothing else; false where either is used more than once."""
    try:
        return layer.input is before.output
    except (AttributeError, ValueError):
        return False


def _gives_logits(layers: list[Any]) -> bool:
    """Whether the chain ends with a dense layer, or with one and a softmax, which does not change the class."""
    if layers and type(layers[-1]).__name__ in ("Softmax", "Activation") and activation_of(layers[-1]) == "softmax":
        return _gives_logits([*layers[:-1]]) and activation_of(layers[-2]) == "linear"
    last = type(layers[-1]).__name__ if layers else ""
    return ANALOG.get(last) == "dense" and activation_of(layers[-1]) in ("linear", "softmax")
