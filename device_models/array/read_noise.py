"""Read noise at the output: one draw a column and read, with the variance of its cells added up.

Independent Gaussian noise sigma_k on each cell and inputs x_k make Gaussian noise of variance sum x_k^2 sigma_k^2 on
the column: the same distribution as one draw per cell, at 1/K of the draws (docs/array.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from device_models.array.types import F32, F64, U8
from device_models.compile import CompiledProfile

NoiseKind = Literal["exact", "factorised"]
NOISE_KINDS: tuple[NoiseKind, ...] = ("exact", "factorised")


class ColumnVariance(Protocol):
    """Variance of a column's current under inputs."""

    def __call__(self, squares: F32, out: F32 | None) -> F32:
        """Variances [batch, columns], in `out` if given, of squared inputs [batch, rows]."""


@dataclass(frozen=True)
class ExactVariance:
    """sum_k x_k^2 V_kj: a second matrix product. matrix float32 [rows, columns]."""

    matrix: F32

    def __call__(self, squares: F32, out: F32 | None) -> F32:
        variance: F32 = np.matmul(squares, self.matrix, out=out)
        return variance


@dataclass(frozen=True)
class FactorisedVariance:
    """sum_k x_k^2 r_k c_j, with r and c from the row and column sums of V: no second product.

    Exact where V is of rank one (noise that does not depend on the level, say), for inputs that are all alike, and in
    the sum over columns for all inputs. Else the relative error of a column's sigma is about rho / (2 sqrt(n)): rho the
    relative deviation of V from r_k c_j, n = (sum x^2)^2 / sum x^4 the number of rows that count; `error` measures it.
    """

    rows: F32
    columns: F32

    @classmethod
    def of(cls, variance: F64) -> FactorisedVariance:
        """The factors of V [rows, columns]."""
        total = max(float(variance.sum()), np.finfo(np.float64).tiny)
        scale = np.sqrt(total)
        return cls((variance.sum(axis=1) / scale).astype(np.float32), (variance.sum(axis=0) / scale).astype(np.float32))

    def __call__(self, squares: F32, out: F32 | None) -> F32:
        variance: F32 = np.multiply((squares @ self.rows)[:, None], self.columns, out=out)
        return variance

    def error(self, variance: F64, squares: F64) -> float:
        """Relative error of sigma (root mean square over inputs and columns) against the exact product."""
        exact = squares @ variance
        found = (squares @ self.rows)[:, None] * self.columns
        there = exact > 0
        return float(np.sqrt(np.mean((np.sqrt(found[there] / exact[there]) - 1) ** 2))) if there.any() else 0.0


def column_variance(variance: F64, kind: NoiseKind) -> ColumnVariance:
    """V [rows, columns] as `kind` adds it up."""
    return ExactVariance(variance.astype(np.float32)) if kind == "exact" else FactorisedVariance.of(variance)


def cell_variance(g_uS: F64, level: U8, compiled: CompiledProfile) -> F64:
    """Variance in uS^2 of one read of each cell: (a + b G)^2, a and b of its level."""
    sigma: F64 = compiled.read_a[level] * compiled.g_step_us + compiled.read_b[level] * g_uS
    return sigma * sigma
