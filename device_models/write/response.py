"""Pulse-response cells: each identical pulse moves the cell by a measured mean step with measured noise."""

from __future__ import annotations

import numpy as np

from device_models.pulse_response import PulseResponse
from device_models.write import random
from device_models.write.broadening import Broadening
from device_models.write.cells import StatisticalCells
from device_models.write.port import Array, BoolArray, Index, Pulse


class ResponseCells(StatisticalCells):
    """`size` cells of a PulseResponse, first at `start_state` (default: the middle of its range).

    Amplitude, gate and width make no difference: the response was measured with one kind of pulse in each direction.
    A read has the response's own reading noise.
    """

    def __init__(self, response: PulseResponse, size: int, seed: int, start_state: float | None = None,
                 broadening: Broadening | None = None, energy_pJ: float | None = None) -> None:
        self._response, self._size = response, size
        low, high = response.state_range
        self._x = np.full(size, (low + high) / 2 if start_state is None else start_state)
        self._u = response.up.fading_sd * random.Source(seed).normal(random.DEVICE, np.arange(size), 0)
        self._reading_sd = np.full(size, response.up.reading_sd)
        super().__init__(self._conductance(np.arange(size)), seed, None, broadening, energy_pJ)

    def apply(self, pulse: Pulse, where: BoolArray) -> Array:
        """SET: a step up; RESET: a step down."""
        law = self._response.up if pulse.polarity == "set" else self._response.down
        cells = np.flatnonzero(where)
        relaxed = self._g[cells] - self._written[cells]  # what waiting did stays: a pulse adds to it
        step = np.polynomial.polynomial.polyval(self._x[cells], np.array(law.polynomial))
        if law.cycle_sd > 0:
            step = step + law.cycle_sd * self._source.normal(random.CYCLE, cells, self._pulses)
        self._x[cells] = np.clip(self._x[cells] + step + relaxed / self._response.scale.uS_per_unit,
                                 *self._response.state_range)
        self._u[cells] *= law.memory
        if law.fading_sd > 0:
            fresh = law.fading_sd * np.sqrt(1 - law.memory**2)
            self._u[cells] += fresh * self._source.normal(random.PULSE, cells, self._pulses)
        self._reading_sd[cells] = law.reading_sd
        return self._write(where, self._conductance(cells))

    def read(self) -> Array:
        """One reading of every cell, with the response's reading noise."""
        self._reads += 1
        z = self._source.normal(random.VERIFY, np.arange(self.size), self._reads)
        return self._g + self._response.scale.uS_per_unit * self._reading_sd * z

    def _conductance(self, cells: Index) -> Array:
        scale = self._response.scale
        g: Array = scale.zero_uS + scale.uS_per_unit * (self._x[cells] + self._u[cells])
        return g

