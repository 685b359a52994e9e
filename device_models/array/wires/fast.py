"""The effective conductance of a crossbar nearly, at the cost of two solutions, with its error measured on the way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from device_models.array.wires.chains import chains, ends
from device_models.array.wires.solve import node_voltages
from device_models.array.wires.wires import F64, Wires, checked_cells, reciprocal


@dataclass(frozen=True)
class FastConductance:
    """conductance_uS [rows, cols], I_uA = V_V @ it; `error`, `uncorrected` and `ignored` are relative errors.

    Each is |I - I_exact| / |I_exact| (2-norm over all outputs) of random probe inputs: of this matrix, of the
    attenuation alone, and of the cells with no wires at all. An estimate for inputs of that kind, not a bound.
    """

    conductance_uS: F64
    error: float
    uncorrected: float
    ignored: float


def attenuation(g_uS: npt.ArrayLike, wires: Wires) -> F64:
    """Cells [rows, cols] in uS times what their word line and their bit line, each alone, let through.

    G_ij a_ij b_ij: a_ij is the voltage at the cell for 1 V at the driver with all bit lines at 0 V; b_ij the share of a
    current put into the bit line at the cell that reaches the sense end with all word lines held. That is the first
    step of block Gauss-Seidel (word lines, then bit lines), does not depend on the input, and is exact where one kind
    of line is perfect. It leaves out what bit lines send back through word lines, so no element exceeds the exact one.
    """
    cells = checked_cells(g_uS)
    rows, cols = cells.shape
    out = cells.copy()
    if wires.word_ohm:
        out *= chains(cells, wires.word_uS, 0).solve(ends((rows, cols), 0, wires.word_uS)).reshape(rows, cols)
    if wires.bit_ohm:
        turned = np.ascontiguousarray(cells.T)
        out *= chains(turned, wires.bit_uS, -1).solve(ends((cols, rows), -1, wires.bit_uS)).reshape(cols, rows).T
    return out


def fast_conductance(g_uS: npt.ArrayLike, wires: Wires, *, probes: int = 2, seed: int = 0) -> FastConductance:
    """`effective_conductance` nearly: the attenuation plus one product of a column and a row for the sneak paths.

    The rest R = exact - attenuation is smooth, close to rank one: it is replaced by (R 1)(1' R) / (1' R 1), whose row
    and column sums are exact. They follow from two exact solutions: all word lines at 1 V and, by reciprocity, all
    outputs. (Our own scheme; docs/wires.md has its measured error. It grows with the resistance.)
    `probes` random inputs, uniform in 0 to 1 V and drawn from `seed`, are solved exactly as well and give the errors.
    """
    cells = checked_cells(g_uS)
    rows, cols = cells.shape
    random = np.random.Generator(np.random.Philox(key=seed)).random((probes, rows))
    exact = node_voltages(cells, np.vstack([np.ones((1, rows)), random]), wires).output_uA(cells)
    alone = attenuation(cells, wires)
    matrix = alone
    if not wires.perfect:
        turned = reciprocal(cells)
        back = node_voltages(turned, np.ones((1, cols)), wires.swapped()).output_uA(turned)[0, ::-1]
        column, row = np.maximum(back - alone.sum(axis=1), 0), np.maximum(exact[0] - alone.sum(axis=0), 0)  # rounding
        total = row.sum()
        if total > 0:
            matrix = alone + np.outer(column, row) / total

    def error(conductance: F64) -> float:
        scale = float(np.linalg.norm(exact[1:]))
        return float(np.linalg.norm(random @ conductance - exact[1:])) / scale if scale else 0.0

    return FastConductance(matrix, error(matrix), error(alone), error(cells))
