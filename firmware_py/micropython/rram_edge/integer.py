"""What stands between the layers of a network of integers (docs/numerics.md, section 6)."""

from array import array

from rram_edge.bundle import Bundle, zeros
from rram_edge.graph import Node


def tables(bundle: Bundle, node: Node) -> tuple:
    """Of `thresholds`: int32 [levels - 1, N], rising in each column; of `rename`: row and sign of each input."""
    if node.op == "thresholds":
        return (bundle.tensor(node.name + ".thresholds", "I32", (node.levels - 1, node.shape[-1])),)
    return (bundle.tensor(node.name + ".rename.row", "U16", node.shape),
            bundle.tensor(node.name + ".rename.sign", "I8", node.shape))  # fmt: skip


def forward(node: Node, a: array, mine: bool) -> array:
    """Sums to codes, or codes to codes of physical rows."""
    y = zeros("i", node.positions * node.out[-1])
    if node.op == "rename":
        for i, (row, sign) in enumerate(zip(*node.tables)):
            y[row] += sign * a[i]
        return y
    (steps,), n = node.tables, node.shape[-1]
    for i, s in enumerate(a):
        at = i % n
        while at < len(steps) and steps[at] <= s:
            at += n
        y[i] = at // n
    return y
