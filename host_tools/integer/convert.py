"""From any chain of Keras layers to an integer network of the same shapes, ready for training."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from host_tools.backend import keras
from host_tools.errors import HostError
from host_tools.integer.layers import Codes, ImageCodes, IntegerConv2D, IntegerDense, LogitScale

START_CODE = 0.7  # where a column's mean sum stands among the codes before training, and
START_SPREAD = 1.2  # how many codes one standard deviation of its sums is: about half of the codes are 0
START_SD = 2.0  # latent weights start as the given ones over so many of their standard deviations
DROPPED = ("InputLayer", "BatchNormalization", "Dropout", "Softmax", "Rescaling")


def to_integer(model: Any, bits: int = 2, seed: int = 0) -> Any:
    """The integer network of a chain of Conv2D, Dense, BatchNormalization, ReLU, MaxPooling2D, Flatten and Dropout.

    Latent weights start from the model's. Every analog layer but the last is followed by a ReLU (of its own or as a
    layer), which becomes codes of `bits` bits. HostError names each layer that cannot be carried, and why.
    """
    refuse(model)
    out: list[Any] = [keras.layers.Input(model.input_shape[1:]), ImageCodes(bits, name="image_codes")]
    analog = [layer for layer in model.layers if _kind(layer) in ("Dense", "Conv2D")]
    rows = int(np.prod(analog[-1].kernel.shape[:-1]))
    for number, layer in enumerate(model.layers):
        kind = _kind(layer)
        if kind in ("Dense", "Conv2D"):
            out.append(_analog(layer, kind, seed + number))
        if _rectifies(layer):
            name = layer.name if kind in ("ReLU", "Activation") else f"{layer.name}_codes"
            out.append(Codes(bits, name=name, gamma_initializer=keras.initializers.Constant(START_SPREAD),
                             beta_initializer=keras.initializers.Constant(START_CODE)))
        if kind in ("MaxPooling2D", "Flatten"):
            out.append(type(layer).from_config(layer.get_config()))
    out.append(LogitScale(1 / (2**bits * np.sqrt(rows)), name="logit_scale"))
    network = keras.Sequential(out, name=f"{model.name}-integer")
    for layer in analog:
        kernel = np.asarray(layer.get_weights()[0])
        network.get_layer(layer.name).kernel.assign(_latent(kernel))
    return network


def refuse(model: Any) -> None:
    """HostError that names every layer which an integer network does not carry."""
    if not isinstance(getattr(model, "input_shape", None), tuple) or not _is_chain(model):
        raise HostError(f"{model.name}: not one chain of layers, expected a Sequential model or its like")
    wrong = {layer.name: why for layer in model.layers if (why := _reason(layer))}
    wrong = wrong or _order(model)
    if wrong:
        named = ", ".join(f"{name} ({why})" for name, why in wrong.items())
        raise HostError(f"{model.name}: an integer network does not carry: {named}")


def ends_in_softmax(model: Any) -> bool:
    """Whether a network gives probabilities and not logits."""
    return _activation(model.layers[-1]) == "softmax"


def _kind(layer: Any) -> str:
    return type(layer).__name__


def _activation(layer: Any) -> str:
    if _kind(layer) in ("ReLU", "Softmax"):
        return _kind(layer).lower()
    function = getattr(layer, "activation", None)
    return "linear" if function is None else str(getattr(function, "__name__", type(function).__name__))


def _rectifies(layer: Any) -> bool:
    return _activation(layer) == "relu"


def _reason(layer: Any) -> str | None:
    kind = _kind(layer)
    if kind not in ("Dense", "Conv2D", "ReLU", "Activation", "MaxPooling2D", "Flatten", *DROPPED):
        return kind
    if _activation(layer) not in ("relu", "linear", "softmax"):
        return f"activation {_activation(layer)}"
    if kind == "Conv2D" and (layer.groups != 1 or tuple(layer.dilation_rate) != (1, 1)):
        return "groups or dilation"
    if kind == "MaxPooling2D" and layer.padding != "valid":
        return f"pooling with padding {layer.padding!r}"
    return None


def _order(model: Any) -> dict[str, str]:
    """Analog layers that meet sums where they expect codes, and an end that is no Dense without ReLU."""
    wrong, sums, last = {}, False, None
    for layer in model.layers:
        kind = _kind(layer)
        if kind in ("Dense", "Conv2D"):
            if sums:
                wrong[layer.name] = "no ReLU between it and the analog layer before"
            sums, last = True, layer
        if kind in ("MaxPooling2D", "Flatten") and sums and not _rectifies(layer):
            wrong[layer.name] = "before the ReLU of its layer, expected after it"
        if _activation(layer) == "softmax" and layer is not model.layers[-1]:
            wrong[layer.name] = "softmax before the end"
        if _rectifies(layer):
            if not sums:
                wrong[layer.name] = "a ReLU with no analog layer before it"
            sums = False
    if not wrong and (last is None or _kind(last) != "Dense" or not sums):
        wrong[model.layers[-1].name] = "the end, expected a Dense layer that gives logits"
    return wrong


def _is_chain(model: Any) -> bool:
    """Whether every layer takes the output of the one before it and of nothing else."""
    if _kind(model) == "Sequential":
        return True
    layers, tensors = [x for x in model.layers if _kind(x) != "InputLayer"], model.inputs
    for layer in layers:
        if len(tensors) != 1 or len(layer._inbound_nodes) != 1 or layer.input is not tensors[0]:
            return False
        tensors = [layer.output]
    return len(model.outputs) == 1 and model.outputs[0] is tensors[0]


def _analog(layer: Any, kind: str, seed: int) -> Any:
    if kind == "Dense":
        return IntegerDense(layer.units, seed=seed, name=layer.name)
    return IntegerConv2D(layer.filters, layer.kernel_size, strides=layer.strides, padding=layer.padding, seed=seed,
                         name=layer.name)


def _latent(kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weights around the column's mean in units of START_SD standard deviations of the layer, within -1 and 1."""
    sd = float(kernel.std())
    return np.clip(kernel / (START_SD * sd if sd > 0 else 1.0), -1, 1).astype(np.float32)
