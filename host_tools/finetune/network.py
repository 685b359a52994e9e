"""A network as the fine-tuning sees it: analog matrices with ideal weights, digital operations between them.

    network = read_network(model, clip_sd=1.0)
    done = network.forward(x, product)   # product(i, rows) is what layer i makes of rows [n, K]: the chip, or exact
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_py.graph import Node
from host_tools import passes
from host_tools.pairing.network import LayerWeights, weights_of
from host_tools.passes import Pass

F32 = NDArray[np.float32]
Product = Callable[[int, F32], F32]
UNCLIPPED = 1e6  # standard deviations of the weights: beyond any of them


@dataclass(frozen=True)
class Network:
    """Nodes in the order in which they are computed; the last gives the logits [n, classes].

    A layer's weights are the ideal ones; its `clip` is the weight of the outermost level on a chip, so that some may
    lie beyond.
    """

    name: str
    nodes: tuple[Node, ...]
    layers: tuple[LayerWeights, ...]

    def exact(self, layer: int, rows: F32) -> F32:
        """The ideal product of a layer, with its gain and bias."""
        part = self.layers[layer]
        return np.asarray((rows @ part.weights) * part.gain + part.bias)

    def forward(self, x: F32, product: Product | None = None) -> Pass:
        """A pass over images x [n, *input_shape]; without `product`: the ideal one."""
        made = product or self.exact
        return passes.forward(self.nodes, x, lambda node, rows: made(node.layer, rows))

    def backward(self, done: Pass, gradient: F32, transposed: Product) -> dict[int, F32]:
        """Gradients by every analog layer's output (behind gain and bias), [n P, N]; transposed(i, d [n P, N]) is what
        layer i makes of d going back, [n P, K]."""
        return passes.backward(self.nodes, done, gradient, lambda node, d: transposed(node.layer, d))

    def rows(self, layer: int, x: F32, product: Product) -> F32:
        """The rows [n P, K] that a layer gets; layers behind it are not used."""
        node = self.nodes[self.place(layer)]
        source = node.sources[0]
        if source < 0:
            return passes.rows_of(node, x)
        before = passes.forward(self.nodes[: source + 1], x, lambda node, rows: product(node.layer, rows))
        return passes.rows_of(node, before.outputs[source])

    def answers(self, layer: int, done: Pass) -> F32:
        """What a layer gave in a pass, [n P, N]."""
        y = done.outputs[self.place(layer)]
        return y.reshape(-1, y.shape[-1])

    def place(self, layer: int) -> int:
        """Index of an analog layer's node."""
        return next(i for i, node in enumerate(self.nodes) if node.layer == layer)


def read_network(model: Any, clip_sd: float) -> Network:
    """The network of a Keras model that a board carries, branches included; batch norm is folded into the columns.

    clip_sd: weight of the outermost level, in standard deviations of a layer's weights. HostError names every layer
    that is not carried, or whose weights are all the same.
    """
    found = weights_of(model, UNCLIPPED)
    layers = tuple(replace(layer, clip=clip_sd * float(layer.weights.std())) for layer in found.layers)
    return Network(model.name, found.nodes, layers)
