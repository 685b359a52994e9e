"""The NumPy engine: the oracle that docs/numerics.md describes, written to be read. The C core agrees bit for bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from firmware_py.aging import NEW, Age
from firmware_py.bundle import AnalogLayer, Bundle
from firmware_py.cells import Effects, program
from firmware_py.correction import AdaptConfig, Correction, LayerCorrection
from firmware_py.draws import Purpose, normals, words
from firmware_py.graph import Node, digital, im2col, spread_out, tile_rows
from firmware_py.walk import run

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
Numbers = npt.NDArray[Any]
CHUNK = 64  # images computed together at most
TOGETHER = 1 << 23  # numbers of one layer that are computed together; bounds the memory of im2col
BLOCK = 4096  # rows of a mask's term computed together: they stay in a core's cache


@dataclass(frozen=True)
class LayerTrace:
    """What learning needs of a forward pass: DAC codes [n, P, K] (integers in float64), sums of ADC codes [n, P, N]."""

    codes: F64
    s: npt.NDArray[np.int32]


class NumpyEngine:
    """A chip in NumPy: cells drawn from `seed`, effects as given, correction read (and written by `learn`) in place;
    that of the `frozen` first layers does not learn."""

    name = "numpy"

    def __init__(
        self, bundle: Bundle, seed: int, effects: Effects, correction: Correction, age: Age = NEW, frozen: int = 0,
    ) -> None:  # fmt: skip
        self.bundle, self.seed, self.effects, self.correction = bundle, seed, effects, correction
        self.frozen = frozen
        self.cells = [program(layer, i, bundle, seed, effects, age) for i, layer in enumerate(bundle.layers)]
        columns = max(layer.node.positions * max(cells.d.shape[0], cells.vscale.size)
                      for layer, cells in zip(bundle.layers, self.cells, strict=True))  # fmt: skip
        self._images = max(1, min(CHUNK, TOGETHER // columns))

    def logits(self, x: F32, read: int) -> F32:
        """Logits [n, classes] of images [n, *input_shape] in [0, 1]; image i uses read counter `read` + i."""
        size = self._images
        with np.errstate(over="ignore", invalid="ignore"):  # a wild correction: docs/numerics.md, section 4
            parts = [self._chunk(x[i : i + size], read + i) for i in range(0, len(x), size)]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.bundle.classes)), np.float32)

    def raw(self, layer: int, a: Numbers, read: int) -> npt.NDArray[np.int32]:
        """Sums of ADC codes s [n, P, N] of one analog layer for inputs a [n, *in_shape], codes where it takes codes."""
        size = self._images
        with np.errstate(over="ignore", invalid="ignore"):
            parts = [self.trace(layer, a[i : i + size], read + i).s for i in range(0, len(a), size)]
        return np.concatenate(parts)

    def learn(self, x: F32, label: int, read: int, step: int, adapt: AdaptConfig) -> F32:
        """One label: forward, backward, update of the correction in place. Returns the logits before the update."""
        from firmware_py.learn import learn_one

        with np.errstate(over="ignore", invalid="ignore"):
            return learn_one(self, x, label, read, step, adapt)

    def _chunk(self, x: F32, read: int) -> F32:
        nodes = self.bundle.nodes
        return run(nodes, x.astype(np.float32), lambda i, a: self.forward(nodes[i], a, read)[0]).astype(np.float32)

    def forward(self, node: Node, a: Numbers, read: int) -> tuple[Numbers, LayerTrace | None]:
        """One node on a batch: a [n, *in_shape] -> [n, *out_shape], with the trace of an analog layer.

        float32; in an integer network int32, behind the first layer.
        """
        if node.layer < 0:
            return digital_step(self.bundle, a, node), None
        trace = self.trace(node.layer, a, read)
        if node.integer:
            return trace.s.reshape(len(a), *node.out_shape), trace
        y = correct(self.bundle.layers[node.layer], self.correction.layers[node.layer], trace)
        return y.reshape(len(a), *node.out_shape), trace

    def trace(self, index: int, a: Numbers, read: int) -> LayerTrace:
        """DAC, tiles with read noise, ADC and the sum over tiles, for one analog layer."""
        layer = self.bundle.layers[index]
        codes, half = dac(layer, self.bundle.macro.dac_bits, a), 1 << (self.bundle.macro.adc_bits - 1)
        adc = np.clip(np.rint(self.adc_codes(index, self.tiles(index, codes, read))), -half, half - 1)
        return LayerTrace(codes, adc.astype(np.int32).sum(axis=0, dtype=np.int32))

    def adc_codes(self, index: int, seen: F32) -> F32:
        """What `tiles` gives in codes of the ADCs, with their errors, before they round and clip."""
        codes, errors = seen / self.bundle.layers[index].adc_lsb, self.cells[index].adc
        return codes if errors is None else errors.seen(codes)

    def tiles(self, index: int, codes: F64, read: int) -> F32:
        """What the ADC of each tile sees of DAC codes [n, P, G K]: [tiles, n, P, N] in DAC codes times G steps."""
        layer, cells, rows = self.bundle.layers[index], self.cells[index], self.bundle.macro.rows_active
        d, v = cells.d.astype(np.float64), cells.v.astype(np.float64)  # integers, exact in float64 whatever the order
        node = layer.node
        power = np.floor(codes * codes / 2)
        n, p = codes.shape[:2]
        tiles = len(cells.vscale)
        noisy = self.effects.read_noise
        z = self._noise(index, read, n, (tiles, p, layer.n)) if noisy else None
        seen = np.empty((tiles, n, p, layer.n), np.float32)
        for t in range(tiles):
            part = slice(t * rows, (t + 1) * rows)
            u = (tile_rows(codes, node, part) @ spread_out(d[part], node)).astype(np.float32)
            if z is not None:
                variance = (tile_rows(power, node, part) @ spread_out(v[part], node)).astype(np.float32)
                u = u + np.sqrt(variance * cells.vscale[t]) * z[:, t]
            seen[t] = u
        return seen

    def _noise(self, index: int, read: int, n: int, shape: tuple[int, int, int]) -> F32:
        count = shape[0] * shape[1] * shape[2]
        out = np.empty((n, *shape), np.float32)
        for i in range(n):
            drawn = words(self.seed, Purpose.READ, index, count, read + i)
            out[i] = normals(drawn, self.bundle.tables.normal).reshape(shape)
        return out


def digital_step(bundle: Bundle, a: Numbers, node: Node) -> Numbers:
    """A digital operator on a batch, those of integer networks with their tables."""
    step = bundle.integer.get(node.name)
    return digital(a, node) if step is None else step.apply(a, node)


def dac(layer: AnalogLayer, bits: int, a: Numbers) -> F64:
    """DAC codes [n, P, G K] of inputs a [n, *in_shape] (codes stay as they are); padding: code 0, NaN: the lowest."""
    if layer.node.coded:
        return im2col(a, layer.node).astype(np.float64)
    low, high = (-(2 ** (bits - 1) - 1), 2 ** (bits - 1) - 1) if layer.node.signed else (0, 2**bits - 1)
    codes = np.fmin(np.fmax(np.rint(a / layer.dac_lsb), low), high)
    return im2col(codes, layer.node).astype(np.float64)


def correct(layer: AnalogLayer, correction: LayerCorrection, trace: LayerTrace) -> F32:
    """Outputs y [n, P, N] from the sums of ADC codes and the digital correction."""
    y = correction.gain * (trace.s.astype(np.float32) * layer.unit) + correction.offset
    if layer.mask_rows.size:
        touched = np.diff(layer.mask_indptr) > 0
        y[..., touched] += mask_term(layer, correction.value, trace.codes)[..., touched]
    return y + low_rank(layer, correction, trace.codes) if layer.sram.rank else y


def mask_term(layer: AnalogLayer, value: F32, codes: F64) -> F32:
    """What the mask's values add to codes [n, P, K]: [n, P, N], each column summed in the order of its entries."""
    n, p, k = codes.shape
    term = np.zeros((n * p, layer.n), np.float32)
    place = np.arange(len(value)) - np.repeat(layer.mask_indptr[:-1], np.diff(layer.mask_indptr))
    # Every column's first entry, then every second one: the same sums as entry by entry, many columns at a time.
    turns = np.split(np.argsort(place, kind="stable"), np.cumsum(np.bincount(place))[:-1])
    inputs, columns = layer.mask_inputs, layer.mask_cols
    for start in range(0, n * p, BLOCK):
        x = codes.reshape(n * p, k)[start : start + BLOCK].astype(np.float32) * layer.dac_lsb
        for turn in turns:
            term[start : start + BLOCK, columns[turn]] += value[turn] * x[:, inputs[turn]]
    return term.reshape(n, p, layer.n)


