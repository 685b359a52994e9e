"""What every write algorithm is: a frozen object whose `run` writes cells to targets and tallies what it cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from device_models.write.port import Array, BoolArray, PulsedCells


@dataclass(frozen=True)
class Timing:
    """Widths in s: of one SET or RESET pulse, of one verify read."""

    pulse_s: float = 1e-6
    read_s: float = 1e-6


@dataclass(frozen=True)
class Tally:
    """Cost and outcome of every cell, arrays [n]: pulses (SET and RESET), verify reads, time in s, energy in pJ (NaN
    where the model has none), and whether the last verify read lay within the tolerance."""

    pulses: npt.NDArray[np.int64]
    reads: npt.NDArray[np.int64]
    time_s: Array
    energy_pJ: Array
    within: BoolArray

    def then(self, later: Tally, where: BoolArray) -> Tally:
        """Both one after the other; `later` wrote the cells of `where`."""
        return Tally(self.pulses + later.pulses, self.reads + later.reads, self.time_s + later.time_s,
                     self.energy_pJ + later.energy_pJ, np.where(where, later.within, self.within))


class WriteAlgorithm(Protocol):
    """`run` writes the cells of `where` [n] to `target_uS` [n] and leaves the others alone."""

    @property
    def tolerance_uS(self) -> float:
        """|read - target| up to which a cell counts as written."""

    @property
    def timing(self) -> Timing:
        """Widths of pulses and verify reads."""

    def run(self, cells: PulsedCells, target_uS: Array, where: BoolArray | None = None) -> Tally:
        """Write, and say what it took."""


class Ledger:
    """Adds up pulses, reads and energy while an algorithm runs."""

    def __init__(self, size: int) -> None:
        self.pulses = np.zeros(size, dtype=np.int64)
        self.reads = np.zeros(size, dtype=np.int64)
        self.energy_pJ = np.zeros(size)

    def pulsed(self, where: BoolArray, energy_pJ: Array) -> None:
        """One pulse to the cells of `where`."""
        self.pulses += where
        self.energy_pJ += np.where(where, energy_pJ, 0.0)

    def read(self, where: BoolArray, reads: int = 1) -> None:
        """Verify reads of the cells of `where`."""
        self.reads += reads * where

    def close(self, timing: Timing, within: BoolArray) -> Tally:
        """The tally so far."""
        time_s = self.pulses * timing.pulse_s + self.reads * timing.read_s
        return Tally(self.pulses, self.reads, time_s, self.energy_pJ, within)


def chosen(cells: PulsedCells, where: BoolArray | None) -> BoolArray:
    """`where`, or all cells."""
    return np.ones(cells.size, dtype=bool) if where is None else np.array(where, dtype=bool)
