"""One label, one step: the backward pass that a chip can do. firmware_py.update changes the correction.

Errors are 8-bit codes like activations, so transposed reads of the array and all gradient sums are integers
(docs/numerics.md, section 5).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from firmware_py.activations import ACTIVATIONS, activation_backward, probabilities
from firmware_py.bundle import AnalogLayer
from firmware_py.correction import AdaptConfig, LayerCorrection
from firmware_py.graph import Node, im2col, mean_factor, spread_out, windows
from firmware_py.rls import directions
from firmware_py.update import Gradients, check_learning, step_scales, uniforms, update
from firmware_py.walk import run, run_back

if TYPE_CHECKING:
    from firmware_py.numpy_engine import LayerTrace, NumpyEngine

F32 = npt.NDArray[np.float32]


def learn_one(engine: NumpyEngine, x: F32, label: int, read: int, step: int, adapt: AdaptConfig) -> F32:
    """Forward, backward, update in place; x [*input_shape]; returns the logits [classes] before the update."""
    check_learning(engine.bundle, engine.correction, engine.frozen, adapt)
    nodes, updates = engine.bundle.nodes, []
    solved: list[Gradients] = []  # by least squares
    kept: list[tuple[F32, F32, LayerTrace | None]] = []  # input, output and trace of each node

    def compute(i: int, a: F32) -> F32:
        y, trace = engine.forward(nodes[i], a, read)
        kept.append((a[0], y[0], trace))
        return y

    def back(i: int, delta: F32, wanted: bool) -> F32 | None:
        node, (a, y, trace) = nodes[i], kept[i]
        if trace is None:
            return digital_backward(node, a[None], y[None], delta[None]).reshape(node.in_shape)
        layer = engine.bundle.layers[node.layer]
        coded = error_codes(delta.reshape(node.positions, layer.n))
        if coded is None:
            return None  # no error is left: nothing more to learn on this way
        found = gradients(layer, trace, *coded)
        if layer.sram.rank:
            error = delta.reshape(node.positions, layer.n)
            found = low_rank_gradients(layer, engine.correction.layers[node.layer], trace, error, found)
        updates.append((node.layer, found))
        if adapt.optimizer == "rls" and i == len(nodes) - 1:
            known = engine.correction.layers[node.layer].covariance
            solved.append(Gradients(*directions(layer, step_scales(layer), known, trace, delta, adapt)))
        return analog_backward(engine, node, delta.reshape(node.positions, layer.n)) if wanted else None

    logits: F32 = run(nodes, x[None].astype(np.float32), compute)[0]
    run_back(nodes, softmax_error(logits, label), back, engine.frozen)
    for index, gradient in updates:
        layer = engine.bundle.layers[index]
        drawn = uniforms(engine.seed, index, layer, read, adapt)
        steps = solved.pop() if solved else gradient  # of the last layer, which comes first
        update(layer, engine.correction.layers[index], steps, step, adapt, drawn, steps is not gradient)
    return logits


def softmax_error(logits: F32, label: int) -> F32:
    """dLoss/dlogits of the cross-entropy: softmax - onehot, float32 [classes]."""
    p: F32 = probabilities(logits).astype(np.float32)
    p[label] -= np.float32(1)
    return p


def error_codes(delta: F32) -> tuple[npt.NDArray[np.int64], np.float32] | None:
    """8-bit codes of an error and their scale; None if the error is all zero, or not finite."""
    scale = np.float32(np.abs(delta).max(initial=0) / np.float32(127))
    if scale == 0 or not np.isfinite(scale):
        return None
    return np.rint(delta / scale).astype(np.int64), scale


def gradients(layer: AnalogLayer, trace: LayerTrace, c: npt.NDArray[np.int64], scale: np.float32) -> Gradients:
    """Sums of error codes c [P, N] against ADC sums and DAC codes: integers, scaled at the end."""
    codes = trace.codes[0].astype(np.int64)
    products = (c[:, layer.mask_cols] * codes[:, layer.mask_inputs]).sum(axis=0)
    return Gradients(
        gain=(c * trace.s[0]).sum(axis=0).astype(np.float32) * np.float32(scale * layer.unit),
        offset=c.sum(axis=0).astype(np.float32) * scale,
        value=products.astype(np.float32) * np.float32(scale * layer.dac_lsb),
    )


def low_rank_gradients(layer: AnalogLayer, correction: LayerCorrection, trace: LayerTrace, delta: F32,
                       known: Gradients) -> Gradients:  # fmt: skip
    """`known` with those of A [K, rank] and B [rank, N]: of A from x and B delta, of B from x A and delta [P, N].

    All sums in order: rows, columns, then positions.
    """
    a, b = np.zeros_like(correction.a), np.zeros_like(correction.b)
    for x, error in zip(trace.codes[0].astype(np.float32) * layer.dac_lsb, delta, strict=True):
        h = np.cumsum(x[:, None] * correction.a, axis=0)[-1]
        a += x[:, None] * _low_rank_error(correction, error)
        b += h[:, None] * error
    return replace(known, a=a, b=b)


def _low_rank_error(correction: LayerCorrection, error: F32) -> F32:
    """B delta [rank] of one position's errors [N], summed in order."""
    total: F32 = np.cumsum(error * correction.b, axis=1)[:, -1]
    return total


