"""What a board carries of Keras: dense and convolutional layers, batch norm behind them, and digital layers between."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from host_tools.errors import HostError
from host_tools.mapping.walk import Step, walk

ANALOG = {"Dense": "dense", "RRAMDense": "dense",
          **dict.fromkeys(("Conv2D", "RRAMConv2D", "DepthwiseConv2D", "RRAMDepthwiseConv2D"), "conv2d")}  # fmt: skip
NORMS = ("BatchNormalization", "ChipNormalization")
POOLS = ("MaxPooling2D", "AveragePooling2D")
DIGITAL = ("ReLU", "Relu", "LeakyReLU", "Activation", "Softmax", "Add", "Concatenate", "Flatten", "Reshape",
           "ZeroPadding2D", "GlobalAveragePooling2D", *POOLS, *NORMS)  # fmt: skip
OPS = {"relu": "relu", "relu6": "relu6", "leaky_relu": "leaky_relu", "hard_silu": "hard_swish", "softmax": "softmax"}
SLOPE = 0.2  # of leaky_relu, where it is given by name (Keras)
IDENTITY = ("Dropout", "SpatialDropout2D", "GaussianNoise", "GaussianDropout", "Identity")  # where nothing is trained


def carried_steps(model: Any) -> list[Step]:
    """The steps of a built Keras model, without those that change nothing.

    HostError that names every layer which a board does not carry, and why.
    """
    steps = without_identities(walk(model))
    reasons = not_carried(steps)
    if reasons:
        named = ", ".join(f"{name} ({why})" for name, why in reasons.items())
        raise HostError(f"{model.name}: the board does not carry: {named}")
    return steps


def without_identities(steps: list[Step]) -> list[Step]:
    """The steps without dropout, linear activations and reshapes to the same shape."""
    kept: list[Step] = []
    now: list[int] = []  # index among `kept` of what each step gives
    for step in steps:
        sources = tuple(now[s] if s >= 0 else -1 for s in step.sources)
        if _is_identity(step):
            now.append(sources[0])
        else:
            now.append(len(kept))
            kept.append(replace(step, sources=sources))
    return kept


def not_carried(steps: list[Step]) -> dict[str, str]:
    """Names of the layers that a board does not carry, each with the reason; {} where it carries all."""
    reasons = {step.name: reason for i, step in enumerate(steps) if (reason := _reason(steps, i))}
    return reasons or _wrong_end(steps)


def activation_of(layer: Any) -> str:
    """Name of the function that a layer applies at its end: 'linear' where there is none."""
    kind = type(layer).__name__
    if kind == "ReLU" and layer.negative_slope:
        return "leaky_relu"
    if kind == "ReLU" and layer.max_value == 6:
        return "relu6"
    if kind in ("ReLU", "Relu", "Softmax"):
        return kind.lower()
    if kind == "LeakyReLU":
        return "leaky_relu"
    activation = getattr(layer, "activation", None)
    return "linear" if activation is None else str(getattr(activation, "__name__", type(activation).__name__))


def is_depthwise(layer: Any) -> bool:
    """Whether a layer is a depthwise convolution: its kernel's last two axes count its columns."""
    return "Depthwise" in type(layer).__name__


def slope_of(layer: Any) -> float:
    """What a leaky ReLU multiplies numbers below 0 by."""
    return float(getattr(layer, "negative_slope", SLOPE))


def users(steps: list[Step], index: int) -> list[Step]:
    """The steps that take what step `index` gives."""
    return [step for step in steps if index in step.sources]


def is_reshape(step: Step) -> bool:
    """Whether a step only makes a vector of an image."""
    return step.kind == "Flatten" or (step.kind == "Reshape" and len(step.out_shape) == 1)


def _is_identity(step: Step) -> bool:
    if step.calls != 1 or len(step.sources) != 1:
        return False
    same_shape = step.kind == "Reshape" and step.out_shape == step.in_shapes[0]
    return step.kind in IDENTITY or same_shape or (step.kind == "Activation" and activation_of(step.layer) == "linear")


