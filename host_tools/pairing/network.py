"""A whole network on the tiles of one chip, whatever the pairing: device_models.array for the layers, digital between.

    network = ArrayNetwork.program(weights_of(model), profile, macro, seed=7, sample=images[:64])
    logits = network.logits(images)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from device_models.array.array import Array
from device_models.array.effects import Effects
from device_models.macro import MacroConfig
from device_models.profile import DeviceProfile
from firmware_py.graph import Node, parse_graph
from host_tools import passes
from host_tools.errors import HostError
from host_tools.mapping.network import PLAIN_CLIP_SD, map_model

F32 = npt.NDArray[np.float32]
# Reads do not wear the cells here: images are far more than a chip sees between two programmings.
IN_USE = replace(Effects(), disturb=False)
FINE = 2**15  # levels that stand for none: a weight is off by 2^-16 of the clip at most
BLOCK = 250  # images at once: bounds the memory of unfolded convolutions; each block is one read


@dataclass(frozen=True)
class LayerWeights:
    """Weights [K, N] within `clip`, and the digital gain and bias [N] of each column behind them."""

    weights: F32
    clip: float
    gain: F32
    bias: F32


@dataclass(frozen=True)
class NetworkWeights:
    """Nodes as a board runs them, and the analog layers in order, their weights not yet rounded to levels."""

    input_shape: tuple[int, ...]
    nodes: tuple[Node, ...]
    layers: tuple[LayerWeights, ...]


def weights_of(model: Any, clip_sd: float = PLAIN_CLIP_SD) -> NetworkWeights:
    """What a Keras model or a student asks of an array: clips and folding as in an export, weights as they are.

    A student's SRAM mask is left out: all its weights are on cells. HostError for what a board does not carry.
    """
    mapped = map_model(model, np.linspace(0.0, 1.0, FINE), clip_sd)
    grouped = [node["name"] for node in mapped.nodes if node.get("groups", 1) > 1]
    if grouped:
        raise HostError(f"{model.name}: groups of channels are carried by a board only, not here: {', '.join(grouped)}")
    nodes = parse_graph({"nodes": mapped.nodes}, mapped.input_shape, HostError)
    layers = [LayerWeights((m.signed * np.float32(m.clip / (FINE - 1))), m.clip, m.gain, m.bias) for m in mapped.layers]
    return NetworkWeights(mapped.input_shape, nodes, tuple(layers))


@dataclass(frozen=True)
class ArrayNetwork:
    """One programmed chip: an array for each analog layer. Not to be called from two threads at once."""

    network: NetworkWeights
    arrays: tuple[Array, ...] = field(repr=False)

    @classmethod
    def program(
        cls, network: NetworkWeights, profile: DeviceProfile, macro: MacroConfig, *, seed: int, sample: F32,
        effects: Effects = IN_USE, time_s: float = 0.0,
    ) -> ArrayNetwork:  # fmt: skip
        """Program chip `seed`, layer by layer; layer numbers are the board's, so differential pairs are its cells.

        sample: images [n, *input_shape] from which converter ranges are chosen, with what the layers before make of
        them on this very chip. ProfileError where the profile has too few levels for the pairing.
        """
        arrays: list[Array] = []

        def programmed(node: Node, rows: F32) -> F32:
            layer = network.layers[node.layer]
            arrays.append(Array.program(layer.weights, profile, macro, clip=layer.clip, seed=seed, layer=node.layer,
                                        effects=effects, sample=rows, time_s=time_s))
            return arrays[-1].multiply(rows, read=0)

        forward(network, sample, programmed)
        return cls(network, tuple(arrays))

    def logits(self, images: F32) -> F32:
        """Logits [n, classes] of images [n, *input_shape]; the same images in the same order see the same noise."""
        blocks = [images[start : start + BLOCK] for start in range(0, len(images), BLOCK)]
        return np.concatenate([
            forward(self.network, block, lambda node, rows, i=i: self.arrays[node.layer].multiply(rows, read=i + 1))  # type: ignore[misc]
            for i, block in enumerate(blocks)])  # fmt: skip

    def accuracy(self, images: F32, labels: npt.NDArray[np.integer]) -> float:
        """Per cent of the images whose largest logit is the label's."""
        return 100 * float(np.mean(self.logits(images).argmax(axis=1) == labels))


def forward(network: NetworkWeights, x: F32, multiply: Callable[[Node, F32], F32]) -> F32:
    """Images [n, *input_shape] through the nodes; `multiply`: node, rows [n P, K] -> [n P, N]."""

    def product(node: Node, rows: F32) -> F32:
        layer = network.layers[node.layer]
        return multiply(node, rows) * layer.gain + layer.bias

    return passes.forward(network.nodes, x, product).logits
