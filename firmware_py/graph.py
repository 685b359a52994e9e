"""The network as a graph of nodes: parsing with shape checks, and the digital operators between analog layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from reprlib import repr as shorten  # what a file says may be megabytes long
from typing import Any

import numpy as np
import numpy.typing as npt

from firmware_py.activations import ACTIVATIONS
from firmware_py.errors import RramError
from firmware_py.integer import Kind, follow
from firmware_py.nodes import PARSERS, Node, Op, Shape, expect

__all__ = ["PARSERS", "Node", "Op", "digital", "im2col", "parse_graph", "windows"]

F32 = npt.NDArray[np.float32]
MOST_SOURCES = 64  # of one add or concat
JOINING = ("add", "concat")


def parse_graph(document: Any, input_shape: Shape, fail: Callable[[str], Exception]) -> tuple[Node, ...]:
    """Nodes of a graph document; `fail(text)` makes the error for a wrong key ('graph: nodes[3].kernel: ...')."""
    nodes: list[Node] = []
    kinds = [Kind()]  # of the network's input, then of every output
    items = document.get("nodes") if isinstance(document, dict) else None
    if not isinstance(items, list) or not 1 <= len(items) <= 1000:
        raise fail("graph: nodes: expected a list of 1 to 1000 nodes")
    for i, item in enumerate(items):
        node = _node(item, i, [input_shape, *(node.out_shape for node in nodes)], _analog(nodes), fail)
        try:
            for source in node.sources:
                node, kind = follow(node, kinds[source + 1])
        except ValueError as error:
            raise fail(f"graph: nodes[{i}] ({node.op}): {error}") from None
        nodes.append(node)
        kinds.append(kind)
    if nodes[-1].layer < 0 or len(nodes[-1].out_shape) != 1:
        given = f"{nodes[-1].op} with output {list(nodes[-1].out_shape)}"
        raise fail(f"graph: the last node is {given}, expected a dense layer giving logits")
    names, layers = [node.name for node in nodes if node.name], _analog(nodes)
    if len(set(names)) != len(names) or layers > 255:
        raise fail(f"graph: {layers} analog layers {shorten(names)}: expected at most 255 with different names")
    if len({node.integer for node in nodes if node.layer >= 0}) > 1:
        raise fail("graph: integer: true in some analog layers only, expected it in all or none")
    unused = set(range(len(nodes) - 1)).difference(*(node.sources for node in nodes))
    if unused:
        i = min(unused)
        raise fail(f"graph: nodes[{i}] ({nodes[i].op}): no node takes its output")
    return tuple(nodes)


def _analog(nodes: list[Node]) -> int:
    return sum(node.layer >= 0 for node in nodes)


def _node(item: Any, i: int, shapes: list[Shape], layers: int, fail: Callable[[str], Exception]) -> Node:
    """Node number i; shapes: of the network's input, then of the outputs of all nodes before."""
    where = f"graph: nodes[{i}]"
    op = item.get("op") if isinstance(item, dict) else None
    if not isinstance(op, str) or op not in PARSERS:
        raise fail(f"{where}.op: {shorten(op)} is not one of {', '.join(PARSERS)}")
    try:
        sources = _sources(item, op, i)
    except ValueError as error:
        raise fail(f"{where}.from: {error}") from None
    given = [shapes[source + 1] for source in sources]
    shape = _joined(op, given)
    if op == "concat" and i == 0:
        raise fail(f"{where} (concat): the first node, expected one behind another")
    if shape is None:
        wanted = "all the same" if op == "add" else "the same but for the channels, at most 65535 of them"
        raise fail(f"{where} ({op}): inputs of shapes {shorten([list(s) for s in given])} given, expected {wanted}")
    if item.get("in", list(shape)) != list(shape):
        raise fail(f"{where}.in: {shorten(item['in'])} given, expected {list(shape)}")
    try:
        parts = tuple(s[-1] for s in given) if op == "concat" else ()
        return replace(PARSERS[op](item, shape, layers), sources=sources, parts=parts)
    except KeyError as error:
        raise fail(f"{where} ({op}): {error.args[0]} is missing") from None
    except (TypeError, ValueError) as error:
        raise fail(f"{where} ({op}): {error}; its input has shape {list(shape)}") from None


def _joined(op: str, shapes: list[Shape]) -> Shape | None:
    """Shape of what a node takes; None where its sources do not fit together."""
    first = shapes[0]
    if op != "concat":
        return first if all(shape == first for shape in shapes) else None
    channels = sum(shape[-1] for shape in shapes)
    return (*first[:-1], channels) if all(s[:-1] == first[:-1] for s in shapes) and channels <= 65535 else None


