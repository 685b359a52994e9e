"""A chip in floating point, in batches, with gradients: what export needs to choose ranges and the mask. No converters.

The board's engines stay the measure of accuracy; this only looks at currents and gradients before a bundle exists.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from firmware_py.bundle import AnalogLayer, ProfileTables
from firmware_py.cells import Effects, draw_conductances
from firmware_py.graph import Node, gathered, im2col, spread_out
from host_tools import passes
from host_tools.passes import Pass

F32 = npt.NDArray[np.float32]


def chip_weights(layers: Sequence[AnalogLayer], tables: ProfileTables, seed: int) -> list[F32]:
    """Weights [K, N] per layer, column gains included, of chip `seed`."""
    out = []
    for index, layer in enumerate(layers):
        g = draw_conductances(layer, index, tables, seed, Effects())
        out.append((layer.weights_of(g) * layer.gain).astype(np.float32))
    return out


def forward(nodes: Sequence[Node], layers: Sequence[AnalogLayer], weights: Sequence[F32], x: F32) -> Pass:
    """Images x [n, *input_shape] through the graph with the given weights."""

    def product(node: Node, rows: F32) -> F32:
        return np.asarray(rows @ spread_out(weights[node.layer], node) + layers[node.layer].offset)

    return passes.forward(nodes, x, product)


def forward_fitted(nodes: Sequence[Node], weights: Sequence[F32], x: F32, aim: Pass) -> Pass:
    """The same on a chip whose columns have the gain and offset that bring them nearest to the outputs `aim`, by least
    squares: as it is after calibration."""
    outputs = {node.layer: y for node, y in zip(nodes, aim.outputs, strict=True) if node.layer >= 0}

    def product(node: Node, rows: F32) -> F32:
        u = rows @ spread_out(weights[node.layer], node)
        y = outputs[node.layer].reshape(u.shape)
        du, dy = u - u.mean(axis=0), y - y.mean(axis=0)
        power = (du * du).sum(axis=0)
        return np.asarray((du * dy).sum(axis=0) / np.where(power > 0, power, 1) * du + y.mean(axis=0), np.float32)

    return passes.forward(nodes, x, product)


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
    found = passes.backward(nodes, done, delta, lambda node, d: d @ spread_out(weights[node.layer], node).T)
    out: list[F32] = [np.zeros(0, np.float32)] * len(weights)
    for node, x in zip(nodes, done.inputs, strict=True):
        if node.layer < 0:
            continue
        columns, d = im2col(x, node), found[node.layer].reshape(len(x), node.positions, -1)
        if node.op == "dense":
            out[node.layer] = (np.abs(columns[:, 0]) ** power).T @ np.abs(d[:, 0]) ** power / len(x)
        else:
            each = np.einsum("npk,npj->nkj", columns, d, optimize=True)
            out[node.layer] = gathered((np.abs(each) ** power).mean(axis=0), node)
    return out
