"""The functions between layers, both ways: single float32 operations in the order of docs/numerics.md, section 4."""

from array import array
from math import exp

from rram_edge.bundle import zeros
from rram_edge.graph import Node

SIXTH = array("f", [1 / 6])[0]


def forward(node: Node, a: array, mine: bool) -> array:
    """An activation on one image; where `mine`, the input is needed by nobody else and is written."""
    y = a if mine else a[:]
    if node.op == "softmax":
        for at in range(0, len(y), node.shape[-1]):
            softmax(y, at, node.shape[-1])
    elif node.op == "hard_swish":
        t = array("f", [0])
        for i, x in enumerate(y):
            t[0] = x + 3
            u = t[0]
            t[0] = (6 if u > 6 else u if u > 0 else 0) * SIXTH
            y[i] = x * t[0]
    elif node.op == "leaky_relu":
        for i, x in enumerate(y):
            if not x > 0:
                y[i] = x * node.slope
    else:
        for i, x in enumerate(y):
            if not x > 0:
                y[i] = 0
            elif x > 6 and node.op == "relu6":
                y[i] = 6
    return y


def softmax(y: array, at: int, count: int) -> None:
    """In place, of `count` numbers from `at`; summed in order, rounded to float32 at the end."""
    most, total = max(y[at : at + count]), 0.0
    for i in range(at, at + count):
        total += exp(y[i] - most)
    for i in range(at, at + count):
        y[i] = exp(y[i] - most) / total


def backward(node: Node, a: array, y: array, delta: array) -> array:
    """dLoss/dinput from input a, output y and dLoss/doutput."""
    dx, t = zeros("f", len(y)), array("f", [0])
    if node.op == "softmax":
        for at in range(0, len(y), node.shape[-1]):
            _softmax_backward(dx, y, delta, at, at + node.shape[-1])
    elif node.op == "relu":
        for i, value in enumerate(y):
            if value > 0:
                dx[i] = delta[i]
    else:
        for i, value in enumerate(y):
            dx[i] = delta[i] * _rate(node, a[i], value, t)
    return dx


def _rate(node: Node, x: float, y: float, t: array) -> float:
    """dy/dx; t: room for one number."""
    if node.op == "relu6":
        return 1 if 0 < y < 6 else 0
    if node.op == "leaky_relu":
        return 1 if y > 0 else node.slope
    if not -3 < x < 3:
        return 0 if not x > -3 else 1
    t[0] = x + x + 3
    t[0] *= SIXTH
    return t[0]


def _softmax_backward(dx: array, y: array, delta: array, first: int, last: int) -> None:
    """The channels of one position."""
    t, inner = array("f", [0]), array("f", [0])
    for i in range(first, last):
        t[0] = delta[i] * y[i]
        inner[0] += t[0]
    for i in range(first, last):
        t[0] = delta[i] - inner[0]
        dx[i] = y[i] * t[0]
