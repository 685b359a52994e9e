"""Row rename: rows of a low-precision weight matrix that are equal or opposite share one physical row.

Weinstock et al. (ORSS 2023) say in their abstract that row rename cuts the area of the last fully connected layer by
45.24 % (38 of the 84 rows of LeNet-5's). How is not said there; this is our reading: where row k of the levels is
`sign` times physical row p, input k is added to (sign +1) or taken from (-1) the input of row p before the array.

    sum_k x_k w_kj  =  sum_p (sum_{k in p} sign_k x_k) v_pj        for every x: exact, by construction

What it costs: K - P digital additions a matrix product, and inputs of physical rows that need more bits, and a sign,
than those of logical ones (`Renamed.reach`), hence more of the DAC or more bit-serial steps. The abstract does not
count these; area here is rows, and so cells.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.integer]


@dataclass(frozen=True)
class Renamed:
    """row uint16 [K]: the physical row of each logical one; sign int8 [K]: +1, -1, or 0 for a row of zeros, which
    needs none; weights [P, N]: the physical rows."""

    row: npt.NDArray[np.uint16]
    sign: npt.NDArray[np.int8]
    weights: Integers

    @property
    def saved(self) -> float:
        """Share of the rows, and so of the cells, that is saved."""
        return 1 - len(self.weights) / len(self.row)

    @property
    def additions(self) -> int:
        """Additions before the array for one matrix product."""
        return int(np.count_nonzero(self.sign)) - len(self.weights)

    def inputs(self, x: Integers) -> Integers:
        """Inputs [..., P] of the physical rows from those [..., K] of the logical ones, in int64."""
        out = np.zeros((*x.shape[:-1], len(self.weights)), np.int64)
        for k in np.flatnonzero(self.sign):
            out[..., self.row[k]] += self.sign[k] * x[..., k].astype(np.int64)
        return out

    def reach(self, highest: int) -> tuple[int, int]:
        """The smallest and the largest input of any physical row for codes 0 to `highest`."""
        up = np.bincount(self.row[self.sign > 0], minlength=len(self.weights))
        down = np.bincount(self.row[self.sign < 0], minlength=len(self.weights))
        return -highest * int(down.max(initial=0)), highest * int(up.max(initial=0))


def rename(weights: Integers) -> Renamed:
    """The fewest physical rows of integer weights [K, N] (levels of any number); the first of each kind lends its
    sign."""
    matrix = np.asarray(weights)
    first = matrix[np.arange(len(matrix)), (matrix != 0).argmax(axis=1)]
    sign = np.sign(first).astype(np.int8)
    _, leaders, kind = np.unique(matrix * sign[:, None], axis=0, return_index=True, return_inverse=True)
    kind = np.asarray(kind).reshape(-1)  # NumPy 2.0 gives it another shape
    used = [leader for leader in leaders if sign[leader]] or [0]  # a matrix of zeros keeps one row
    place = {int(kind[leader]): p for p, leader in enumerate(sorted(used))}
    row = np.array([place.get(int(k), 0) for k in kind], np.uint16)
    lead = np.array(sorted(used))
    return Renamed(row, (sign * np.where(sign[lead][row] == 0, 1, sign[lead][row])).astype(np.int8), matrix[lead])
