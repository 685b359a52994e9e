"""Which gate voltage belongs to a conductance: measured on the cells themselves, as one does with a test array."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from device_models.errors import ProfileError
from device_models.write.port import Array, Pulse, PulsedCells


@dataclass(frozen=True)
class GateTable:
    """Median conductance `g_uS` [m], rising, after one SET at gate voltages `volts` [m]."""

    volts: Array
    g_uS: Array

    def gate_V(self, target_uS: Array) -> Array:
        """Gate voltages for targets [n], linear between; ProfileError where a target is out of reach."""
        beyond = (target_uS < self.g_uS[0]) | (target_uS > self.g_uS[-1])
        if beyond.any():
            raise ProfileError(f"target: {target_uS[beyond][0]:g} uS is not within {self.g_uS[0]:.3g} to "
                               f"{self.g_uS[-1]:.3g} uS, what one SET pulse reaches with a gate of "
                               f"{self.volts[0]:g} to {self.volts[-1]:g} V")
        return np.asarray(np.interp(target_uS, self.g_uS, self.volts))


def measure(make: Callable[[int], PulsedCells], volts: Array, amplitude_V: float, width_s: float,
            cells_each: int = 256) -> GateTable:
    """The table of fresh cells, `make(n)`: `cells_each` of them get one SET pulse at each of `volts` and one read."""
    cells = make(len(volts) * cells_each)
    gate = np.repeat(volts, cells_each)
    cells.apply(Pulse("set", amplitude_V, gate, width_s), np.ones(cells.size, dtype=bool))
    medians = np.median(cells.read().reshape(len(volts), cells_each), axis=1)
    return GateTable(volts, np.maximum.accumulate(medians))