def _reason(steps: list[Step], index: int) -> str | None:
    """Why the board cannot carry one layer where it stands; None if it can."""
    step = steps[index]
    layer, kind = step.layer, step.kind
    if step.calls != 1:
        return "used more than once, or with a second output"
    if kind not in DIGITAL and kind not in ANALOG:
        return kind
    activation = activation_of(layer)
    if activation not in ("linear", *OPS):
        return f"activation {activation}"
    if kind == "ReLU" and (layer.threshold or layer.max_value not in (None, 6)
                           or (layer.negative_slope and layer.max_value is not None)):  # fmt: skip
        return "ReLU with a threshold, a max_value other than 6, or max_value and negative_slope"
    if activation == "leaky_relu" and not 0 < slope_of(layer) <= 1:
        return f"leaky ReLU with slope {slope_of(layer):g}"
    if kind in ("Softmax", "Concatenate") and layer.axis not in (-1, len(step.out_shape)):
        return f"{kind} along axis {layer.axis}"
    if getattr(layer, "data_format", "channels_last") not in (None, "channels_last"):
        return f"data_format {layer.data_format}"
    if kind in POOLS and layer.padding != "valid":
        return f"pooling with padding '{layer.padding}'"
    if kind == "Reshape" and not is_reshape(step):
        return f"Reshape to {list(step.out_shape)}"
    return _place(steps, index)


def _place(steps: list[Step], index: int) -> str | None:
    """Why a layer cannot stand between its neighbours: dense, addition, batch norm, padding."""
    step, kind = steps[index], steps[index].kind
    if ANALOG.get(kind) == "dense" and len(step.in_shapes[0]) != 1:
        return "Dense on an image, expected Flatten before it"
    if kind == "Concatenate" and any(source < 0 for source in step.sources) and index == 0:
        return "Concatenate of the input with itself"
    if kind == "Add" and (len(step.sources) < 2 or any(shape != step.out_shape for shape in step.in_shapes)):
        return "Add of other things than two or more outputs of one shape"
    if kind in NORMS and folds_into(steps, index) is None:
        return f"{kind} that does not follow a Dense or Conv2D without activation alone"
    if kind == "ZeroPadding2D" and not all(_takes_padding(user, step) for user in users(steps, index)):
        return "ZeroPadding2D before anything but a larger convolution with padding 'valid'"
    return None


def _takes_padding(user: Step, padding: Step) -> bool:
    if ANALOG.get(user.kind) != "conv2d" or user.layer.padding != "valid":
        return False
    apart = getattr(user.layer, "dilation_rate", (1, 1))
    spans = [(size - 1) * d + 1 for size, d in zip(user.layer.kernel_size, apart, strict=True)]
    return all(max(pair) < span for pair, span in zip(padding.layer.padding, spans, strict=True))


def folds_into(steps: list[Step], index: int) -> int | None:
    """The analog step whose gain and offset a batch norm becomes; None where it cannot be folded.

    It follows that layer, or another batch norm that folds into it, and nothing else takes what it normalises.
    """
    step, source = steps[index], steps[index].sources[0]
    axis = getattr(step.layer, "axis", -1)
    if source < 0 or axis not in (-1, len(step.out_shape)) or len(users(steps, source)) != 1:
        return None
    before = steps[source]
    if before.kind in NORMS:
        return folds_into(steps, source)
    return source if before.kind in ANALOG and activation_of(before.layer) == "linear" else None


def _wrong_end(steps: list[Step]) -> dict[str, str]:
    """What stands in the way of logits at the end. A softmax there is no obstacle: it keeps the class."""
    end = list(range(len(steps)))
    last = steps[end[-1]] if end else None
    if last is None:
        return {"output": "nothing at the end, expected Dense giving logits"}
    logits: Step = last
    if last.kind not in ANALOG and activation_of(last.layer) == "softmax" and last.sources[0] >= 0:
        logits = steps[last.sources[0]]
    while logits.kind in NORMS:
        logits = steps[logits.sources[0]]
    allowed = ("linear", "softmax") if logits is last else ("linear",)
    if ANALOG.get(logits.kind) == "dense" and activation_of(logits.layer) in allowed:
        return {}
    given = f"{last.kind} with {activation_of(last.layer)}"
    return {last.name: f"{given} at the end, expected Dense giving logits"}
