"""What a board carries of Keras: chains of dense and convolutional layers with ReLU, pooling and flattening between."""

from __future__ import annotations

from collections.abc import Iterator
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
    if not isinstance(model.output_shape, tuple):
        raise HostError(f"{model.name}: gives {len(model.output_shape)} outputs, expected one: the logits")
    layers = [layer for layer in model.layers if type(layer).__name__ != "InputLayer"]
    reasons = {layer.name: reason for layer in layers if (reason := _reason(layer))} or _branches(model, layers)
    reasons = reasons or _not_flat(layers, len(shape) == 2) or _wrong_end(layers)
    if reasons:
        named = ", ".join(f"{name} ({why})" for name, why in reasons.items())
        raise HostError(f"{model.name}: the board does not carry: {named}")


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
    return None


def _branches(model: Any, layers: list[Any]) -> dict[str, str]:
    """Layers that do not take the output of the layer before them, and of nothing else."""
    if type(model).__name__ == "Sequential":
        return {}
    try:
        items = {item["name"]: item for item in model.get_config()["layers"]}
    except (KeyError, NotImplementedError):
        return {model.name: f"{type(model).__name__}, expected a Sequential or functional model"}
    wrong = {}
    for before, layer in pairwise([model.layers[0], *layers] if model.layers[0] is not layers[0] else layers):
        calls = items[layer.name]["inbound_nodes"]
        if len(calls) != 1 or list(_sources(calls)) != [before.name]:
            wrong[layer.name] = f"does not follow {before.name} alone"
    return wrong


def _sources(part: Any) -> Iterator[str]:
    """Names of the layers whose outputs a serialised call takes."""
    if isinstance(part, dict) and "keras_history" in part:
        yield str(part["keras_history"][0])
        return
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, (list, tuple)) else ():
        yield from _sources(inner)


def _not_flat(layers: list[Any], flat: bool) -> dict[str, str]:
    """Dense layers on images: Keras applies them to every pixel, a board does not."""
    wrong = {}
    for layer in layers:
        flat = flat or type(layer).__name__ == "Flatten"
        if ANALOG.get(type(layer).__name__) == "dense" and not flat:
            wrong[layer.name] = "Dense on an image, expected Flatten before it"
    return wrong


def _wrong_end(layers: list[Any]) -> dict[str, str]:
    """What stands in the way of logits at the end of a chain. A softmax there is no obstacle: it keeps the class."""
    end = list(layers)
    while end and type(end[-1]).__name__ in ("Dropout", "Activation") and activation_of(end[-1]) == "linear":
        end.pop()
    inside = {layer.name: "softmax before the end" for layer in end[:-1] if activation_of(layer) == "softmax"}
    if inside:
        return inside
    last = end.pop() if end else None
    logits = last
    if last is not None and type(last).__name__ not in ANALOG and activation_of(last) == "softmax" and end:
        logits = end.pop()
    carried = ANALOG.get(type(logits).__name__) == "dense"
    if carried and activation_of(logits) in (("linear", "softmax") if logits is last else ("linear",)):
        return {}
    given = "nothing" if last is None else f"{type(last).__name__} with {activation_of(last)}"
    return {"output" if last is None else last.name: f"{given} at the end, expected Dense giving logits"}
