"""The exact effective conductance of a crossbar: what it does to every input, in one direct elimination."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.linalg.lapack import dpotrf, dpotri

from device_models.array.wires.chains import factored, solved
from device_models.array.wires.fast import attenuation
from device_models.array.wires.solve import node_voltages
from device_models.array.wires.wires import F64, Wires, checked_cells, reciprocal

# Below, cells drown in the rounding of the segments' conductance; the iteration's output has no such sums.
_GOOD_WIRE_OHM = 1e-3


def effective_conductance(g_uS: npt.ArrayLike, wires: Wires) -> F64:
    """The matrix [rows, cols] in uS whose product with any input is the exact output: I_uA = V_V @ it.

    The bit lines' nodes of one row after the other are eliminated (block Gauss, George and Liu 1981, chapter 2):
    M_i = Y_i - g^2 M_(i-1)^-1 with Y_i the row's word line seen from the bit lines and g a segment of a bit line.
    Costs about 2 rows cols^3 operations (the shorter side counts thrice), whatever the resistances.
    """
    cells = checked_cells(g_uS)
    if wires.perfect:
        return attenuation(cells, wires)  # exact: see there
    if min(wires.word_ohm, wires.bit_ohm) < _GOOD_WIRE_OHM:
        return node_voltages(cells, np.eye(cells.shape[0]), wires).output_uA(cells)
    if cells.shape[1] > cells.shape[0]:
        return reciprocal(_eliminate(reciprocal(cells), wires.swapped()))
    return _eliminate(cells, wires)


def _eliminate(cells: F64, wires: Wires) -> F64:
    rows, cols = cells.shape
    g = wires.bit_uS
    diagonal = np.arange(cols)
    source = np.zeros((cols, rows))  # current into the nodes of this row, for 1 V at each word line
    inverse = np.zeros((cols, cols))
    for i in range(rows):
        seen, driven = _word_line(cells[i], wires.word_uS)
        seen[diagonal, diagonal] += g if i == 0 else 2 * g
        seen -= g * g * inverse
        source[:, :i] = g * (inverse @ source[:, :i])
        source[:, i] = driven
        inverse = _inverse(seen)
    output: F64 = g * (inverse @ source)
    return np.ascontiguousarray(output.T)


def _word_line(cells: F64, segment_uS: float) -> tuple[F64, F64]:
    """One word line seen from its bit lines: conductances [cols, cols], and currents [cols] for 1 V at the driver."""
    cols = cells.size
    diagonal = cells + 2 * segment_uS
    diagonal[-1] -= segment_uS
    factor = factored(diagonal, np.full(cols - 1, -segment_uS))
    right = np.zeros((cols, cols + 1), order="F")
    right[np.arange(cols), np.arange(cols)] = cells
    right[0, cols] = segment_uS
    through = cells[:, None] * solved(factor, right)
    seen = np.diag(cells) - through[:, :cols]
    return seen, through[:, cols]


def _inverse(matrix: F64) -> F64:
    upper = dpotri(dpotrf(matrix)[0])[0]
    inverse: F64 = np.triu(upper) + np.triu(upper, 1).T
    return inverse
