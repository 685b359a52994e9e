"""The network as a chain of nodes: parsing with shape checks, and the digital operators between analog layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from reprlib import repr as shorten  # what a file says may be megabytes long
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
Op = Literal["conv2d", "dense", "relu", "maxpool2d", "flatten"]


@dataclass(frozen=True)
class Node:
    """One step of the chain. Shapes without batch; `layer` counts analog layers from 0, -1 for digital operators."""

    op: Op
    in_shape: tuple[int, ...]
    out_shape: tuple[int, ...]
    layer: int = -1
    name: str = ""
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    pad: tuple[int, int] = (0, 0)  # rows above, columns to the left; the rest follows from the output's shape
    signed: bool = False

    @property
    def positions(self) -> int:
        """Output positions P of an analog layer (1 for dense)."""
        return prod(self.out_shape[:-1])

    @property
    def weights(self) -> tuple[int, int]:
        """(K rows, N columns) of an analog layer's matrix."""
        return self.kernel[0] * self.kernel[1] * self.in_shape[-1], self.out_shape[-1]


def parse_graph(document: Any, input_shape: tuple[int, ...], fail: Callable[[str], Exception]) -> tuple[Node, ...]:
    """Nodes of a graph document; `fail(text)` makes the error for a wrong key ('graph: nodes[3].kernel: ...')."""
    nodes: list[Node] = []
    shape, layers = input_shape, 0
    items = document.get("nodes") if isinstance(document, dict) else None
    if not isinstance(items, list) or not 1 <= len(items) <= 1000:
        raise fail("graph: nodes: expected a list of 1 to 1000 nodes")
    for i, item in enumerate(items):
        where = f"graph: nodes[{i}]"
        op = item.get("op") if isinstance(item, dict) else None
        if not isinstance(op, str) or op not in PARSERS:
            raise fail(f"{where}.op: {shorten(op)} is not one of {', '.join(PARSERS)}")
        if item.get("in", list(shape)) != list(shape):
            raise fail(f"{where}.in: {shorten(item['in'])} given, expected {list(shape)}")
        try:
            node = PARSERS[op](item, shape, layers)
        except KeyError as error:
            raise fail(f"{where} ({op}): {error.args[0]} is missing") from None
        except (TypeError, ValueError) as error:
            raise fail(f"{where} ({op}): {error}; its input has shape {list(shape)}") from None
        nodes.append(node)
        shape, layers = node.out_shape, layers + (node.layer >= 0)
    if nodes[-1].layer < 0 or len(shape) != 1:
        given = f"{nodes[-1].op} with output {list(shape)}"
        raise fail(f"graph: the last node is {given}, expected a dense layer giving logits")
    names = [node.name for node in nodes if node.layer >= 0]
    if len(set(names)) != len(names) or layers > 255:
        raise fail(f"graph: {layers} analog layers {shorten(names)}: expected at most 255 with different names")
    return tuple(nodes)


def _pair(item: dict[str, Any], key: str) -> tuple[int, int]:
    pair = item[key]
    fits = isinstance(pair, list) and len(pair) == 2 and all(type(n) is int and 1 <= n <= 4096 for n in pair)
    _expect(fits, f"{key} {shorten(pair)} is not two whole numbers from 1 to 4096")
    return pair[0], pair[1]


def _expect(condition: bool, text: str) -> None:
    if not condition:
        raise ValueError(text)


def _common(item: dict[str, Any]) -> dict[str, Any]:
    name, signed = item["name"], item.get("signed", False)
    short = isinstance(name, str) and 0 < len(name) <= 64 and name.isprintable()
    _expect(short, f"name {shorten(name)} is not 1 to 64 printable characters")
    _expect(isinstance(signed, bool), f"signed {shorten(signed)} is not true or false")
    return {"name": name, "signed": signed}


def _channels(item: dict[str, Any]) -> int:
    out = item["out"]
    fits = isinstance(out, list) and len(out) > 0 and type(out[-1]) is int and 1 <= out[-1] <= 65535
    _expect(fits, f"out {shorten(out)} does not end in 1 to 65535 channels")
    return int(out[-1])


