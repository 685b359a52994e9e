"""What a bundle may ask of a board: by arithmetic on what it says, before anything of that size is allocated.

A file of a few hundred bytes can describe a network that no machine could run. Within these limits one image takes at
most about 2 GiB on either engine; VGG-16 on images of 224 x 224 is within all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from firmware_py.nodes import Node, Shape

if TYPE_CHECKING:
    from firmware_py.bundle import AnalogLayer, Macro

Fail = Callable[[str], Exception]

MOST_INPUTS = 1 << 24  # numbers of an image
MOST_ACTIVATIONS = 1 << 27  # numbers: the image, every output, and every input of a convolution with its zeros
MOST_COLUMNS = 1 << 25  # numbers of one layer: inputs of all positions, or conversions of all tiles
MOST_WORK = 1 << 37  # multiplications and comparisons
MOST_NUMBER = 1e25  # of what a chip as programmed may give: with the bounds on scales, all products stay finite
MOST_NORMAL = 64.0  # of a draw of the unit normal distribution


def refuse_huge(nodes: Sequence[Node], shape: Shape, rows: int, fail: Fail) -> None:
    """`fail(text)` for a network that is too large for one image; rows: what one ADC conversion sums."""
    if prod(shape) > MOST_INPUTS:
        raise fail(f"input.shape: {list(shape)} given, expected at most {MOST_INPUTS} numbers")
    held, work = prod(shape), 0
    for i, node in enumerate(nodes):
        held += prod(node.out_shape) + (_padded(node) if node.op == "conv2d" else 0)
        work += _work(node)
        for count, most, what in ((held, MOST_ACTIVATIONS, "activations up to here"),
                                  (_columns(node, rows), MOST_COLUMNS, "inputs or conversions of all positions"),
                                  (work, MOST_WORK, "operations up to here")):  # fmt: skip
            if count > most:
                raise fail(f"graph: nodes[{i}] ({node.op}): {count} {what}, expected at most {most} for one image")


def _padded(node: Node) -> int:
    """Numbers of a convolution's input with the zeros around it."""
    sides = zip(node.out_shape, node.stride, node.span, node.in_shape, node.pad, strict=False)
    spans = [max((out - 1) * step + width, size + zeros) for out, step, width, size, zeros in sides]
    return prod(spans) * node.in_shape[-1]


def _columns(node: Node, rows: int) -> int:
    k, n = node.weights
    return max(node.positions * max(node.groups * k, -(-k // rows) * n), _spread(node)) if node.layer >= 0 else 0


def _spread(node: Node) -> int:
    """Numbers of a matrix with groups as the NumPy engine has it: a column is 0 at the rows of other groups."""
    k, n = node.weights
    return node.groups * k * n if node.groups > 1 else 0


def _work(node: Node) -> int:
    if node.layer >= 0:
        return node.positions * max(prod(node.weights), _spread(node))
    return prod(node.out_shape) * max(prod(node.kernel), node.most, len(node.sources))


def refuse_wild(nodes: Sequence[Node], layers: Sequence[AnalogLayer], macro: Macro, fail: Fail) -> None:
    """`fail(text)` where some image could give numbers beyond MOST_NUMBER on a chip as programmed."""
    most = {-1: 1.0}  # of the image, and of every output
    for i, node in enumerate(nodes):
        most[i] = sum(most[source] for source in node.sources)
        if node.layer >= 0 and not node.integer:
            most[i] = _largest(layers[node.layer], macro)
        if not most[i] <= MOST_NUMBER:
            given = f"numbers up to {most[i]:.1e} by its scales, gains, offsets and SRAM values"
            raise fail(f"graph: nodes[{i}] ({node.op}): {given}, expected at most {MOST_NUMBER:g}")


def _largest(layer: AnalogLayer, macro: Macro) -> float:
    """Bound of an analog layer's outputs: all ADCs and DACs at their ends."""
    span = float(layer.unit) * -(-layer.k // macro.rows_active) * 2.0 ** (macro.adc_bits - 1)
    input_span = float(layer.dac_lsb) * 2.0**macro.dac_bits
    share = np.bincount(layer.mask_cols, np.abs(layer.mask_value), minlength=layer.n) * input_span
    outputs = np.abs(layer.gain.astype(np.float64)) * span + np.abs(layer.offset.astype(np.float64)) + share
    return float(max(span, outputs.max()))
