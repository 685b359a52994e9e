"""The low-rank part of a correction, y += (x A) B, fitted in closed form to what gains, offsets and the mask leave.

The idea (a few per cent of numbers in SRAM, layer by layer, from ten vectors): DoRA-RIMC, arXiv 2504.03763, which
trains A and B by gradients; the closed form and its prior are this project's own.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from firmware_py.bundle import AnalogLayer
from firmware_py.correction import LayerCorrection

F64 = npt.NDArray[np.float64]
NOISE_SHARE = 0.1  # of the variance that all cells cause: what stays unexplained even by a correction of full rank


def fit_low_rank(layer: AnalogLayer, correction: LayerCorrection, x: F64, left: F64, weight: float,
                 variance: F64) -> None:  # fmt: skip
    """Write A [K, rank] and B [rank, N] in place from x [rows, K] and what is left to explain [rows, N].

    variance [K, N] is that of each weight's deviation: the prior of the matrix that A B stands for.
    """
    spread = variance.mean(axis=1)
    noise = max(NOISE_SHARE * float(np.mean(x * x, axis=0) @ spread), 1e-12)
    a, b = reduced_rank_ridge(np.sqrt(weight) * x, np.sqrt(weight) * left, noise / np.maximum(spread, 1e-12 * noise),
                              layer.sram.rank)  # fmt: skip
    correction.a[...], correction.b[...] = balanced(layer, a, b)


def reduced_rank_ridge(x: F64, y: F64, penalty: F64, rank: int) -> tuple[F64, F64]:
    """A [K, rank], B [rank, N] that minimise |y - x A B|^2 + sum_k penalty_k |(A B)_k|^2; x [rows, K], y [rows, N].

    Ridge regression, then the best approximation of what it fits, penalty rows included: exact by Eckart and Young
    (Mukherjee and Zhu, Stat. Anal. Data Min. 4, 612, 2011). All penalties > 0.
    """
    root = np.sqrt(penalty)
    u, s, vt = np.linalg.svd(x / root, full_matrices=False)  # D = full / root solves a ridge of penalty 1
    shrunk = (s / (s * s + 1))[:, None] * (u.T @ y)
    fitted = np.sqrt(s * s + 1)[:, None] * shrunk  # |fitted c| = |[x; root] full c| for any mixture c of columns
    _, _, directions = np.linalg.svd(fitted, full_matrices=False)
    b = np.zeros((rank, y.shape[1]))
    b[: len(directions)] = directions[:rank]
    a = (vt.T @ shrunk / root[:, None]) @ b.T
    return a, b


def balanced(layer: AnalogLayer, a: F64, b: F64) -> tuple[F64, F64]:
    """The same product with factors that fit the SRAM's codes: each column of A as large as its codes allow.

    A power of two moves from one factor to the other, so nothing else is rounded; float32 factors stay as they are.
    """
    if layer.sram.a.bits == 32:
        return a, b
    most = ((1 << (layer.sram.a.bits - 1)) - 1) * 2.0**layer.sram.a.exponent
    largest = np.maximum(np.abs(a).max(axis=0, initial=0), 1e-30)
    scale = 2.0 ** np.floor(np.log2(most / largest))
    return a * scale, b / scale[:, None]
