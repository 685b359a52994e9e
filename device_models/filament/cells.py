"""An array of filament cells with its variation: pulses on all or some of them, on several cores.

    cells = Filaments(FilamentParameters(), size=1_000_000, seed=7, g_uS=5.0)
    energy_J = cells.pulse("set", 1.8, 1e-6, gate_V=1.2)
    cells.g_uS

Two kinds of variation: a cell's barrier and its transistor's threshold (drawn once), and one draw of the barrier per
pulse and cell. State and arithmetic are float32 by default: a pulse on 1,000,000 cells takes half the time, and
differs by less than the integrator's own error.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from device_models.errors import ProfileError
from device_models.filament import draws
from device_models.filament.circuit import Drive, current_A
from device_models.filament.evolve import evolve
from device_models.filament.kinetics import conductance_uS, diameter_nm
from device_models.filament.parameters import FilamentParameters

Array = npt.NDArray[Any]
Polarity = Literal["set", "reset"]
# Cells a thread takes at once: enough for threads to take turns, few enough for a cache; a multiple of draws.BLOCK.
CHUNK = 65_536
MAX_CELLS = 100_000_000


class Filaments:
    """`size` cells of one technology that begin at `g_uS` (one value or [n]); `threads` None: one per core."""

    def __init__(self, cell: FilamentParameters, size: int, seed: int = 0, g_uS: float | Array = 5.0,
                 threads: int | None = None, dtype: Any = np.float32) -> None:
        if not 1 <= size <= MAX_CELLS:
            raise ProfileError(f"filament: cells: {size} is not 1 to {MAX_CELLS}")
        if not 0 <= seed < 2**64:
            raise ProfileError(f"filament: seed: {seed} is not 0 to 2^64 - 1")
        start = np.broadcast_to(np.asarray(g_uS, np.float64), (size,))
        if not (np.isfinite(start) & (start > 0)).all():
            raise ProfileError("filament: g_uS: not every conductance is a number > 0 uS")
        self.cell, self.size, self.seed, self.dtype = cell, size, seed, np.dtype(dtype)
        self.threads = threads or os.cpu_count() or 1
        self.pulses = 0  # number of the latest pulse: its draws are those of this number
        self.phi_nm: Array = diameter_nm(cell, start).astype(self.dtype)
        self._device_eV = np.empty(size, self.dtype)
        self._threshold_V = np.empty(size, self.dtype)
        self._over_chunks(self._draw_devices)

    @property
    def g_uS(self) -> npt.NDArray[np.float64]:
        """Conductance of every cell in uS."""
        return conductance_uS(self.cell, self.phi_nm.astype(np.float64))

    def pulse(self, polarity: Polarity, volts: float | Array, seconds: float, *, gate_V: float | Array | None = None,
              limit_A: float | Array | None = None, where: npt.NDArray[np.bool_] | None = None) -> Array:
        """One rectangular pulse with a new draw per cell: energy in J [n], 0 where not pulsed."""
        self.pulses += 1
        return self.hold(polarity, volts, seconds, gate_V=gate_V, limit_A=limit_A, where=where)

    def hold(self, polarity: Polarity, volts: float | Array, seconds: float, *, gate_V: float | Array | None = None,
             limit_A: float | Array | None = None, where: npt.NDArray[np.bool_] | None = None) -> Array:
        """As `pulse`, but with the draws of the latest pulse: one step of a longer waveform."""
        if polarity not in ("set", "reset"):
            raise ProfileError(f"filament: polarity: {polarity!r} is not 'set' or 'reset'")
        if not (np.isfinite(seconds) and seconds > 0):
            raise ProfileError(f"filament: width: {seconds:g} s is not > 0")
        if gate_V is not None and limit_A is not None:
            raise ProfileError("filament: a pulse has a gate voltage or a current limit, not both")
        each = [None if value is None else self._per_cell(name, value)
                for name, value in (("volts", volts), ("gate_V", gate_V), ("limit_A", limit_A))]
        energy = np.zeros(self.size)

        def work(part: slice) -> None:
            chosen = np.arange(part.start, part.stop) if where is None else part.start + np.flatnonzero(where[part])
            if not chosen.size:
                return
            drive = self._drive(each, chosen)
            z = draws.normals(self.seed, draws.CYCLE, self.pulses, part.start, part.stop - part.start, self.dtype)
            done = evolve(self.cell, self.phi_nm[chosen], drive, seconds, 1 if polarity == "set" else -1,
                          self._device_eV[chosen], z[chosen - part.start])
            self.phi_nm[chosen], energy[chosen] = done.phi_nm, done.energy_J

        self._over_chunks(work)
        return energy

    def current_A(self, volts: float, *, gate_V: float | None = None, limit_A: float | None = None) -> Array:
        """Current in A of every cell at `volts`, without moving the filament."""
        each = [None if value is None else self._per_cell(name, value)
                for name, value in (("volts", volts), ("gate_V", gate_V), ("limit_A", limit_A))]
        return current_A(self.cell, self._drive(each, np.arange(self.size)), conductance_uS(self.cell, self.phi_nm))

    def _per_cell(self, name: str, value: float | Array) -> Array:
        array = np.broadcast_to(np.asarray(value, self.dtype), (self.size,))
        if not (np.isfinite(array) & (array >= 0)).all():
            worst = array[~(np.isfinite(array) & (array >= 0))][0]
            raise ProfileError(f"filament: {name}: {worst:g} is not a number >= 0 (polarity is said by its name)")
        return array

    def _drive(self, each: list[Array | None], chosen: npt.NDArray[np.intp]) -> Drive:
        volts, gate, limit = (None if array is None else array[chosen] for array in each)
        assert volts is not None
        over = None if gate is None else gate - self._threshold_V[chosen]
        return Drive(volts, limit, over)

    def _draw_devices(self, part: slice) -> None:
        count = part.stop - part.start
        barrier = draws.normals(self.seed, draws.DEVICE_BARRIER, 0, part.start, count)
        threshold = draws.normals(self.seed, draws.DEVICE_THRESHOLD, 0, part.start, count)
        self._device_eV[part] = self.cell.device_barrier_eV * barrier
        self._threshold_V[part] = self.cell.threshold_V + self.cell.device_threshold_V * threshold

    def _over_chunks(self, work: Callable[[slice], None]) -> None:
        parts = [slice(start, min(start + CHUNK, self.size)) for start in range(0, self.size, CHUNK)]
        if self.threads == 1 or len(parts) == 1:
            for part in parts:
                work(part)
            return
        with ThreadPoolExecutor(self.threads) as pool:
            list(pool.map(work, parts))  # a list: an error in a thread is raised here
