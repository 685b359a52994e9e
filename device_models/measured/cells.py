"""Measured cells: what was read from which cell, how long after programming, and what it was programmed to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from device_models.measured.split import half_of


@dataclass(frozen=True)
class MeasuredCells:
    """Readings of single cells, one a row, in the order of the file; the arrays are [n].

    `level` is the index of the target level, `time_s` the nominal time since programming (0: the first reading).
    """

    source: str
    cell: npt.NDArray[np.int64]
    level: npt.NDArray[np.int64]
    time_s: npt.NDArray[np.float64]
    g_uS: npt.NDArray[np.float64]
    temperature_C: npt.NDArray[np.float64] | None = None
    said: tuple[str, ...] = ()  # a line for each file: what was recognised in it

    def __len__(self) -> int:
        return len(self.cell)

    @property
    def n_cells(self) -> int:
        """Number of different cells."""
        return len(np.unique(self.cell))

    def where(self, rows: npt.NDArray[Any]) -> MeasuredCells:
        """The readings that `rows` (booleans or indices) choose."""
        temperature = None if self.temperature_C is None else self.temperature_C[rows]
        return replace(self, cell=self.cell[rows], level=self.level[rows], time_s=self.time_s[rows],
                       g_uS=self.g_uS[rows], temperature_C=temperature)

    def half(self, which: Literal["a", "b"]) -> MeasuredCells:
        """All readings of about one half of the cells, chosen by a hash of the cell (see `split`)."""
        in_b = half_of(self.cell)
        return self.where(in_b if which == "b" else ~in_b)
