"""From an ideal network to one on RRAM pairs: the same chain of layers, its weights clamped to a frozen clip."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from host_tools.backend import keras
from host_tools.errors import HostError
from host_tools.layers import RRAMConv2D, RRAMDense, RRAMLayer

KEPT = ("ReLU", "MaxPooling2D", "Flatten")


def convert(teacher: Any, profile: dict[str, Any], clip: float = 0.8, draws: int = 1, seed: int = 0) -> Any:
    """A student from a chain of Conv2D, Dense, ReLU, MaxPooling2D and Flatten; Dense and Conv2D may carry
    activation='relu'.

    clip: standard deviations of a layer's own weights that its outermost level stands for. draws: groups of cells in
    a training batch. HostError names a layer that cannot be put on pairs.
    """
    layers: list[Any] = [keras.layers.Input(teacher.input_shape[1:])]
    sources: list[tuple[RRAMLayer, Any]] = []
    for layer in chain(teacher):
        kind = type(layer).__name__
        if kind in KEPT:
            layers.append(type(layer).from_config(layer.get_config()))
            continue
        w_clip = clip * float(np.std(keras.ops.convert_to_numpy(layer.kernel.value)))
        common = {
            "profile": profile,
            "w_clip": w_clip,
            "draws": draws,
            "seed": 1000 * seed + len(sources),
            "name": layer.name,
        }
        new: RRAMLayer
        if kind == "Dense":
            new = RRAMDense(layer.units, **common)
        else:
            new = RRAMConv2D(layer.filters, layer.kernel_size, strides=layer.strides, padding=layer.padding, **common)
        layers.append(new)
        sources.append((new, layer))
        if layer.activation is keras.activations.relu:
            layers.append(keras.layers.ReLU(name=f"{layer.name}_relu"))
    student = keras.Sequential(layers, name=f"{teacher.name}_rram")
    for new, old in sources:
        w = keras.ops.convert_to_numpy(old.kernel.value)
        new.kernel.assign(np.clip(w, -new.w_clip, new.w_clip))
        if old.use_bias:
            new.bias.assign(old.bias)
    return student


def chain(model: Any) -> list[Any]:
    """The layers of a model that is one chain, without its input; HostError where it branches or holds what cannot be
    converted."""
    layers = [layer for layer in model.layers if type(layer).__name__ != "InputLayer"]
    if not isinstance(model, keras.Sequential):
        for before, layer in pairwise(layers):
            if layer.input is not before.output:
                raise HostError(
                    f"model {model.name}: layer {layer.name} does not follow {before.name} alone, expected a chain"
                )
    for layer in layers:
        kind = type(layer).__name__
        if kind not in (*KEPT, "Dense", "Conv2D"):
            raise HostError(
                f"model {model.name}: layer {layer.name} is a {kind}, "
                f"expected Conv2D, Dense or one of {', '.join(KEPT)}"
            )
        if kind in ("Dense", "Conv2D") and layer.activation not in (keras.activations.relu, keras.activations.linear):
            name = getattr(layer.activation, "__name__", str(layer.activation))
            raise HostError(f"model {model.name}: layer {layer.name} has activation {name}, expected relu or none")
        if kind == "Conv2D" and (
            layer.groups != 1 or tuple(layer.dilation_rate) != (1, 1) or layer.data_format != "channels_last"
        ):
            raise HostError(
                f"model {model.name}: layer {layer.name} has groups, dilation or channels first, expected none of them"
            )
    if not layers or type(layers[-1]).__name__ != "Dense" or layers[-1].activation is not keras.activations.linear:
        raise HostError(f"model {model.name}: the last layer must be a Dense without activation (logits)")
    return layers


def plain_copy(student: Any, rng: np.random.Generator | None = None) -> Any:
    """The student as ordinary Keras layers: noise-free, or with the cells of one chip that `rng` draws. Fast to
    evaluate."""
    layers: list[Any] = [keras.layers.Input(student.input_shape[1:])]
    for layer in student.layers:
        if isinstance(layer, RRAMDense):
            layers.append(keras.layers.Dense(layer.units, name=layer.name))
        elif isinstance(layer, RRAMConv2D):
            layers.append(
                keras.layers.Conv2D(
                    layer.filters, layer.kernel_size, strides=layer.strides, padding=layer.padding, name=layer.name
                )
            )
        else:
            layers.append(type(layer).from_config(layer.get_config()))
    copy = keras.Sequential(layers, name=student.name)
    load_chip(copy, student, rng)
    return copy


def load_chip(copy: Any, student: Any, rng: np.random.Generator | None) -> None:
    """Put the student's weights, noise-free or drawn by `rng`, into its plain copy."""
    for target, layer in zip(copy.layers, student.layers, strict=True):
        if isinstance(layer, RRAMLayer):
            kernel = layer.clean_kernel() if rng is None else layer.drawn_kernel(rng)
            target.kernel.assign(kernel * keras.ops.convert_to_numpy(layer.gain.value))
            target.bias.assign(layer.bias)