def analog_backward(engine: NumpyEngine, node: Node, delta: F32) -> F32:
    """dLoss/dinput [*in_shape] of an analog layer: a transposed read of the noisy array plus the SRAM's share."""
    layer, correction = engine.bundle.layers[node.layer], engine.correction.layers[node.layer]
    coded = error_codes(delta * correction.gain)
    rows = np.zeros((node.positions, node.groups * layer.k), np.int64)
    factor = np.float32(0)
    if coded is not None:
        d = spread_out(engine.cells[node.layer].d.astype(np.float64), node)
        rows = (coded[0].astype(np.float64) @ d.T).astype(np.int64)
        factor = np.float32(coded[1] * layer.w_step)
    inputs = input_index(node)
    dx = np.zeros(int(np.prod(node.in_shape)) + 1, np.int64)  # the last place takes what falls on the padding
    np.add.at(dx, inputs, rows)
    dxs = np.zeros(dx.shape, np.float32)
    for i, (k, j) in enumerate(zip(layer.mask_inputs, layer.mask_cols, strict=True)):
        dxs[inputs[:, k]] += correction.value[i] * delta[:, j]  # for one k, positions meet different inputs
    if layer.sram.rank:
        for place, error in zip(inputs, delta, strict=True):
            dxs[place] += np.cumsum(correction.a * _low_rank_error(correction, error), axis=1)[:, -1]
    total: F32 = dx.astype(np.float32) * factor + dxs
    return total[:-1].reshape(node.in_shape)


def input_index(node: Node) -> npt.NDArray[np.int64]:
    """Flat index of the input that meets row k at position p, [P, G K]; padding has the index one past the end."""
    size = int(np.prod(node.in_shape))
    if node.op == "dense":
        return np.arange(size, dtype=np.int64)[None]
    index = im2col(np.arange(1, size + 1, dtype=np.int64).reshape(1, *node.in_shape), node)[0]  # padding is 0
    flat = index - 1
    return np.where(flat < 0, size, flat)


def digital_backward(node: Node, x: F32, y: F32, delta: F32) -> F32:
    """dLoss/dinput of a digital operator on a batch, [n, *in_shape], from its input x, output y and dLoss/doutput."""
    delta = delta.reshape(len(x), *node.out_shape)
    if node.op in ACTIVATIONS:
        return activation_backward(node, x.reshape(delta.shape), y.reshape(delta.shape), delta)
    if node.op in ("flatten", "add", "concat"):
        return delta.reshape(len(x), *node.in_shape)
    if node.op == "avgpool2d":
        return _shared_out(node, delta * mean_factor(node))
    kw = node.kernel[1]
    patches = windows(x, node)  # [n, out H, out W, kernel H, kernel W, C]
    reached = patches.reshape(len(x), *node.out_shape[:2], -1, x.shape[-1]) >= y[:, :, :, None]
    first = reached.argmax(axis=3)  # the first of the largest; 0 where that is NaN
    sample, row, column, channel = np.ix_(*(np.arange(size) for size in delta.shape))
    row, column = row * node.stride[0] + first // kw, column * node.stride[1] + first % kw
    dx = np.zeros((len(x), *node.in_shape), np.float32)
    np.add.at(dx, (sample, row, column, channel), delta)
    return dx


def _shared_out(node: Node, share: F32) -> F32:
    """Each output's share [n, *out_shape] added to all inputs of its window, output by output, [n, *in_shape]."""
    y, x = (np.arange(count)[:, None] * step + np.arange(width) for count, step, width in
            zip(node.out_shape, node.stride, node.kernel, strict=False))  # fmt: skip
    dx = np.zeros((len(share), *node.in_shape), np.float32)
    sample = np.arange(len(share))[:, None, None, None, None]
    np.add.at(dx, (sample, y[:, None, :, None], x[None, :, None, :]), share[:, :, :, None, None])
    return dx
