"""The programming port: what a write algorithm sees of cells, whatever model lies behind it.

    pulse = Pulse("set", amplitude_V=1.0, gate_V=1.2, width_s=1e-6)
    energy_pJ = cells.apply(pulse, where=cells.read() < 100.0)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Index = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Pulse:
    """One rectangular pulse to all chosen cells; voltages in V (one value, or [n], one a cell), `width_s` in s.

    `amplitude_V` is a magnitude, `polarity` its direction. `gate_V`: gate of the series transistor, None: no limit.
    """

    polarity: Literal["set", "reset"]
    amplitude_V: float | Array
    gate_V: float | Array | None
    width_s: float


class PulsedCells(Protocol):
    """n cells that can be pulsed, read and left alone. Conductances in uS, arrays float64 [n]."""

    size: int

    def conductance_uS(self) -> Array:
        """The cells' conductance without read noise."""

    def read(self) -> Array:
        """One noisy read of every cell; each call is a new read."""

    def apply(self, pulse: Pulse, where: BoolArray) -> Array:
        """Pulse the cells of `where` [n]; energy in pJ of every cell: 0 where not pulsed, NaN where unknown."""

    def wait(self, seconds: float) -> None:
        """Let time pass without a pulse: the cells relax."""
