"""From a Keras model to levels: which network a bundle holds, and what each weight becomes as a pair of cells."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from host_tools.errors import HostError
from host_tools.mapping.carried import ANALOG, NORMS, carried_steps, folds_into, is_depthwise
from host_tools.mapping.fold import folded
from host_tools.mapping.nodes import graph_nodes

PLAIN_CLIP_SD = 2.5  # clip of a network that was not trained for RRAM; the best of 2.5, 4 and none in a prototype
SAME_LEVEL = 1e-3  # of the range: compiled levels are whole G steps, 2,048 to the range


@dataclass(frozen=True)
class MappedLayer:
    """One analog layer.

    signed [K, N]: level of the plus cell (positive) or the minus cell. clip: the weight that the highest level stands
    for. gain, bias [N]. mask [K, N] and exact [K, N]: the weights that training held exactly, if any.
    """

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
    """The nodes as the bundle's graph document holds them, and the analog layers in order."""

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
    """Map a Keras model, or raise HostError with the name of each layer that the board does not carry.

    Plain layers are clipped at `clip_sd` standard deviations and rounded to the nearest level; RRAM-aware layers
    (host_tools.layers) bring their own levels. Batch norm behind a layer is folded into its gain and bias. A softmax at
    the end is left out: the board works with logits.
    """
    steps = carried_steps(model)
    network = MappedNetwork(tuple(model.input_shape[1:]), graph_nodes(steps), [])
    place = {}  # of a step among the analog layers
    for i, step in enumerate(steps):
        if step.kind in ANALOG:
            place[i] = len(network.layers)
            rram = step.kind.startswith("RRAM")
            mapped = _map_rram(step.layer, targets_uS) if rram else _map_plain(step.layer, targets_uS, clip_sd)
            network.layers.append(mapped)
        elif step.kind in NORMS:
            layer = place[cast(int, folds_into(steps, i))]
            gain, bias = folded(network.layers[layer].gain, network.layers[layer].bias, step.layer)
            network.layers[layer] = replace(network.layers[layer], gain=gain, bias=bias)
    return network


def nearest_levels(
    w: npt.NDArray[np.float32], clip: float, targets_uS: npt.NDArray[np.float64]
) -> npt.NDArray[np.int16]:
    """Signed levels of weights w: the level whose conductance is nearest to |w| / clip of the range."""
    share = _shares(targets_uS)
    borders = (share[1:] + share[:-1]) / 2
    level = np.searchsorted(borders, np.minimum(np.abs(w) / clip, 1.0))
    return (np.sign(w) * level).astype(np.int16)


def _shares(targets_uS: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Conductances of the levels above the lowest, as shares of the range: 0 to 1."""
    shares: npt.NDArray[np.float64] = (targets_uS - targets_uS[0]) / (targets_uS[-1] - targets_uS[0])
    return shares


def _map_plain(layer: Any, targets_uS: npt.NDArray[np.float64], clip_sd: float) -> MappedLayer:
    kernel, *bias = _finite_weights(layer)
    matrix = kernel.reshape(-1, _columns(layer, kernel.shape))
    clip = float(min(clip_sd * matrix.std(), np.abs(matrix).max()))
    if clip <= 0:
        raise HostError(f"{layer.name}: all weights are the same, expected different ones")
    n = matrix.shape[1]
    return MappedLayer(
        layer.name, nearest_levels(matrix, clip, targets_uS), clip, np.ones(n, np.float32),
        bias[0] if bias else np.zeros(n, np.float32),
    )  # fmt: skip


def _map_rram(layer: Any, targets_uS: npt.NDArray[np.float64]) -> MappedLayer:
    """The layer's own levels, or, for a profile with other levels than it was trained for, the nearest of those."""

    def matrix(values: Any) -> npt.NDArray[Any]:
        array = np.asarray(values)
        return array.reshape(-1, _columns(layer, array.shape))

    _finite_weights(layer)
    own, shares, kernel = layer.table.values, _shares(targets_uS), matrix(layer.kernel).astype(np.float32)
    same = len(own) == len(shares) and np.allclose(own, shares, atol=SAME_LEVEL)
    levels = matrix(layer.signed_levels()) if same else nearest_levels(kernel, layer.w_clip, targets_uS)
    mask = matrix(layer.exact_mask) > 0
    return MappedLayer(
        layer.name, levels.astype(np.int16), float(layer.w_clip),
        np.asarray(layer.gain, np.float32), np.asarray(layer.bias, np.float32),
        mask=mask if mask.any() else None, exact=kernel if mask.any() else None,
    )  # fmt: skip


def _columns(layer: Any, shape: tuple[int, ...]) -> int:
    """Columns of a kernel's matrix: its last axis, of a depthwise one the last two (channel, multiplier)."""
    return int(shape[-2] * shape[-1] if is_depthwise(layer) else shape[-1])


def _finite_weights(layer: Any) -> list[npt.NDArray[np.float32]]:
    """The layer's weights, or HostError where one is NaN or infinite."""
    weights = [np.asarray(w, np.float32) for w in layer.get_weights()]
    if not all(np.all(np.isfinite(w)) for w in weights):
        raise HostError(f"{layer.name}: a weight is NaN or infinite, expected finite numbers")
    return weights
