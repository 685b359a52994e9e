"""Along the graph: forward, each output kept until its last use; backward, the errors of branches added up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from firmware_py.nodes import Node

Array = npt.NDArray[Any]


def run(nodes: Sequence[Node], x: Array, compute: Callable[[int, Array], Array]) -> Array:
    """Output of the last node for the network's input x; compute(i, a) gives node i's output for its input a.

    The input of `add` is the sum of its sources, added in the order in which they are given; that of `concat` their
    channels, one source's after the other's.
    """
    last = {source: i for i, node in enumerate(nodes) for source in node.sources}
    values = {-1: x}
    for i, node in enumerate(nodes):
        a = joined(node, [values[source] for source in node.sources])
        for source in set(node.sources):
            if last[source] == i:
                del values[source]
        values[i] = compute(i, a)
    return values[len(nodes) - 1]


def run_back(
    nodes: Sequence[Node], error: Array, compute: Callable[[int, Array, bool], Array | None], frozen: int = 0
) -> None:
    """Carry dLoss/dlogits back; compute(i, delta, wanted) gives dLoss/dinput of node i from dLoss/doutput.

    Nodes from last to first; an output that several nodes take gets the sum of their errors in that order. `wanted` is
    false where no analog layer but the `frozen` first ones lies before the node; then, and where compute gives None,
    its error goes no further.
    """
    before = behind_analog(nodes, frozen)
    errors = {len(nodes) - 1: error}
    for i in reversed(range(len(nodes))):
        if i not in errors:
            continue
        wanted = [source for source in nodes[i].sources if source in before]
        back = compute(i, errors.pop(i), bool(wanted))
        if back is None:
            continue
        for source, share in shares(nodes[i], back):
            if source in before:
                errors[source] = errors[source] + share if source in errors else share


def joined(node: Node, inputs: list[Array]) -> Array:
    """What a node computes on, from the outputs that it takes."""
    if node.op == "concat":
        return np.concatenate(inputs, axis=-1)
    total, *others = inputs
    for other in others:
        total = total + other
    return total


def shares(node: Node, error: Array) -> list[tuple[int, Array]]:
    """dLoss/doutput of each source of a node from its dLoss/dinput: all of it; of `concat` the source's channels."""
    if node.op != "concat":
        return [(source, error) for source in node.sources]
    ends = np.cumsum(node.parts)[:-1]
    return list(zip(node.sources, np.split(error, ends, axis=-1), strict=True))


def behind_analog(nodes: Sequence[Node], frozen: int = 0) -> set[int]:
    """Nodes whose output depends on an analog layer that is none of the `frozen` first ones."""
    found: set[int] = set()
    for i, node in enumerate(nodes):
        if node.layer >= frozen or not found.isdisjoint(node.sources):
            found.add(i)
    return found
