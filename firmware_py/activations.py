"""The functions between layers: float32 [n, *shape] -> the same shape, and how an error goes back through them.

Each is a few single float32 operations in the order that is written here (docs/numerics.md, section 4), so that every
engine gives the same bits.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from firmware_py.nodes import Node

F32 = npt.NDArray[np.float32]
ZERO, ONE, THREE, SIX = (np.float32(x) for x in (0, 1, 3, 6))
SIXTH = np.float32(1 / 6)


def _relu(x: F32, node: Node) -> F32:
    positive: F32 = np.fmax(x, ZERO)  # 0 for NaN
    return positive


def _relu6(x: F32, node: Node) -> F32:
    clipped: F32 = np.fmin(np.fmax(x, ZERO), SIX)
    return clipped


def _leaky_relu(x: F32, node: Node) -> F32:
    y: F32 = np.where(x > 0, x, x * np.float32(node.slope))
    return y


def _hard_swish(x: F32, node: Node) -> F32:
    y: F32 = x * (np.fmin(np.fmax(x + THREE, ZERO), SIX) * SIXTH)
    return y


def probabilities(x: F32) -> npt.NDArray[np.float64]:
    """Softmax over the last axis, not rounded yet."""
    e = np.exp(x.astype(np.float64) - x.max(axis=-1, keepdims=True))
    p: npt.NDArray[np.float64] = e / np.cumsum(e, axis=-1)[..., -1:]  # cumsum adds in order, as the C core does
    return p


def _softmax(x: F32, node: Node) -> F32:
    return probabilities(x).astype(np.float32)


ACTIVATIONS: dict[str, Callable[[F32, Node], F32]] = {
    "relu": _relu, "relu6": _relu6, "leaky_relu": _leaky_relu, "hard_swish": _hard_swish, "softmax": _softmax,
}  # fmt: skip


def activation_backward(node: Node, x: F32, y: F32, delta: F32) -> F32:
    """dLoss/dinput from input x, output y and dLoss/doutput, all of one shape."""
    if node.op == "relu":
        return np.where(y > 0, delta, ZERO)
    if node.op == "relu6":
        return delta * np.where((y > 0) & (y < SIX), ONE, ZERO)
    if node.op == "leaky_relu":
        return delta * np.where(y > 0, ONE, np.float32(node.slope))
    if node.op == "hard_swish":
        rising = np.where(x < THREE, (x + x + THREE) * SIXTH, ONE)
        return delta * np.where(x > -THREE, rising, ZERO)
    inner = np.cumsum(delta * y, axis=-1, dtype=np.float32)[..., -1:]
    return y * (delta - inner)
