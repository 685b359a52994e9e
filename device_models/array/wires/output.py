"""The exact output of a crossbar, by whichever way is cheaper."""

from __future__ import annotations

import numpy.typing as npt

from device_models.array.wires.elimination import effective_conductance
from device_models.array.wires.solve import node_voltages
from device_models.array.wires.wires import F64, Wires, checked_cells, checked_inputs

# Measured on 64 to 512 lines, 0.1 to 10 ohm: the elimination costs as much as 1/8 to 1/4 of its lines in vectors.
_VECTORS_PER_LINE = 1 / 6


def output_currents(g_uS: npt.ArrayLike, v_V: npt.ArrayLike, wires: Wires) -> F64:
    """Exact currents [vectors, cols] in uA of cells [rows, cols] in uS under inputs [vectors, rows] in V.

    Few vectors are solved one by one, many through the effective conductance. ProfileError for a cell that is negative
    or not finite, or an input of another length.
    """
    cells = checked_cells(g_uS)
    inputs = checked_inputs(v_V, cells.shape[0])
    if wires.perfect or len(inputs) > 8 + _VECTORS_PER_LINE * min(cells.shape):
        product: F64 = inputs @ effective_conductance(cells, wires)
        return product
    return node_voltages(cells, inputs, wires).output_uA(cells)
