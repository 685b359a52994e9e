"""Which cells to rewrite, and to which level: those whose rewriting is expected to lower a column's error most.

A column's error is e' C e, e the cells' errors and C the inputs' covariance. To write cell i to a level of value m and
deviation s changes it by d = m - w_i plus a draw: expected change of the error

    2 g_i (m - w_i) + C_ii [(m - w_i)^2 + v_i + hope s^2],    g = C e (measured), w_i, v_i: the cell's mean, variance.

With hope = 1 this is the expectation of one write: no cell is written unless it asks for more than a write's spread.
Below 1 it counts on later writes of the same cell to mend a bad draw, which the next measurement shows: what a bad draw
costs is then a write, not the error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
Level = NDArray[np.int64]
Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class Cells:
    """What is believed of the cells of one matrix: mean and variance [K, M], slope g [K, M] of the columns' errors."""

    mean: F32
    variance: F32
    slope: F32


def gains(cells: Cells, power: F32, value: F32, sd: F32, hope: float) -> tuple[F32, Level]:
    """Expected fall of the error [K, M] by the best rewrite of each cell, and its level."""
    best = np.full(cells.mean.shape, -np.inf, np.float32)
    level = np.zeros(cells.mean.shape, np.int64)
    for i, (m, s) in enumerate(zip(value, sd, strict=True)):
        change = m - cells.mean
        fall = -2 * cells.slope * change - power[:, None] * (change * change + cells.variance + hope * s * s)
        better = fall > best
        best[better] = fall[better]
        level[better] = i
    return best, level


def plan(cells: Cells, gram: F32, value: F32, sd: F32, hope: float, most: int) -> tuple[Bool, Level]:
    """Up to `most` cells of each column and their levels, one after the other: each knows what those before it will
    have changed on average. Only cells that are among the best alone are looked at."""
    power = np.ascontiguousarray(np.diagonal(gram))
    fall, level = gains(cells, power, value, sd, hope)
    k, m = fall.shape
    candidates = min(k, 4 * most)
    chosen = np.argpartition(-fall, candidates - 1, axis=0)[:candidates]  # [c, M]
    columns = np.arange(m)
    mean, variance, slope = (a[chosen, columns].copy() for a in (cells.mean, cells.variance, cells.slope))
    own_power = power[chosen]
    where, levels = np.zeros((k, m), bool), np.zeros((k, m), np.int64)
    open_ = np.ones(chosen.shape, bool)
    for _ in range(most):
        fall, level = _gains(mean, variance, slope, own_power, value, sd, hope)
        fall[~open_] = -np.inf
        pick = np.argmax(fall, axis=0)
        good = fall[pick, columns] > 0
        if not good.any():
            break
        taken, at = columns[good], pick[good]
        rows, new = chosen[at, taken], level[at, taken]
        where[rows, taken], levels[rows, taken] = True, new
        step = value[new] - mean[at, taken]
        slope[:, taken] += gram[chosen[:, taken], rows] * step
        mean[at, taken], variance[at, taken] = value[new], sd[new] ** 2
        open_[at, taken] = False
    return where, levels


def _gains(mean: F32, variance: F32, slope: F32, power: F32, value: F32, sd: F32, hope: float) -> tuple[F32, Level]:
    change = value[:, None, None] - mean
    fall = -2 * slope * change - power * (change * change + variance + hope * (sd * sd)[:, None, None])
    level = np.argmax(fall, axis=0)
    return np.take_along_axis(fall, level[None], axis=0)[0], level
