"""IR drop: what the wires of each tile leave of its cells (device_models.array.wires has the solvers)."""

from __future__ import annotations

import numpy as np

from device_models.array.types import F64
from device_models.array.wires import Wires, effective_conductance, fast_conductance
from device_models.macro import MacroConfig

EXACT_COLS = 256  # wider tiles take the fast form: the exact one costs rows x cols^3


def through_wires(g_uS: F64, reference_uS: F64 | None, macro: MacroConfig) -> tuple[F64, F64 | None]:
    """Effective conductances [P, K, N] of the cells and [tiles, P, K] of reference columns, tile by tile.

    Every cell plane of a tile is a crossbar of its own, `macro.rows` x weights a row, its reference column last. Rows
    that are not active are held at 0 V, so one matrix serves all groups of rows.
    """
    wires = Wires(macro.wire_resistance_ohm, macro.wire_resistance_ohm)
    out, reference = np.empty_like(g_uS), None if reference_uS is None else np.empty_like(reference_uS)
    planes, rows, cols = g_uS.shape
    for plane in range(planes):
        for top in range(0, rows, macro.rows):
            for tile, left in enumerate(range(0, cols, macro.weights_per_row)):
                place = np.s_[plane, top : top + macro.rows, left : left + macro.weights_per_row]
                cells = g_uS[place]
                if reference_uS is not None:
                    cells = np.column_stack([cells, reference_uS[tile, plane, top : top + macro.rows]])
                seen = _seen(cells, wires)
                out[place] = seen[:, : out[place].shape[1]]
                if reference is not None:
                    reference[tile, plane, top : top + macro.rows] = seen[:, -1]
    return out, reference


def _seen(cells: F64, wires: Wires) -> F64:
    if min(cells.shape) <= EXACT_COLS:
        return effective_conductance(cells, wires)
    return fast_conductance(cells, wires).conductance_uS
