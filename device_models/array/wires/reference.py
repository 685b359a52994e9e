"""The same circuit as one sparse matrix, solved directly: slow, plain, written apart, to check the others against."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.linalg import splu

from device_models.array.wires.wires import F64, Wires, checked_cells, checked_inputs
from device_models.errors import ProfileError


def sparse_output_currents(g_uS: npt.ArrayLike, v_V: npt.ArrayLike, wires: Wires) -> F64:
    """Output currents [vectors, cols] in uA by nodal analysis (Ho, Ruehli, Brennan, IEEE TCAS 22, 1975) with SuperLU.

    Each resistor is stamped on its own between two nodes; node 0 is ground. Both resistances must be above zero.
    """
    cells = checked_cells(g_uS)
    inputs = checked_inputs(v_V, cells.shape[0])
    if wires.perfect:
        raise ProfileError("wires: the sparse reference needs word_ohm and bit_ohm above 0")
    rows, cols = cells.shape
    word = 1 + np.arange(rows * cols).reshape(rows, cols)
    bit = word + rows * cols
    ground = np.zeros(1, dtype=np.intp)
    resistors: list[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], F64 | float]] = [
        (word.ravel(), bit.ravel(), cells.ravel()),
        (word[:, :-1].ravel(), word[:, 1:].ravel(), wires.word_uS),
        (bit[:-1].ravel(), bit[1:].ravel(), wires.bit_uS),
        (word[:, 0], ground, wires.word_uS),  # a driver is a current source beside its first segment (Norton)
        (bit[-1], ground, wires.bit_uS),
    ]
    size = 1 + 2 * rows * cols
    matrix = sparse.csc_matrix((size, size))
    for a, b, value in resistors:
        a, b = np.broadcast_arrays(a, b)
        g = np.broadcast_to(value, a.shape)
        places = np.concatenate([a, b, a, b]), np.concatenate([a, b, b, a])
        matrix = matrix + sparse.coo_matrix((np.concatenate([g, g, -g, -g]), places), (size, size))
    right = np.zeros((size, len(inputs)))
    right[word[:, 0]] = inputs.T * wires.word_uS
    voltage = splu(sparse.csc_matrix(matrix)[1:, 1:]).solve(right[1:])
    current: F64 = wires.bit_uS * voltage[bit[-1] - 1].T
    return current
