"""Networks of integers alone (after Weinstock et al., ORSS 2023): codes in, sums of ADC codes out, thresholds between.

Kinds of what nodes give: 'real' (float32), 'sums' (of ADC codes, int32), 'codes' (0 to some highest), 'rows' (codes
of renamed rows, of both signs). docs/numerics.md, section 6.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from firmware_py.errors import RramError
from firmware_py.nodes import Node, expect

I32 = npt.NDArray[np.int32]
MOST_RENAMED = 127  # a renamed row's code fits 8 bits with a sign


@dataclass(frozen=True)
class Kind:
    """What an output holds; `most`: the highest code."""

    name: str = "real"
    most: int = 0


TAKES = {"thresholds": ("sums",), "rename": ("codes",), "flatten": ("real", "codes"),
         "maxpool2d": ("real", "codes", "sums")}  # fmt: skip


def follow(node: Node, taken: Kind) -> tuple[Node, Kind]:
    """The node with what follows from its input's kind, and the kind of its output. ValueError: it takes another."""
    takes = ("real", "codes", "rows") if node.integer else TAKES.get(node.op, ("real",))
    expect(taken.name in takes, f"{taken.name} given, it takes {' or '.join(takes)}")
    if node.integer:
        return replace(node, coded=taken.name != "real"), Kind("sums")
    if node.op == "thresholds":
        return node, Kind("codes", node.most)
    if node.op == "rename":
        return replace(node, most=taken.most), Kind("rows", MOST_RENAMED)
    return node, taken if node.op in TAKES else Kind()


@dataclass(frozen=True)
class Thresholds:
    """The code of a sum is how many of its column's values int32 [levels - 1, N], rising, it has reached."""

    values: I32

    def apply(self, a: I32, node: Node) -> I32:
        """Sums [n, ..., N] -> codes."""
        codes = np.zeros(a.shape, np.int32)
        for step in self.values:  # one after the other: all at once would take 255 times the memory
            codes += a >= step
        return codes


@dataclass(frozen=True)
class Rename:
    """Code k counts `sign[k]` (+1, -1, 0: not at all) times in physical row `row[k]`; both [K]."""

    row: npt.NDArray[np.uint16]
    sign: npt.NDArray[np.int8]

    def apply(self, a: I32, node: Node) -> I32:
        """Codes [n, K] -> codes of physical rows [n, rows]."""
        out = np.zeros((*node.out_shape, len(a)), np.int32)
        np.add.at(out, self.row, (a * self.sign).T)
        return out.T


IntegerStep = Thresholds | Rename


def read_step(node: Node, tensor: Callable[..., Any], fail: Callable[[str], Exception]) -> IntegerStep:
    """The checked tables of a thresholds or rename node; `tensor(name, code, shape)` reads one, `fail` makes errors."""
    name = node.name
    if node.op == "thresholds":
        steps = tensor(f"{name}.thresholds", "I32", (node.most, node.out_shape[-1]))
        if np.any(steps[1:] < steps[:-1]):
            raise fail(f"{name}.thresholds: a column's thresholds fall, expected them to rise")
        return Thresholds(steps)
    row = tensor(f"{name}.rename.row", "U16", node.in_shape)
    sign = tensor(f"{name}.rename.sign", "I8", node.in_shape)
    rows = node.out_shape[0]
    if row.max() >= rows:
        raise fail(f"{name}.rename.row: row {row.max()} given, there are rows 0..{rows - 1}")
    if np.any(np.abs(sign.astype(np.int16)) > 1):
        raise fail(f"{name}.rename.sign: {int(sign[np.abs(sign.astype(np.int16)) > 1][0])} given, expected -1, 0 or 1")
    largest = node.most * max(int(np.bincount(row[sign == s], minlength=1).max()) for s in (1, -1))
    if largest > MOST_RENAMED:
        raise fail(f"{name}.rename: a row may sum up to {largest}, expected at most {MOST_RENAMED}")
    return Rename(row, sign)


def refuse_integer(nodes: tuple[Node, ...], what: str) -> None:
    """RramError where the network is one of integers: there is no correction to change."""
    if nodes[-1].integer:
        raise RramError(f"{what}: an integer network has no gains, offsets and SRAM values that could change")
