"""One conversion: a group of rows that are active at once, all columns, one ADC code each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from device_models.array.converters import Adc
from device_models.array.normals import make_noise
from device_models.array.read_noise import ColumnVariance
from device_models.array.types import F32, I64


@dataclass(frozen=True)
class Noise:
    """Read noise of a group: of the columns' own cells, and of reference columns that columns share."""

    own: ColumnVariance
    reference: ColumnVariance | None
    reference_of: I64 | None

    def add(self, current: F32, driven: F32, words: np.random.Philox) -> None:
        """Add one draw to currents [batch, C] of driven rows [batch, R], in place."""
        squares = driven * driven
        current += make_noise(self.own(squares), words)
        if self.reference is not None:
            current -= make_noise(self.reference(squares), words)[:, self.reference_of]


@dataclass(frozen=True)
class Conversion:
    """Rows `rows` of the matrix: float32 [R, C], in ADC codes (or weight units, where there is no ADC) per DAC code."""

    rows: slice
    matrix: F32
    noise: Noise | None
    adc: Adc | None

    def __call__(self, driven: F32, words: np.random.Philox | None) -> F32:
        """ADC codes (or currents) [batch, C] of what the DACs drive [batch, K]."""
        part = driven[:, self.rows]
        current: F32 = part @ self.matrix
        if self.noise is not None and words is not None:
            self.noise.add(current, part, words)
        return current if self.adc is None else self.adc(current)
