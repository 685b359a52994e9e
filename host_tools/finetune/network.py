"""A network as the fine-tuning sees it: analog matrices, digital operations between them, branches where there are.

    network.forward(x, product)          # product(i, rows) is what layer i makes of rows [n, K]: the chip, or exact
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from host_tools.finetune.ops import Op
from host_tools.finetune.windows import Windows

F32 = NDArray[np.float32]
Product = Callable[[int, F32], F32]


@dataclass(frozen=True)
class Analog:
    """One matrix on the chip. kernel [K, M]: the ideal weights; gain, bias [M]: digital, behind the columns.

    windows: how a convolution makes rows of a map; None: a dense layer.
    """

    name: str
    kernel: F32
    gain: F32
    bias: F32
    windows: Windows | None = None


@dataclass(frozen=True)
class Node:
    """A step of the network; sources: indices of earlier nodes, -1 the input. `layer`: index of the analog layer."""

    sources: tuple[int, ...]
    op: Op | None = None
    layer: int = -1


@dataclass(frozen=True)
class Pass:
    """What a forward pass leaves: outputs of the nodes, and the rows [n, K] that each analog layer was given."""

    x: F32
    outputs: list[F32]
    rows: dict[int, F32]

    @property
    def logits(self) -> F32:
        """Outputs of the last node."""
        return self.outputs[-1]


@dataclass(frozen=True)
class Network:
    """Nodes in the order in which they are computed; the last gives the logits [n, classes]."""

    name: str
    nodes: tuple[Node, ...]
    layers: tuple[Analog, ...]

    def exact(self, layer: int, rows: F32) -> F32:
        """The ideal product of a layer, with its gain and bias."""
        part = self.layers[layer]
        return np.asarray((rows @ part.kernel) * part.gain + part.bias)

    def forward(self, x: F32, product: Product | None = None, until: int | None = None) -> Pass:
        """A pass over x [n, ...]; `until`: stop when that layer's rows are known, without using the layer."""
        product = product or self.exact
        outputs: list[F32] = []
        rows: dict[int, F32] = {}
        for node in self.nodes:
            inputs = [x if i < 0 else outputs[i] for i in node.sources]
            if node.op is not None:
                outputs.append(node.op.forward(inputs))
                continue
            windows = self.layers[node.layer].windows
            unfolded = inputs[0] if windows is None else windows.rows(inputs[0])
            rows[node.layer] = unfolded.reshape(-1, unfolded.shape[-1])
            if node.layer == until:
                break
            y = product(node.layer, rows[node.layer])
            outputs.append(y.reshape(*unfolded.shape[:-1], -1))
        return Pass(x, outputs, rows)

    def backward(self, done: Pass, gradient: F32, transposed: Product) -> dict[int, F32]:
        """Gradients with respect to every analog layer's output (before nothing, after gain and bias), [rows, M].

        `transposed(i, d)` is what layer i makes of d [rows, M] going back: [rows, K].
        """
        waiting: dict[int, F32] = {len(self.nodes) - 1: gradient}
        found: dict[int, F32] = {}
        for index in range(len(self.nodes) - 1, -1, -1):
            node = self.nodes[index]
            if index not in waiting:
                continue
            given = waiting.pop(index)
            inputs = [done.x if i < 0 else done.outputs[i] for i in node.sources]
            if node.op is not None:
                back = node.op.backward(inputs, done.outputs[index], given)
            else:
                found[node.layer] = np.ascontiguousarray(given.reshape(-1, given.shape[-1]), np.float32)
                if node.sources[0] < 0:
                    continue
                back = [self._folded(node.layer, transposed(node.layer, found[node.layer]), inputs[0].shape, given)]
            for source, part in zip(node.sources, back, strict=True):
                if source >= 0:
                    waiting[source] = waiting[source] + part if source in waiting else part
        return found

    def _folded(self, layer: int, rows: F32, shape: tuple[int, ...], given: F32) -> F32:
        windows = self.layers[layer].windows
        return rows if windows is None else windows.add_up(rows.reshape(*given.shape[:-1], -1), shape)
