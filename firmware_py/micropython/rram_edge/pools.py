"""maxpool2d and avgpool2d, both ways."""

from array import array

from rram_edge.bundle import zeros
from rram_edge.graph import Node, size


def forward(node: Node, a: array, mine: bool) -> array:
    """A pool on one image."""
    y, others = zeros("i" if node.integer else "f", size(node.out)), offsets(node)[1:]
    if node.op == "maxpool2d":
        for i, corner in enumerate(corners(node)):
            most = a[corner]
            for offset in others:
                if a[corner + offset] > most:
                    most = a[corner + offset]
            y[i] = most
        return y
    factor = mean_factor(node)
    for i, corner in enumerate(corners(node)):
        y[i] = a[corner]
        for offset in others:
            y[i] += a[corner + offset]  # rounds: one after the other, in float32
        y[i] *= factor
    return y


def backward(node: Node, a: array, y: array, delta: array) -> array:
    """dLoss/dinput of a pool from its input a and dLoss/doutput."""
    t, window, factor, dx = array("f", [0]), offsets(node), mean_factor(node), zeros("f", len(a))
    for i, corner in enumerate(corners(node)):
        if node.op == "avgpool2d":
            t[0] = delta[i] * factor
            for offset in window:
                dx[corner + offset] += t[0]
        elif delta[i]:
            best = corner
            for offset in window[1:]:
                if a[corner + offset] > a[best]:
                    best = corner + offset
            dx[best] += delta[i]
    return dx


def corners(node: Node):
    """Of each output of a pool, row-major: flat index of the first input in its window."""
    (rows, columns, channels), width = node.out, node.shape[1]
    for y in range(rows):
        for x in range(columns):
            first = (y * node.stride[0] * width + x * node.stride[1]) * channels
            for c in range(channels):
                yield first + c


def offsets(node: Node) -> list:
    """What to add to a corner for each input of the window, row-major."""
    channels, width = node.shape[2], node.shape[1]
    return [(y * width + x) * channels for y in range(node.kernel[0]) for x in range(node.kernel[1])]


def mean_factor(node: Node) -> float:
    """What avgpool2d multiplies sums by, float32."""
    return array("f", [1 / (node.kernel[0] * node.kernel[1])])[0]
