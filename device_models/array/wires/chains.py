"""All lines of one kind at once: each a chain of segments with a cell to ground at each node, a tridiagonal system."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import dpttrf, dpttrs

from device_models.array.wires.wires import F64


@dataclass(frozen=True)
class Chains:
    """Lines that share no node, laid end to end: one tridiagonal matrix, factored once (LAPACK pttrf).

    diagonal [lines * nodes] and off_diagonal [lines * nodes - 1] in uS; `factor` is its L D L' of the same shapes.
    """

    diagonal: F64
    off_diagonal: F64
    factor: tuple[F64, F64]

    def solve(self, current_uA: F64) -> F64:
        """Node voltages [vectors, lines * nodes] of the currents put into the nodes, same shape."""
        return solved(self.factor, np.ascontiguousarray(current_uA).T).T

    def apply(self, voltage_V: F64) -> F64:
        """Currents [vectors, lines * nodes] that hold the nodes at these voltages."""
        current = self.diagonal * voltage_V
        current[:, 1:] += self.off_diagonal * voltage_V[:, :-1]
        current[:, :-1] += self.off_diagonal * voltage_V[:, 1:]
        return current


def chains(cells_uS: F64, segment_uS: float, held: int) -> Chains:
    """Lines with cells [lines, nodes], whose node `held` (0 or -1) has one more segment, to the driver or to the sense.

    Kirchhoff's current law at each node: segments to the left and right and the cell draw what is put in.
    """
    diagonal = cells_uS + 2 * segment_uS
    diagonal[:, -1 if held == 0 else 0] -= segment_uS  # the far end has one neighbour only
    off_diagonal = np.full(cells_uS.shape, -segment_uS)
    off_diagonal[:, -1] = 0.0  # between two lines
    d, e = diagonal.ravel(), off_diagonal.ravel()[:-1]
    return Chains(d, e, factored(d, e))


def factored(diagonal: F64, off_diagonal: F64) -> tuple[F64, F64]:
    """L D L' of a positive definite tridiagonal matrix, as LAPACK's pttrs wants it."""
    if diagonal.size == 1:  # LAPACK's wrappers do not agree on the size of nothing
        return diagonal, off_diagonal
    d, e, info = dpttrf(diagonal, off_diagonal)
    if info != 0:  # a sum of conductances is positive definite, short of overflow
        raise ArithmeticError(f"pttrf: {info}")
    return d, e


def solved(factor: tuple[F64, F64], right: F64) -> F64:
    """The solutions [n, vectors] of a matrix that is `factored`; `right` in Fortran order is not copied."""
    if factor[0].size == 1:
        return right / factor[0]
    solution: F64 = dpttrs(*factor, right)[0]
    return solution


def ends(shape: tuple[int, int], held: int, value_uA: F64 | float) -> F64:
    """Currents [vectors, lines * nodes] that enter each line at node `held`; value_uA [vectors, lines] or a number."""
    values = np.atleast_2d(np.broadcast_to(value_uA, (1, shape[0])) if np.isscalar(value_uA) else value_uA)
    current = np.zeros((len(values), *shape))
    current[:, :, held] = values
    return current.reshape(len(values), -1)