def _conv2d(item: dict[str, Any], shape: tuple[int, ...], layer: int) -> Node:
    _expect(len(shape) == 3, "a convolution needs height, width and channels")
    kernel, stride, padding = _pair(item, "kernel"), _pair(item, "stride"), item["padding"]
    _expect(padding in ("same", "valid"), f"padding {shorten(padding)} is not 'same' or 'valid'")
    out, pad = [], []
    for size, width, step in zip(shape, kernel, stride, strict=False):
        if padding == "same":
            count = -(-size // step)
            pad.append(max((count - 1) * step + width - size, 0) // 2)
        else:
            _expect(size >= width, f"kernel {list(kernel)} is larger than the input")
            count = (size - width) // step + 1
            pad.append(0)
        out.append(count)
    out_shape = (out[0], out[1], _channels(item))
    _expect(item["out"] == list(out_shape), f"out {shorten(item['out'])} given, expected {list(out_shape)}")
    _expect(kernel[0] * kernel[1] * shape[2] <= 65535, "more than 65535 rows")
    return Node("conv2d", shape, out_shape, layer, kernel=kernel, stride=stride, pad=(pad[0], pad[1]), **_common(item))


def _dense(item: dict[str, Any], shape: tuple[int, ...], layer: int) -> Node:
    _expect(len(shape) == 1, "a dense layer needs a flat input")
    _expect(shape[0] <= 65535, "more than 65535 rows")
    out_shape = (_channels(item),)
    _expect(item["out"] == list(out_shape), f"out {shorten(item['out'])} given, expected one number")
    return Node("dense", shape, out_shape, layer, **_common(item))


def _maxpool2d(item: dict[str, Any], shape: tuple[int, ...], layer: int) -> Node:
    _expect(len(shape) == 3, "pooling needs height, width and channels")
    pool, stride = _pair(item, "pool"), _pair(item, "stride")
    _expect(shape[0] >= pool[0] and shape[1] >= pool[1], f"pool {list(pool)} is larger than the input")
    out = tuple((s - p) // d + 1 for s, p, d in zip(shape, pool, stride, strict=False))
    return Node("maxpool2d", shape, (*out, shape[2]), kernel=pool, stride=stride)


def _relu(item: dict[str, Any], shape: tuple[int, ...], layer: int) -> Node:
    return Node("relu", shape, shape)


def _flatten(item: dict[str, Any], shape: tuple[int, ...], layer: int) -> Node:
    return Node("flatten", shape, (prod(shape),))


PARSERS: dict[str, Callable[[dict[str, Any], tuple[int, ...], int], Node]] = {
    "conv2d": _conv2d,
    "dense": _dense,
    "relu": _relu,
    "maxpool2d": _maxpool2d,
    "flatten": _flatten,
}


def windows(x: npt.NDArray[Any], node: Node) -> npt.NDArray[Any]:
    """All windows of a conv2d or maxpool2d, padded by 0: x [n, H, W, C] -> [n, out H, out W, kernel H, kernel W, C]."""
    (kh, kw), (sh, sw), (top, left) = node.kernel, node.stride, node.pad
    oh, ow = node.out_shape[:2]
    bottom = max((oh - 1) * sh + kh - x.shape[1] - top, 0)
    right = max((ow - 1) * sw + kw - x.shape[2] - left, 0)
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    view = np.lib.stride_tricks.sliding_window_view(padded, (kh, kw), axis=(1, 2))  # [n, H', W', C, kh, kw]
    return view[:, : oh * sh : sh, : ow * sw : sw].transpose(0, 1, 2, 4, 5, 3)


def im2col(x: npt.NDArray[Any], node: Node) -> npt.NDArray[Any]:
    """Rows of an analog layer: x [n, *in_shape] -> [n, P, K], K over (kernel row, kernel column, channel)."""
    if node.op == "dense":
        return x.reshape(len(x), 1, -1)
    return windows(x, node).reshape(len(x), node.positions, -1)


def digital(x: F32, node: Node) -> F32:
    """A digital operator on a batch: relu, maxpool2d or flatten; float32 [n, *in_shape] -> [n, *out_shape]."""
    if node.op == "relu":
        return np.maximum(x, np.float32(0))
    if node.op == "flatten":
        return x.reshape(len(x), -1)
    pooled: F32 = windows(x, node).max(axis=(3, 4))
    return pooled
