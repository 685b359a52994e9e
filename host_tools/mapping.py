"""From a Keras model to levels: which network a bundle holds, and what each weight becomes as a differential pair of cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from host_tools.errors import HostError

PLAIN_CLIP_SD = 2.5  # clip of a network that was not trained for RRAM; the best of 2.5, 4 and none in a prototype


@dataclass(frozen=True)
class MappedLayer:
    """One analog layer. signed int [K, N]: level of the plus cell (positive) or the minus cell; clip: the weight that the
    highest level stands for; gain, bias [N]; mask bool [K, N] and exact [K, N]: weights that training held exactly, if any."""

    name: str
    signed: npt.NDArray[np.int16]
    clip: float
    gain: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]
    mask: npt.NDArray[np.bool_] | None = None
    exact: npt.NDArray[np.float32] | None = None

    @property
    def pairs(self) -> npt.NDArray[np.uint8]:
        """Levels of the two cells of each pair, uint8 [2, K, N]."""
        return np.stack([np.maximum(self.signed, 0), np.maximum(-self.signed, 0)]).astype(np.uint8)


@dataclass(frozen=True)
class MappedNetwork:
    """The chain of nodes as the bundle's graph document holds it, and its analog layers in order."""

    input_shape: tuple[int, ...]
    nodes: list[dict[str, Any]]
    layers: list[MappedLayer]

    @property
    def weights(self) -> int:
        """Number of weights (pairs of cells)."""
        return sum(layer.signed.size for layer in self.layers)

    @property
    def columns(self) -> int:
        """Number of columns, each with a gain and an offset."""
        return sum(len(layer.gain) for layer in self.layers)


def map_model(model: Any, targets_uS: npt.NDArray[np.float64], clip_sd: float = PLAIN_CLIP_SD) -> MappedNetwork:
    """Map a Keras model: plain layers are clipped at `clip_sd` standard deviations and rounded to the nearest level,
    RRAM-aware layers (host_tools.layers) bring their own levels. HostError names a layer that the board does not carry."""
    _refuse_unsupported(model)
    shape: tuple[int, ...] = tuple(model.input_shape[1:])
    network = MappedNetwork(shape, [], [])
    for layer in model.layers:
        shape = _add(network, layer, shape, targets_uS, clip_sd)
    if not network.layers or len(shape) != 1:
        raise HostError(f"{model.name}: its output has shape {list(shape)}, expected logits of a last dense layer")
    last = max(i for i, node in enumerate(network.nodes) if "name" in node)
    if last != len(network.nodes) - 1:
        raise HostError(f"{model.name}: {network.nodes[-1]['op']} after the last analog layer; expected logits")
    return network


DIGITAL = ("InputLayer", "ReLU", "Activation", "MaxPooling2D", "Flatten", "Dropout", "Softmax")
ANALOG = {"Dense": "dense", "RRAMDense": "dense", "Conv2D": "conv2d", "RRAMConv2D": "conv2d"}


def _refuse_unsupported(model: Any) -> None:
    """Name every layer that is not carried, before any work is done."""
    wrong = []
    for layer in model.layers:
        kind = type(layer).__name__
        if kind not in DIGITAL and kind not in ANALOG:
            wrong.append(f"{layer.name} ({kind})")
        elif _activation(layer) not in ("linear", "relu", "softmax"):
            wrong.append(f"{layer.name} (activation {_activation(layer)})")
        elif getattr(layer, "groups", 1) != 1 or tuple(getattr(layer, "dilation_rate", (1, 1))) != (1, 1):
            wrong.append(f"{layer.name} (groups or dilation)")
        elif kind == "MaxPooling2D" and layer.padding != "valid":
            wrong.append(f"{layer.name} (pooling with padding '{layer.padding}')")
    if wrong:
        raise HostError(f"{model.name}: the board does not carry: {', '.join(wrong)}")


def _activation(layer: Any) -> str:
    activation = getattr(layer, "activation", None)
    return "linear" if activation is None else str(activation.__name__)


def _add(
    network: MappedNetwork, layer: Any, shape: tuple[int, ...], targets_uS: npt.NDArray[np.float64], clip_sd: float
) -> tuple[int, ...]:
    """Append one Keras layer; returns the shape after it."""
    kind = type(layer).__name__
    if kind in ANALOG:
        out = tuple(int(n) for n in layer.output.shape[1:])
        node: dict[str, Any] = {
            "op": ANALOG[kind],
            "name": layer.name,
            "in": list(shape),
            "out": list(out),
            "signed": False,
        }
        if ANALOG[kind] == "conv2d":
            node |= {"kernel": list(layer.kernel_size), "stride": list(layer.strides), "padding": layer.padding}
        network.nodes.append(node)
        network.layers.append(_map_rram(layer) if kind.startswith("RRAM") else _map_plain(layer, targets_uS, clip_sd))
        shape = out
    elif kind == "MaxPooling2D":
        pool, stride = list(layer.pool_size), list(layer.strides)
        network.nodes.append({"op": "maxpool2d", "pool": pool, "stride": stride})
        shape = ((shape[0] - pool[0]) // stride[0] + 1, (shape[1] - pool[1]) // stride[1] + 1, shape[2])
    elif kind == "Flatten":
        network.nodes.append({"op": "flatten"})
        shape = (int(np.prod(shape)),)
    if kind == "ReLU" or _activation(layer) == "relu":
        network.nodes.append({"op": "relu"})
    return shape


def nearest_levels(
    w: npt.NDArray[np.float32], clip: float, targets_uS: npt.NDArray[np.float64]
) -> npt.NDArray[np.int16]:
    """Signed levels of weights w: the level whose conductance above the lowest is nearest to |w| / clip of the range."""
    share = (targets_uS - targets_uS[0]) / (targets_uS[-1] - targets_uS[0])
    borders = (share[1:] + share[:-1]) / 2
    level = np.searchsorted(borders, np.minimum(np.abs(w) / clip, 1.0))
    return (np.sign(w) * level).astype(np.int16)


def _map_plain(layer: Any, targets_uS: npt.NDArray[np.float64], clip_sd: float) -> MappedLayer:
    kernel, *bias = (np.asarray(w, np.float32) for w in layer.get_weights())
    matrix = kernel.reshape(-1, kernel.shape[-1])
    clip = float(min(clip_sd * matrix.std(), np.abs(matrix).max()))
    if not (np.all(np.isfinite(matrix)) and clip > 0):
        raise HostError(f"{layer.name}: weights are not finite, or all zero")
    n = matrix.shape[1]
    return MappedLayer(
        layer.name, nearest_levels(matrix, clip, targets_uS), clip, np.ones(n, np.float32),
        bias[0] if bias else np.zeros(n, np.float32),
    )  # fmt: skip


def _map_rram(layer: Any) -> MappedLayer:
    def matrix(values: Any) -> npt.NDArray[Any]:
        array = np.asarray(values)
        return array.reshape(-1, array.shape[-1])

    mask = matrix(layer.exact_mask) > 0
    return MappedLayer(
        layer.name, matrix(layer.signed_levels()).astype(np.int16), float(layer.w_clip),
        np.asarray(layer.gain, np.float32), np.asarray(layer.bias, np.float32),
        mask=mask if mask.any() else None, exact=matrix(layer.kernel) if mask.any() else None,
    )  # fmt: skip
