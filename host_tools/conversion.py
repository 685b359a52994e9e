"""From an ideal network to one on RRAM pairs: the same graph, its dense and convolutional layers on pairs.

    student = convert(model, "charan-65nm")

Whatever else the model holds stays digital, and `tell` says so; a batch norm gets the statistics of each draw's own
cells (host_tools.layers.norm) and is folded at export.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from device_models.macro import MacroConfig
from device_models.profile import DeviceProfile
from host_tools.backend import keras
from host_tools.errors import HostError
from host_tools.layers import ChipNormalization, RRAMConv2D, RRAMDense, RRAMDepthwiseConv2D, RRAMLayer
from host_tools.layers.base import Gradient

SILENT = ("InputLayer", "ReLU", "Activation", "Flatten", "Reshape", "Dropout", "Softmax", "Add", "ZeroPadding2D",
          "MaxPooling2D", "AveragePooling2D", "GlobalAveragePooling2D", "BatchNormalization")  # fmt: skip


@dataclass(frozen=True)
class Conversion:
    """How weights go on pairs.

    clip: standard deviations of a layer's own weights that its outermost level stands for; learn_clip: trained from
    there. draws: groups of a training batch with cells of their own. scale: "per-layer", or "per-channel": each column
    is brought to the layer's standard deviation, and its gain back. quantizer, gradient: host_tools.layers.base.
    seed: of the draws.
    """

    clip: float = 0.8
    learn_clip: bool = False
    draws: int = 1
    scale: Literal["per-layer", "per-channel"] = "per-layer"
    quantizer: Any = "nearest"
    gradient: Gradient = "slope"
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.clip > 0:
            raise HostError(f"clip: {self.clip} is not > 0 standard deviations")
        if self.scale not in ("per-layer", "per-channel"):
            raise HostError(f"scale: {self.scale!r} is unknown, expected 'per-layer' or 'per-channel'")


def convert(
    model: Any,
    profile: DeviceProfile | dict[str, Any] | str,
    macro: MacroConfig | None = None,
    options: Conversion | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> Any:
    """A student with the weights of `model`, a Sequential or functional Keras model, on pairs of `profile`.

    Dense, Conv2D and DepthwiseConv2D (channels last) go on pairs. `tell` gets a line for every
    layer with weights, or of an unknown kind, that stays digital. HostError: a macro that is not of pairs, nothing to
    convert, a layer used twice, or a model that is neither Sequential nor functional.
    """
    if macro is not None and macro.pairing != "differential":
        raise HostError(f"macro: pairing: students are trained on differential pairs, not {macro.pairing!r}")
    document = _document(profile)
    chosen = options or Conversion()
    sources: list[tuple[RRAMLayer, Any]] = []

    def replace(layer: Any) -> Any:
        new = _on_pairs(layer, document, chosen, len(sources))
        if new is not None:
            if any(old is layer for _, old in sources) or _uses(model, layer) > 1:
                raise HostError(f"model {model.name}: layer {layer.name} is used more than once, expected once")
            sources.append((new, layer))
            return new
        kind = type(layer).__name__
        if kind not in SILENT:
            tell(f"{layer.name} ({kind}) stays digital")
        if kind == "BatchNormalization":
            return ChipNormalization(**{**layer.get_config(), "draws": chosen.draws})
        return type(layer).from_config(layer.get_config())

    student = _cloned(model, replace)
    if not sources:
        raise HostError(f"model {model.name}: no Dense, Conv2D or DepthwiseConv2D to put on pairs")
    _take_weights(model, student, sources, chosen)
    return student


def _uses(model: Any, layer: Any) -> int:
    """How often the model calls a layer; a Sequential does so once, however many nodes its loading left."""
    if isinstance(model, keras.Sequential):
        return 1
    return sum(node.operation is layer for nodes in getattr(model, "_nodes_by_depth", {}).values() for node in nodes)


def _document(profile: DeviceProfile | dict[str, Any] | str) -> dict[str, Any]:
    if isinstance(profile, dict):
        return profile
    loaded = profile if isinstance(profile, DeviceProfile) else DeviceProfile.load(profile)
    return loaded.model_dump(mode="json", exclude_none=True)


def _cloned(model: Any, replace: Callable[[Any], Any]) -> Any:
    try:
        clone = keras.models.clone_model(model, clone_function=replace)
    except HostError:
        raise
    except (ValueError, NotImplementedError):  # a subclass, whose graph is its own code
        kind = type(model).__name__
        raise HostError(f"model {model.name}: a {kind}, expected a Sequential or functional model") from None
    clone.name = f"{model.name}_rram"
    return clone


def _on_pairs(layer: Any, profile: dict[str, Any], options: Conversion, index: int) -> RRAMLayer | None:
    """The layer on pairs, or None where it stays digital."""
    kind = type(layer).__name__
    if kind not in ("Dense", "Conv2D", "DepthwiseConv2D"):
        return None
    if kind != "Dense" and layer.data_format != "channels_last":
        return None
    kernel = keras.ops.convert_to_numpy(layer.kernel.value)
    if not np.ptp(kernel) > 0:
        raise HostError(f"{layer.name}: all weights are the same, expected different ones")
    common = {
        "profile": profile,
        "w_clip": options.clip * float(np.std(kernel)),
        "draws": options.draws,
        "seed": 1000 * options.seed + index,
        "quantizer": options.quantizer,
        "gradient": options.gradient,
        "learn_clip": options.learn_clip,
        "activation": layer.activation,
        "name": layer.name,
    }
    if kind == "Dense":
        return RRAMDense(layer.units, **common)
    if kind == "Conv2D":
        return RRAMConv2D(layer.filters, layer.kernel_size, groups=layer.groups, **_windows(layer), **common)
    multiplier = layer.depth_multiplier
    return RRAMDepthwiseConv2D(layer.kernel_size, depth_multiplier=multiplier, **_windows(layer), **common)


def _windows(layer: Any) -> dict[str, Any]:
    """How a convolution's windows lie."""
    return {"strides": layer.strides, "padding": layer.padding, "dilation_rate": layer.dilation_rate}


