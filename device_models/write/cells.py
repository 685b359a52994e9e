"""What all statistical cells share: a conductance, its noisy read, its relaxation since the last pulse."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from device_models.profile import DeviceProfile
from device_models.write import random
from device_models.write.broadening import Broadening
from device_models.write.port import Array, BoolArray


@dataclass(frozen=True)
class Reading:
    """Read noise of one verify: sigma = absolute_uS + relative * G, each at `levels_uS` [L], linear between."""

    levels_uS: Array
    absolute_uS: Array
    relative: Array

    @classmethod
    def from_profile(cls, profile: DeviceProfile) -> Reading:
        """The profile's read noise; 0 where it gives none."""
        levels = np.array(profile.levels.conductance_uS)
        noise = profile.read_noise
        absolute, relative = (np.broadcast_to(0.0 if part is None else np.array(part.value), levels.shape)
                              for part in (noise.absolute_uS, noise.relative))
        return cls(levels, absolute, relative)

    def sigma_uS(self, g_uS: Array) -> Array:
        """Standard deviation of a read of cells at `g_uS`."""
        relative = np.interp(g_uS, self.levels_uS, self.relative)
        return np.asarray(np.interp(g_uS, self.levels_uS, self.absolute_uS) + relative * g_uS)


class StatisticalCells:
    """Base of the cell models here: state in `_g`; a subclass writes `apply` and calls `_write`.

    `energy_pJ` of one pulse, None where the profile gives none. Every random number is a function of the seed, the
    cell and how many pulses, reads or waits came before.
    """

    def __init__(self, start_uS: Array, seed: int, reading: Reading | None, broadening: Broadening | None,
                 energy_pJ: float | None) -> None:
        self.size = len(start_uS)
        self._source = random.Source(seed)
        self._reading, self._broadening = reading, broadening
        self._energy_pJ = np.nan if energy_pJ is None else energy_pJ
        self._g = np.array(start_uS, dtype=np.float64)
        self._written = self._g.copy()
        self._age_s = np.zeros(self.size)
        self._reads = self._pulses = self._waits = 0

    def conductance_uS(self) -> Array:
        """The cells' conductance without read noise."""
        return self._g.copy()

    def read(self) -> Array:
        """One noisy read of every cell."""
        self._reads += 1
        if self._reading is None:
            return self._g.copy()
        sigma = self._reading.sigma_uS(self._g)
        if not sigma.any():
            return self._g.copy()
        return self._g + sigma * self._source.normal(random.VERIFY, np.arange(self.size), self._reads)

    def wait(self, seconds: float) -> None:
        """The cells relax for `seconds`."""
        self._waits += 1
        then = self._age_s + seconds
        if self._broadening is not None:
            mean0, var0 = self._broadening.moments(self._written, self._age_s)
            mean1, var1 = self._broadening.moments(self._written, then)
            z = self._source.normal(random.RELAX, np.arange(self.size), self._waits)
            self._g = np.maximum(self._g + mean1 - mean0 + np.sqrt(np.maximum(var1 - var0, 0.0)) * z, 0.0)
        self._age_s = then

    def _write(self, where: BoolArray, g_uS: Array) -> Array:
        # New conductances [where.sum()]; returns the energy of every cell.
        self._pulses += 1
        self._g[where] = np.maximum(g_uS, 0.0)
        self._written[where] = self._g[where]
        self._age_s[where] = 0.0
        return np.where(where, self._energy_pJ, 0.0)