def low_rank(layer: AnalogLayer, correction: LayerCorrection, codes: F64) -> F32:
    """The low-rank share (x A) B of codes [n, P, K]: sums over rows, then over ranks, each in order; [n, P, N]."""
    h = np.zeros((*codes.shape[:2], layer.sram.rank), np.float32)
    for k in range(layer.k):
        h += (codes[..., k, None].astype(np.float32) * layer.dac_lsb) * correction.a[k]
    share = np.zeros((*codes.shape[:2], layer.n), np.float32)
    for q in range(layer.sram.rank):
        share += h[..., q, None] * correction.b[q]
    return share


def ideal_activations(bundle: Bundle, x: F32) -> list[F32]:
    """Outputs y* [n, *out_shape] float32 of each analog layer with every effect off: levels' targets, no converters.

    Of integer networks: the codes as they are, the sums rounded to ADC codes once, and not clipped.
    """
    out: list[F32] = []

    def compute(i: int, a: Numbers) -> Numbers:
        node = bundle.nodes[i]
        if node.layer < 0:
            return digital_step(bundle, a, node)
        layer = bundle.layers[node.layer]
        if node.integer:
            plus, minus = bundle.tables.target[layer.levels].astype(np.float64)
            weights = spread_out(plus - minus, node)
            s = np.rint(dac(layer, bundle.macro.dac_bits, a) @ weights / float(layer.adc_lsb))
            out.append(s.astype(np.float32).reshape(len(x), *node.out_shape))
            return out[-1]
        columns = im2col(a, node)
        y = columns @ spread_out(level_weights(bundle, layer), node) * layer.gain + layer.offset
        if layer.mask_rows.size:
            y = y + columns @ mask_matrix(layer)
        out.append(y.astype(np.float32).reshape(len(x), *node.out_shape))
        return out[-1]

    run(bundle.nodes, x.astype(np.float32), compute)
    return out


def level_weights(bundle: Bundle, layer: AnalogLayer) -> F32:
    """Weights [K, N] that the levels stand for, without the column gains."""
    return layer.weights_of(bundle.tables.target[layer.levels]).astype(np.float32)


def mask_matrix(layer: AnalogLayer, value: F32 | None = None) -> F32:
    """The SRAM values (by default those of first boot) as a matrix [G K, N]."""
    matrix: npt.NDArray[Any] = np.zeros((layer.node.groups * layer.k, layer.n), np.float32)
    matrix[layer.mask_inputs, layer.mask_cols] = layer.mask_value if value is None else value
    return matrix
