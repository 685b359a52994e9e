"""Batches forward and back through a network whose analog layers are whatever the caller makes of their rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from firmware_py.graph import Node, digital, im2col
from firmware_py.learn import digital_backward
from firmware_py.walk import run, run_back

F32 = npt.NDArray[np.float32]
Product = Callable[[Node, F32], F32]


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


def forward(nodes: Sequence[Node], x: F32, product: Product) -> Pass:
    """Images x [n, *input_shape] through the nodes; product: rows [n P, G K] of an analog node to [n P, N]."""
    done = Pass([], [])

    def compute(i: int, a: F32) -> F32:
        node = nodes[i]
        y = digital(a, node) if node.layer < 0 else product(node, rows_of(node, a))
        done.inputs.append(a)
        done.outputs.append(y.reshape(len(a), *node.out_shape))
        return done.outputs[-1]

    run(nodes, x, compute)
    return done


def backward(nodes: Sequence[Node], done: Pass, error: F32, transposed: Product) -> dict[int, F32]:
    """dLoss/doutput [n P, N] of every analog layer from dLoss/dlogits; transposed: [n P, N] to dLoss/drows [n P, K]."""
    found: dict[int, F32] = {}

    def back(i: int, delta: F32, wanted: bool) -> F32 | None:
        node = nodes[i]
        if node.layer < 0:
            return digital_backward(node, done.inputs[i], done.outputs[i], delta)
        found[node.layer] = delta.reshape(-1, node.out_shape[-1])
        return add_rows(node, transposed(node, found[node.layer])) if wanted else None

    run_back(nodes, error, back)
    return found


def rows_of(node: Node, x: F32) -> F32:
    """Rows [n P, G K] of an analog node from its input [n, *in_shape]."""
    return im2col(x, node).reshape(len(x) * node.positions, -1)


def add_rows(node: Node, rows: F32) -> F32:
    """The transpose of `rows_of`: [n P, G K] added at the inputs that feed them, [n, *in_shape]."""
    if node.op == "dense":
        return rows.reshape(-1, *node.in_shape)
    (kh, kw), (sh, sw), (top, left), (dh, dw) = node.kernel, node.stride, node.pad, node.dilation
    (oh, ow), (h, w, channels) = node.out_shape[:2], node.in_shape
    each = np.moveaxis(rows.reshape(-1, oh, ow, node.groups, kh, kw, channels // node.groups), 3, 5)
    parts = each.reshape(-1, oh, ow, kh, kw, channels)
    need = (oh - 1) * sh + node.span[0], (ow - 1) * sw + node.span[1]
    padded = np.zeros((len(parts), max(top + h, need[0]), max(left + w, need[1]), channels), np.float32)
    for i in range(kh):
        for j in range(kw):
            y, x = i * dh, j * dw
            padded[:, y : y + sh * (oh - 1) + 1 : sh, x : x + sw * (ow - 1) + 1 : sw] += parts[:, :, :, i, j]
    return padded[:, top : top + h, left : left + w]
