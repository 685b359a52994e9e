"""Draws of the statistical cells: functions of (seed, purpose, cell, count), never of a hidden state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from device_models.draws import words
from device_models.write.port import Array

# Purposes beside those of device_models.draws (1 to 3): one for each kind of randomness of a pulsed cell.
ATTEMPT, VERIFY, DEVICE, CYCLE, PULSE, RELAX, THRESHOLD, RESET = range(16, 24)


@dataclass(frozen=True)
class Source:
    """All random numbers of one set of cells. `seed`: 0 to 2^64 - 1."""

    seed: int

    def uniform(self, purpose: int, cells: npt.NDArray[Any], count: int) -> Array:
        """Numbers within (0, 1), one for each index of `cells`, for the `count`-th event of this purpose."""
        word = words(self.seed, purpose, 0, cells, count).astype(np.float64)
        drawn: Array = (word + 0.5) * 2.0**-32
        return drawn

    def normal(self, purpose: int, cells: npt.NDArray[Any], count: int) -> Array:
        """Unit normal numbers, the same way."""
        drawn: Array = ndtri(self.uniform(purpose, cells, count))
        return drawn
