"""Label-free calibration: fits the correction, so that each layer on the chip gives the ideal output.

Layers in order, closed form (Bayesian least squares, docs/calibration.md). Per column j, over stored vectors and
positions (weight w), u the column's own noisy output, x the layer's input at the mask, y* the ideal network's output:

    minimise  sum w (y* - g u - o - sum_i d_i x_i)^2
              + r [ (g / g0 - 1)^2 / 0.3^2 + (o - o0)^2 / (0.3^2 var y*) + sum_i (d_i - d0_i)^2 / (g0^2 Var_i) ]

r is the output variance that is expected to remain: cells outside the mask, and 1 % of all. A low-rank part is fitted
to what this leaves (firmware_py.low_rank). Kinds: 'full' all of it; 'gains' gains and offsets only; 'moments' gains and
offsets that give each column the ideal's mean and standard deviation, as batch norm's statistics would.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from firmware_py.bundle import AnalogLayer, Bundle
from firmware_py.correction import LayerCorrection
from firmware_py.errors import RramError
from firmware_py.graph import digital, spread_out
from firmware_py.integer import refuse_integer
from firmware_py.low_rank import fit_low_rank
from firmware_py.numpy_engine import dac, ideal_activations, mask_matrix
from firmware_py.sram import LayerSram
from firmware_py.walk import run

if TYPE_CHECKING:
    from firmware_py.chip import Engine

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]

KINDS = ("full", "gains", "moments")
PRIOR_GAIN = 0.3  # relative spread expected of a column's gain
PRIOR_OFFSET = 0.3  # spread expected of an offset, in standard deviations of y*
ROWS_PER_IMAGE = 5.0  # positions of one image are correlated: together they count as at most this many rows
BLOCK = 2048  # rows multiplied together: they stay in a core's cache
KEPT_SHARE = 0.01  # share of the whole variance assumed to remain even where every cell is in the mask


@dataclass(frozen=True)
class LayerReport:
    """Root mean square of y - y*, relative to the sd of y*, before and after calibration of one layer."""

    name: str
    before: float
    after: float


@dataclass(frozen=True)
class CalibrationReport:
    """What a calibration gained, layer by layer, and how many vectors it used."""

    vectors: int
    layers: tuple[LayerReport, ...]


def calibrate(
    bundle: Bundle, engine: Engine, layers: tuple[LayerCorrection, ...], x: F32, read: int, kind: str = "full"
) -> CalibrationReport:
    """Calibrate all layers in place on unlabelled images x [n, *input_shape]; image i uses read counter `read` + i.

    What a kind does not fit is as at first boot. Results lie on the SRAM's grid. RramError, with nothing changed, for
    an unknown kind, for what would take too much memory, and where numbers leave float32.
    """
    _refuse_kind(bundle, kind)
    _refuse_huge(bundle, len(x))
    before = [[array.copy() for array in _arrays(layer)] for layer in layers]
    try:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # what comes of it is looked at instead
            return _calibrate(bundle, engine, layers, x, read, kind)
    except (FloatingPointError, np.linalg.LinAlgError) as error:
        for layer, arrays in zip(layers, before, strict=True):
            for array, old in zip(_arrays(layer), arrays, strict=True):
                array[...] = old
        raise RramError(f"calibrate: numbers out of range ({error}); the correction stays as it was") from None


def calibrate_in_core(
    bundle: Bundle, engine: Any, layers: tuple[LayerCorrection, ...], x: F32, read: int, kind: str = "full"
) -> CalibrationReport:
    """The same by the C core (firmware_py/core/calibrate.c) on the C engine, whose own correction `layers` is.

    The memory it takes does not grow with the number of images. RramError where it carries not this bundle, too.
    """
    _refuse_kind(bundle, kind)
    gained = engine.calibrate(x, read, kind)
    both = zip(bundle.layers, gained, strict=True)
    return CalibrationReport(len(x), tuple(LayerReport(layer.name, *errors) for layer, errors in both))


def _refuse_kind(bundle: Bundle, kind: str) -> None:
    if kind not in KINDS:
        raise RramError(f"calibrate: {kind!r} given, expected one of {', '.join(KINDS)}")
    refuse_integer(bundle.nodes, "calibrate")


def _arrays(layer: LayerCorrection) -> tuple[F32, ...]:
    return layer.gain, layer.offset, layer.value, layer.a, layer.b


def _refuse_huge(bundle: Bundle, vectors: int) -> None:
    """By arithmetic: inputs and outputs of all positions of all vectors, and products of all pairs of columns."""
    for layer in bundle.layers:
        k = layer.node.groups * layer.k
        rows, width = vectors * layer.node.positions, 1 + k + 2 * layer.n
        size = 8 * (rows * (2 * k + 4 * layer.n) + 2 * width * width)
        if size > memory():
            given = f"{layer.name}: {vectors} vectors would take {size / 2**30:.1f} GiB"
            raise RramError(f"calibrate: {given}, this machine has {memory() / 2**30:.1f}; give fewer vectors")


def memory() -> int:
    """Bytes of memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _calibrate(
    bundle: Bundle, engine: Engine, layers: tuple[LayerCorrection, ...], x: F32, read: int, kind: str
) -> CalibrationReport:
    targets = ideal_activations(bundle, x)
    reports: list[LayerReport] = []

    def compute(i: int, a: F32) -> F32:
        node = bundle.nodes[i]
        if node.layer < 0:
            return digital(a, node)
        layer, correction = bundle.layers[node.layer], layers[node.layer]
        codes = dac(layer, bundle.macro.dac_bits, a)
        n, p, k = codes.shape
        s = engine.raw(node.layer, a, read).reshape(n * p, -1)
        rows = Rows(s.astype(np.float64) * float(layer.unit), codes.reshape(n * p, k) * float(layer.dac_lsb),
                    targets[node.layer].reshape(n * p, -1), min(1.0, ROWS_PER_IMAGE / p))  # fmt: skip
        before = _error(rows.corrected(layer, correction), rows.y)
        _fit_layer(bundle, layer, correction, rows, kind)
        y = rows.corrected(layer, correction)
        if not np.isfinite(y).all() or not all(np.isfinite(array).all() for array in _arrays(correction)):
            raise FloatingPointError(f"{layer.name} is not finite")
        reports.append(LayerReport(layer.name, before, _error(y, rows.y)))
        return y.reshape(len(x), *node.out_shape).astype(np.float32)

    run(bundle.nodes, x, compute)
    return CalibrationReport(len(x), tuple(reports))