def _sources(item: dict[str, Any], op: str, i: int) -> tuple[int, ...]:
    """Which earlier outputs node i takes: by default that of the node before it."""
    given = item.get("from", [i - 1])
    whole = isinstance(given, list) and all(type(n) is int and -1 <= n < i for n in given)
    expect(whole, f"{shorten(given)} is not a list of nodes before it, from -1 (the input) to {i - 1}")
    most = MOST_SOURCES if op in JOINING else 1
    wanted = f"2 to {MOST_SOURCES}" if op in JOINING else "one"
    expect(min(most, 2) <= len(given) <= most, f"{shorten(given)} given, {op} takes {wanted}")
    return tuple(given)


def windows(x: npt.NDArray[Any], node: Node) -> npt.NDArray[Any]:
    """All windows of a convolution or pool, padded by 0: x [n, H, W, C] -> [n, out H, out W, kernel H, kernel W, C]."""
    (kh, kw), (sh, sw), (top, left), (dh, dw) = node.span, node.stride, node.pad, node.dilation
    oh, ow = node.out_shape[:2]
    bottom = max((oh - 1) * sh + kh - x.shape[1] - top, 0)
    right = max((ow - 1) * sw + kw - x.shape[2] - left, 0)
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    view = np.lib.stride_tricks.sliding_window_view(padded, (kh, kw), axis=(1, 2))  # [n, H', W', C, kh, kw]
    return view[:, : oh * sh : sh, : ow * sw : sw, :, ::dh, ::dw].transpose(0, 1, 2, 4, 5, 3)


def im2col(x: npt.NDArray[Any], node: Node) -> npt.NDArray[Any]:
    """Rows of an analog layer: x [n, *in_shape] -> [n, P, G K], K over (kernel row, kernel column, channel), the
    groups one after the other."""
    if node.op == "dense":
        return x.reshape(len(x), 1, -1)
    seen = windows(x, node)
    if node.groups > 1:
        seen = np.moveaxis(seen.reshape(*seen.shape[:-1], node.groups, -1), -2, 3)
    return seen.reshape(len(x), node.positions, -1)


def tile_rows(rows: npt.NDArray[Any], node: Node, part: slice) -> npt.NDArray[Any]:
    """Rows `part` of each group: [n, P, G K] -> [n, P, G part]."""
    if node.groups == 1:
        return rows[..., part]
    n, p = rows.shape[:2]
    return rows.reshape(n, p, node.groups, -1)[..., part].reshape(n, p, -1)


def spread_out(w: npt.NDArray[Any], node: Node) -> npt.NDArray[Any]:
    """A matrix [K, N] of a layer as [G K, N], the rows of im2col: a column is 0 at the rows of other groups."""
    if node.groups == 1:
        return w
    own = np.arange(node.groups)[:, None] == group_of_columns(node)
    return np.where(own[:, None], w, w.dtype.type(0)).reshape(-1, w.shape[1])


def gathered(w: npt.NDArray[Any], node: Node) -> npt.NDArray[Any]:
    """The way back: of [G K, N] what each column has at the rows of its own group, [K, N]."""
    if node.groups == 1:
        return w
    groups, columns = group_of_columns(node), np.arange(w.shape[1])
    own: npt.NDArray[Any] = w.reshape(node.groups, -1, w.shape[1])[groups, :, columns].T
    return own


def group_of_columns(node: Node) -> npt.NDArray[np.int64]:
    """The group [N] that each column of an analog layer belongs to."""
    n = node.out_shape[-1]
    return np.arange(n) // (n // node.groups)


def digital(x: F32, node: Node) -> F32:
    """A digital operator on a batch: float32 [n, *in_shape] -> [n, *out_shape]. `add` and `concat` get the whole."""
    if node.op in ACTIVATIONS:
        return ACTIVATIONS[node.op](x, node)
    if node.op == "flatten":
        return x.reshape(len(x), -1)
    if node.op in JOINING:
        return x
    if node.op in ("thresholds", "rename"):
        raise RramError(f"graph: {node.op}: only a chip carries integer networks")
    view = windows(x, node)
    kh, kw = node.kernel
    if node.op == "maxpool2d":
        most = view[:, :, :, 0, 0].copy()
        for i in range(1, kh * kw):  # row-major: where there is a NaN, the order decides
            other = view[:, :, :, i // kw, i % kw]
            np.copyto(most, other, where=other > most)
        return most
    total = view[:, :, :, 0, 0].copy()  # row-major, one after the other: float32 sums depend on the order
    for at in range(1, kh * kw):
        total += view[:, :, :, at // kw, at % kw]
    return total * mean_factor(node)


def mean_factor(node: Node) -> np.float32:
    """What avgpool2d multiplies sums by."""
    return np.float32(1 / (node.kernel[0] * node.kernel[1]))
