"""Filament cells behind the programming port: any write algorithm runs on the physics.

    cells = FilamentCells(FilamentParameters(), size=4096, seed=7, g_uS=5.0)
    algorithm.program(cells, targets_uS)
"""

from __future__ import annotations

import numpy as np

from device_models.errors import ProfileError
from device_models.filament import draws
from device_models.filament.cells import CHUNK, Filaments
from device_models.filament.parameters import FilamentParameters
from device_models.write.port import Array, BoolArray, Pulse


class FilamentCells:
    """`PulsedCells` (device_models.write.port) of the filament model; begin at `g_uS` (one value or [n])."""

    def __init__(self, cell: FilamentParameters, size: int, seed: int = 0, g_uS: float | Array = 5.0,
                 threads: int | None = None) -> None:
        self.filaments = Filaments(cell, size, seed, g_uS, threads)
        self.size = size
        self.reads = 0

    def conductance_uS(self) -> Array:
        """The cells' conductance in uS [n], without read noise."""
        return self.filaments.g_uS

    def read(self) -> Array:
        """One read of every cell in uS [n]: G (1 + read_noise z), a new z for each read."""
        self.reads += 1
        g_uS = self.conductance_uS()
        for start in range(0, self.size, CHUNK):
            part = slice(start, min(start + CHUNK, self.size))
            z = draws.normals(self.filaments.seed, draws.READ, self.reads, start, part.stop - start)
            g_uS[part] *= 1 + self.filaments.cell.read_noise * z
        return g_uS

    def apply(self, pulse: Pulse, where: BoolArray) -> Array:
        """Pulse the cells of `where` [n]: energy in pJ [n] from the source, transistor included; 0 where not pulsed."""
        chosen = np.asarray(where, bool)
        if chosen.shape != (self.size,):
            raise ProfileError(f"filament: where: shape {chosen.shape} is not ({self.size},)")
        energy_J = self.filaments.pulse(
            pulse.polarity, pulse.amplitude_V, pulse.width_s, gate_V=pulse.gate_V, where=chosen)
        return energy_J * 1e12

    def wait(self, seconds: float) -> None:
        """Nothing: this model has no relaxation (at 300 K its ions take years for 0.1 nm); a profile has it."""
        if not seconds >= 0:
            raise ProfileError(f"filament: wait: {seconds:g} s is not >= 0")