@dataclass(frozen=True)
class Rows:
    """What one layer is fitted to, a row for each vector and position: its own outputs u [rows, N] in weight units, its
    inputs x [rows, K], the ideal's outputs y [rows, N], and the weight of a row."""

    u: F64
    x: F64
    y: F32
    weight: float

    def gram(self, known: F32 | None) -> F64:
        """Products of all pairs of columns of [1, x, u, y - x `known`], summed over rows: [1 + K + 2 N] squared."""
        width = 1 + self.x.shape[1] + 2 * self.u.shape[1]
        total = np.zeros((width, width))
        for start in range(0, len(self.u), BLOCK):
            part = slice(start, start + BLOCK)
            y = self.y[part] if known is None else self.y[part] - self.x[part] @ known
            one = np.ones((len(y), 1))
            both = np.concatenate([one, self.x[part], self.u[part], y], axis=1)
            total += both.T @ both
        return total

    def corrected(self, layer: AnalogLayer, correction: LayerCorrection) -> F64:
        """Outputs [rows, N] behind the correction, up to float32's rounding as the engines have them."""
        y: F64 = self.u * correction.gain + correction.offset
        if layer.mask_rows.size:
            y += self.x @ mask_matrix(layer, correction.value)
        return y + (self.x @ correction.a) @ correction.b if layer.sram.rank else y


def _error(y: F64, y_star: F32) -> float:
    return float(np.sqrt(np.mean((y - y_star) ** 2)) / max(float(y_star.std()), 1e-12))


def _fit_layer(bundle: Bundle, layer: AnalogLayer, correction: LayerCorrection, rows: Rows, kind: str) -> None:
    """Solve all columns of one layer and write the correction in place, as the SRAM can hold it."""
    for array, first in ((correction.value, layer.mask_value), (correction.a, 0), (correction.b, 0)):
        array[...] = first
    if kind == "moments":
        wanted = rows.y - rows.x @ mask_matrix(layer)
        correction.gain[...], correction.offset[...] = _moments(layer, rows.u, wanted, rows.weight)
    else:
        _least_squares(bundle, layer, correction, rows, sparse=kind == "full")
    if kind == "full" and layer.sram.rank:
        left = rows.y - rows.u * correction.gain - correction.offset - rows.x @ mask_matrix(layer, correction.value)
        fit_low_rank(layer, correction, rows.x, left, rows.weight, _unmasked_variance(bundle, layer))
    correction.settle(layer)


