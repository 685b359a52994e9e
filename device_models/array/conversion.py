"""One conversion: a group of rows that are active at once, all columns, one ADC code each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from device_models.array.converters import Adc
from device_models.array.normals import ReadStream, make_noise, words_for
from device_models.array.read_noise import ColumnVariance
from device_models.array.scratch import Scratch
from device_models.array.types import F32, I64


@dataclass(frozen=True)
class Read:
    """One read of one group: its counter, where its random words come from, and memory to work in."""

    counter: int
    part: int
    stream: ReadStream
    scratch: Scratch


@dataclass(frozen=True)
class Noise:
    """Read noise of a group: of the columns' own cells, and of reference columns that columns share."""

    own: ColumnVariance
    reference: ColumnVariance | None
    reference_of: I64 | None

    def add(self, current: F32, driven: F32, read: Read) -> None:
        """Add one draw to currents [batch, C] of driven rows [batch, R], in place."""
        squares = np.multiply(driven, driven, out=read.scratch.take("squares", driven.shape))
        variance = self.own(squares, read.scratch.take("variance", current.shape))
        shared = None if self.reference is None else self.reference(squares, None)
        first = words_for(variance.size)
        words = read.stream.words(read.counter, read.part, first + (0 if shared is None else words_for(shared.size)))
        current += make_noise(variance, words[:first], read.scratch)
        if shared is not None:
            current -= make_noise(shared, words[first:], read.scratch)[:, self.reference_of]


@dataclass(frozen=True)
class Conversion:
    """Rows `rows` of the matrix: float32 [R, C], in ADC codes (or weight units, where there is no ADC) per DAC code."""

    rows: slice
    matrix: F32
    noise: Noise | None
    adc: Adc | None

    def __call__(self, driven: F32, read: Read) -> F32:
        """ADC codes (or currents) [batch, C] of what the DACs drive [batch, K]."""
        part = driven[:, self.rows]
        current: F32 = part @ self.matrix
        if self.noise is not None:
            self.noise.add(current, part, read)
        return current if self.adc is None else self.adc(current)
