"""A chip in floating point, in batches, with gradients: what export needs to choose ranges and the mask. No converters.

The board's engines stay the measure of accuracy; this only looks at currents and gradients before a bundle exists.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from firmware_py.bundle import AnalogLayer, ProfileTables
from firmware_py.cells import Effects, draw_conductances
from firmware_py.graph import Node, digital, im2col
from firmware_py.learn import digital_backward, input_index
from firmware_py.walk import run, run_back

F32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Pass:
    """Inputs of every node [n, *in_shape] (of `add`: their sum), their outputs [n, *out_shape], the last of which
    are the logits.
    """

    inputs: list[F32]
    outputs: list[F32]

    @property
    def logits(self) -> F32:
        """Logits [n, classes]."""
        return self.outputs[-1]


def chip_weights(layers: Sequence[AnalogLayer], tables: ProfileTables, seed: int) -> list[F32]:
    """Weights [K, N] per layer, column gains included, of chip `seed`."""
    out = []
    for index, layer in enumerate(layers):
        g = draw_conductances(layer, index, tables, seed, Effects())
        out.append(((g[0] - g[1]) * float(layer.w_step) * layer.gain).astype(np.float32))
    return out


def forward(nodes: Sequence[Node], layers: Sequence[AnalogLayer], weights: Sequence[F32], x: F32) -> Pass:
    """Images x [n, *input_shape] through the graph with the given weights."""
    done = Pass([], [])

    def compute(i: int, a: F32) -> F32:
        node = nodes[i]
        if node.layer < 0:
            y = digital(a, node)
        else:
            y = im2col(a, node) @ weights[node.layer] + layers[node.layer].offset
        done.inputs.append(a)
        done.outputs.append(y.reshape(len(x), *node.out_shape).astype(np.float32))
        return done.outputs[-1]

    run(nodes, x, compute)
    return done


def fisher(
    nodes: Sequence[Node], weights: Sequence[F32], done: Pass, labels: npt.NDArray[np.integer], power: int = 2
) -> list[F32]:
    """Mean squared per-sample gradient of the cross-entropy by each weight, [K, N] per layer (the empirical Fisher).

    power 1: the mean of its magnitude instead.
    """
    logits = done.logits.astype(np.float64)
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    delta = (p / p.sum(axis=1, keepdims=True)).astype(np.float32)
    delta[np.arange(len(labels)), labels] -= 1
    out: list[F32] = [np.zeros(0, np.float32)] * len(weights)

    def back(i: int, delta: F32, wanted: bool) -> F32 | None:
        node, x, y = nodes[i], done.inputs[i], done.outputs[i]
        if node.layer < 0:
            return np.stack([digital_backward(node, *sample) for sample in zip(x, y, delta, strict=True)])
        columns, d = im2col(x, node), delta.reshape(len(x), node.positions, -1)
        if node.op == "dense":
            out[node.layer] = (np.abs(columns[:, 0]) ** power).T @ np.abs(d[:, 0]) ** power / len(x)
        else:
            each = np.einsum("npk,npj->nkj", columns, d, optimize=True)
            out[node.layer] = (np.abs(each) ** power).mean(axis=0)
        return _to_input(node, d @ weights[node.layer].T) if wanted else None

    run_back(nodes, delta, back)
    return out


def _to_input(node: Node, rows: F32) -> F32:
    """Sum gradients of rows [n, P, K] at the inputs that feed them, [n, *in_shape]."""
    dx = np.zeros((int(np.prod(node.in_shape)) + 1, len(rows)), np.float32)  # the last place is the padding's
    np.add.at(dx, input_index(node), np.moveaxis(rows, 0, -1))
    return np.ascontiguousarray(dx[:-1].T).reshape(len(rows), *node.in_shape)