def _take_weights(model: Any, student: Any, sources: list[tuple[RRAMLayer, Any]], options: Conversion) -> None:
    replaced = {old.name for _, old in sources}
    for new, old in sources:
        w = keras.ops.convert_to_numpy(old.kernel.value)
        if options.scale == "per-channel":
            axes = tuple(range(w.ndim - new.columns_axes))
            ratio = np.maximum(w.std(axis=axes), 1e-6 * w.std()) / w.std()
            w = w / ratio
            new.gain.assign(ratio.reshape(-1))
        new.kernel.assign(w if options.learn_clip else np.clip(w, -new.w_clip, new.w_clip))
        if old.use_bias:
            new.bias.assign(keras.ops.convert_to_numpy(old.bias.value))  # its own memory: JAX gives it away
    for layer in model.layers:
        if layer.name not in replaced and layer.weights:
            student.get_layer(layer.name).set_weights(layer.get_weights())


def plain_copy(student: Any, rng: np.random.Generator | None = None) -> Any:
    """The student as ordinary Keras layers: noise-free, or with the cells of one chip that `rng` draws. Fast to
    evaluate."""

    def plain(layer: Any) -> Any:
        common = {"activation": getattr(layer, "activation", None), "name": layer.name}
        if isinstance(layer, RRAMDense):
            return keras.layers.Dense(layer.units, **common)
        if isinstance(layer, RRAMConv2D):
            more = {"groups": layer.groups, **_windows(layer), **common}
            return keras.layers.Conv2D(layer.filters, layer.kernel_size, **more)
        if isinstance(layer, RRAMDepthwiseConv2D):
            more = {"depth_multiplier": layer.depth_multiplier, **_windows(layer), **common}
            return keras.layers.DepthwiseConv2D(layer.kernel_size, **more)
        if isinstance(layer, ChipNormalization):
            config = {key: value for key, value in layer.get_config().items() if key != "draws"}
            return keras.layers.BatchNormalization.from_config(config)
        return type(layer).from_config(layer.get_config())

    copy = keras.models.clone_model(student, clone_function=plain)
    copy.name = student.name
    load_chip(copy, student, rng)
    return copy


def load_chip(copy: Any, student: Any, rng: np.random.Generator | None) -> None:
    """Put the student's weights, noise-free or drawn by `rng`, into its plain copy."""
    for layer in student.layers:
        target = copy.get_layer(layer.name) if layer.weights else None
        if isinstance(layer, RRAMLayer) and target is not None:
            kernel = layer.clean_kernel() if rng is None else layer.drawn_kernel(rng)
            gain = keras.ops.convert_to_numpy(layer.gain.value).reshape(kernel.shape[-layer.columns_axes :])
            target.kernel.assign(kernel * gain)
            target.bias.assign(keras.ops.convert_to_numpy(layer.bias.value))
        elif target is not None:
            target.set_weights(layer.get_weights())
