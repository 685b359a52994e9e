"""Ramps with verify: ISPVA raises the top electrode, IGVVA the gate, step by step until the cell is where it should be.

Both begin at the high-resistance state (a RESET is the first pulse), read after every SET pulse and stop at the first
read that reaches the target minus `early_uS`. Published: V. Milo et al., IRPS 2021 and TED 2021
(10.1109/TED.2021.3089995): ISPVA steps the top electrode by 100 mV at a fixed gate, IGVVA the gate at a top electrode
of 1.2 V, by 100 mV (IGVVA-100) or 10 mV (IGVVA-10). The sweeps' ends are our reading of "121 pulses" (IGVVA-10: 1.2 V)
and "16 pulses" (ISPVA: 1.5 V).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from device_models.write.algorithm import Ledger, Tally, Timing, chosen
from device_models.write.calibrate import GateTable
from device_models.write.port import Array, BoolArray, Pulse, PulsedCells


@dataclass(frozen=True)
class Reset:
    """The RESET pulse before a SET: its amplitude in V and gate (fully open)."""

    amplitude_V: float = 1.5
    gate_V: float | None = 2.7


@dataclass(frozen=True)
class Igvva:
    """Incremental gate voltage with verify: gate from `start_V` to `stop_V` by `step_V`, top electrode `amplitude_V`.

    `early_uS`: stops at target - early_uS (published: 0, so all cells end above the target; half of the conductance
    step puts their middle on it). At most `max_pulses` pulses a cell, the RESET among them.
    """

    tolerance_uS: float
    early_uS: float = 0.0
    start_V: float = 0.5
    step_V: float = 0.1
    stop_V: float = 1.7
    amplitude_V: float = 1.2
    max_pulses: int = 1000
    reset: Reset = Reset()
    timing: Timing = field(default_factory=Timing)

    def run(self, cells: PulsedCells, target_uS: Array, where: BoolArray | None = None) -> Tally:
        """Write the cells of `where` to `target_uS`."""
        pulses = (Pulse("set", self.amplitude_V, float(gate), self.timing.pulse_s)
                  for gate in _sweep(self.start_V, self.step_V, self.stop_V))
        return _ramp(cells, target_uS, chosen(cells, where), pulses, self)


@dataclass(frozen=True)
class Ispva:
    """Incremental step pulse with verify: top electrode from `start_V` to `stop_V` by `step_V`, the gate fixed.

    `gates` says which gate voltage belongs to a target (measured on the cells, `calibrate.measure`).
    """

    tolerance_uS: float
    gates: GateTable
    early_uS: float = 0.0
    start_V: float = 0.5
    step_V: float = 0.1
    stop_V: float = 2.0
    max_pulses: int = 1000
    reset: Reset = Reset()
    timing: Timing = field(default_factory=Timing)

    def run(self, cells: PulsedCells, target_uS: Array, where: BoolArray | None = None) -> Tally:
        """Write the cells of `where` to `target_uS`."""
        gate = self.gates.gate_V(target_uS)
        pulses = (Pulse("set", float(volt), gate, self.timing.pulse_s)
                  for volt in _sweep(self.start_V, self.step_V, self.stop_V))
        return _ramp(cells, target_uS, chosen(cells, where), pulses, self)


def _sweep(start: float, step: float, stop: float) -> Array:
    return np.asarray(start + step * np.arange(int(np.floor((stop - start) / step + 1e-9)) + 1), dtype=np.float64)


def _ramp(cells: PulsedCells, target_uS: Array, todo: BoolArray, pulses: Iterator[Pulse], how: Igvva | Ispva) -> Tally:
    ledger, within = Ledger(cells.size), np.zeros(cells.size, dtype=bool)
    reset = Pulse("reset", how.reset.amplitude_V, how.reset.gate_V, how.timing.pulse_s)
    ledger.pulsed(todo, cells.apply(reset, todo))
    for pulse, _ in zip(pulses, range(how.max_pulses - 1), strict=False):
        if not todo.any():
            break
        ledger.pulsed(todo, cells.apply(pulse, todo))
        read = cells.read()
        ledger.read(todo)
        within = np.where(todo, np.abs(read - target_uS) <= how.tolerance_uS, within)
        todo = todo & (read < target_uS - how.early_uS)
    return ledger.close(how.timing, within)
