"""The wires of a crossbar, and the checks of what is put on them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from device_models.errors import ProfileError

F64 = npt.NDArray[np.float64]
MICRO = 1e6  # uS of a siemens


@dataclass(frozen=True)
class Wires:
    """Resistance in ohm of one segment of a word line (row) and of a bit line (column); 0 is a perfect wire.

    A word line is driven at its left end, through its first segment; a bit line is held at 0 V below its last cell,
    through its last segment, and sensed there. So each line has as many segments as cells.
    """

    word_ohm: float
    bit_ohm: float

    def __post_init__(self) -> None:
        for key, value in (("word_ohm", self.word_ohm), ("bit_ohm", self.bit_ohm)):
            if not (math.isfinite(value) and value >= 0):
                raise ProfileError(f"wires: {key}: {value} ohm is not a finite number >= 0")

    @property
    def word_uS(self) -> float:
        """Conductance of a segment of a word line in uS; infinite for a perfect wire."""
        return MICRO / self.word_ohm if self.word_ohm else math.inf

    @property
    def bit_uS(self) -> float:
        """Conductance of a segment of a bit line in uS; infinite for a perfect wire."""
        return MICRO / self.bit_ohm if self.bit_ohm else math.inf

    @property
    def perfect(self) -> bool:
        """True where a kind of line has no resistance: then the other lines do not know of one another."""
        return self.word_ohm == 0 or self.bit_ohm == 0

    def swapped(self) -> Wires:
        """The wires of the array that `reciprocal` gives."""
        return Wires(self.bit_ohm, self.word_ohm)


def reciprocal(g_uS: F64) -> F64:
    """The cells [cols, rows] of the same crossbar driven at its outputs and sensed at its inputs.

    Its effective conductance, `reciprocal` again, is that of `g_uS`: a network of resistors is reciprocal.
    """
    return np.ascontiguousarray(g_uS[::-1, ::-1].T)


def checked_cells(g_uS: npt.ArrayLike) -> F64:
    """`g_uS` as a float64 matrix [rows, cols] of finite numbers >= 0 (0: no cell), or ProfileError."""
    cells = np.ascontiguousarray(g_uS, dtype=np.float64)
    if cells.ndim != 2 or cells.size == 0:
        raise ProfileError(f"wires: cells of shape {cells.shape} are not a matrix of rows x columns")
    bad = ~(np.isfinite(cells) & (cells >= 0))
    if bad.any():
        row, col = (int(i) for i in np.argwhere(bad)[0])
        raise ProfileError(f"wires: cell in row {row}, column {col}: {cells[row, col]} uS is not a finite number >= 0")
    return cells


def checked_inputs(v_V: npt.ArrayLike, rows: int) -> F64:
    """`v_V` as float64 [vectors, rows] of finite volts, or ProfileError."""
    inputs = np.ascontiguousarray(v_V, dtype=np.float64)
    if inputs.ndim != 2 or inputs.shape[1] != rows:
        raise ProfileError(f"wires: inputs of shape {inputs.shape} are not vectors x {rows} rows")
    if not np.isfinite(inputs).all():
        vector, row = (int(i) for i in np.argwhere(~np.isfinite(inputs))[0])
        raise ProfileError(f"wires: input vector {vector}, row {row}: {inputs[vector, row]} V is not finite")
    return inputs