def _least_squares(bundle: Bundle, layer: AnalogLayer, correction: LayerCorrection, rows: Rows, sparse: bool) -> None:
    """Gain, offset and, if `sparse`, mask values of all columns."""
    k, n = layer.node.groups * layer.k, layer.n
    gram = rows.gram(None if sparse else mask_matrix(layer))  # of ones, inputs, own outputs, the ideal's
    z, u, y = slice(0, k + 1), slice(k + 1, k + 1 + n), slice(k + 1 + n, None)
    squares = gram.diagonal()
    variance = spread_out(pair_variance(bundle, layer), layer.node)
    power = variance * squares[1 : k + 1, None] / gram[0, 0]  # output variance of each cell, for a gain of 1
    var_y = squares[y] / gram[0, 0] - (gram[0, y] / gram[0, 0]) ** 2
    zz, zu, zy = (rows.weight * gram[z, part] for part in (z, u, y))
    uu, uy = rows.weight * squares[u], rows.weight * gram[u, y].diagonal()
    inputs = layer.mask_inputs
    for j in range(layer.n):
        entries = slice(layer.mask_indptr[j], layer.mask_indptr[j + 1] if sparse else layer.mask_indptr[j])
        at = inputs[entries]
        own = np.concatenate([[0], at.astype(np.int64) + 1])  # of z: the offset's ones, the inputs at the mask
        g0 = float(layer.gain[j])
        remaining = g0**2 * (power[:, j].sum() * (1 + KEPT_SHARE) - power[at, j].sum())
        start = np.concatenate([[g0, float(layer.offset[j])], layer.mask_value[entries]])
        both = [(PRIOR_GAIN * g0) ** 2, PRIOR_OFFSET**2 * float(var_y[j])]
        spread = np.concatenate([both, g0**2 * variance[at, j]])
        normal = np.empty((len(start), len(start)))
        normal[0, 0], normal[0, 1:], normal[1:, 0] = uu[j], zu[own, j], zu[own, j]
        normal[1:, 1:] = zz[np.ix_(own, own)]
        aim = np.concatenate([uy[j : j + 1], zy[own, j]])
        solved = _posterior(normal, aim, start, max(remaining, 1e-12) / np.maximum(spread, 1e-12), layer.sram)
        correction.gain[j], correction.offset[j] = solved[:2]
        correction.value[entries] = solved[2:]


def _posterior(normal: F64, aim: F64, start: F64, penalty: F64, sram: LayerSram) -> F64:
    """Minimise t' normal t - 2 aim' t + sum penalty (t - start)^2 over t = gain, offset, mask values in SRAM.

    From the last to the first, each becomes the nearest number to the best for those after it, so that the others make
    up for what rounding costs (Babai's nearest plane, 1986; of weights: Frantar et al., GPTQ, arXiv 2210.17323).
    """
    codes = [sram.gain, sram.offset, *[sram.value] * (len(start) - 2)]
    factor = np.linalg.cholesky(normal + np.diag(penalty))  # lower; factor' t = what is left of factor^-1 aim
    left, t = np.linalg.solve(factor, aim + penalty * start), np.zeros(len(start))
    for i in reversed(range(len(start))):
        t[i] = codes[i].round(left[i] / factor[i, i])
        left -= factor[i] * t[i]
    return t


def _moments(layer: AnalogLayer, u: F64, y: F64, weight: float) -> tuple[F64, F64]:
    """Gains [N] and offsets [N] that give u [rows, N] the mean and standard deviation of y [rows, N].

    The logarithm of the ratio of two standard deviations with correlation c, from m rows, has variance (1 - c^2) / m
    (Pitman and Morgan's statistic, normal variables); against the gain's prior it is shrunk to the gain of first boot.
    """
    g0 = layer.gain.astype(np.float64)
    mean_u, mean_y, sd_u, sd_y = u.mean(axis=0), y.mean(axis=0), u.std(axis=0), y.std(axis=0)
    able = (sd_u > 0) & (sd_y > 0) & (g0 != 0)  # a column that gives nothing, or the same always, keeps its gain
    both = np.where(able, sd_u * sd_y, 1.0)
    c = np.clip(np.mean((u - mean_u) * (y - mean_y), axis=0) / both, -1, 1)
    trust = PRIOR_GAIN**2 / (PRIOR_GAIN**2 + (1 - c**2) / (weight * len(u)))
    ratio = np.where(able, sd_y / np.where(able, sd_u * np.abs(g0), 1.0), 1.0)
    gain: F64 = g0 * ratio**trust
    return gain, mean_y - gain * mean_u


def pair_variance(bundle: Bundle, layer: AnalogLayer) -> F64:
    """Variance of each programmed weight, [K, N], in weight units squared (before the column gain)."""
    v = bundle.tables.var[layer.levels]
    total: F64 = (v[0] + v[1]) * float(layer.w_step) ** 2
    return total


def _unmasked_variance(bundle: Bundle, layer: AnalogLayer) -> F64:
    """Variance of each weight as the column's gain shows it, [K, N]; none where a mask value makes up for it."""
    variance = pair_variance(bundle, layer) * layer.gain.astype(np.float64) ** 2
    variance[layer.mask_rows, layer.mask_cols] = 0
    return variance
