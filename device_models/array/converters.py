"""DAC and ADC: bits, range, clipping, and the gain and offset error of each row and column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from device_models.array.types import F32


@dataclass(frozen=True)
class Dac:
    """Inputs to codes `lowest` to `highest` of `lsb` each; gain, offset float32 [rows] in codes, or None."""

    lsb: float
    lowest: int
    highest: int
    gain: F32 | None = None
    offset: F32 | None = None

    def __call__(self, x: F32) -> F32:
        """What the DACs drive for inputs [batch, rows], in codes: whole numbers, but for the errors."""
        code: F32 = x.clip(np.float32(self.lowest * self.lsb), np.float32(self.highest * self.lsb))
        code *= np.float32(1 / self.lsb)
        np.rint(code, out=code)
        if self.gain is not None:
            code *= self.gain
        if self.offset is not None:
            code += self.offset
        return code


@dataclass(frozen=True)
class Adc:
    """Currents to codes of 2^bits steps around 0. gain, offset float32 [columns] in codes, or None."""

    bits: int
    gain: F32 | None = None
    offset: F32 | None = None

    def __call__(self, current: F32) -> F32:
        """Codes of currents [batch, columns] that are given in units of a code; in place."""
        if self.gain is not None:
            current *= self.gain
        if self.offset is not None:
            current += self.offset
        np.rint(current, out=current)
        highest = 2 ** (self.bits - 1) - 1
        return current.clip(np.float32(-highest - 1), np.float32(highest), out=current)


def highest_dac_code(bits: int, signed: bool) -> int:
    """Of half the range where inputs have a sign."""
    return int(max(2 ** (bits - 1) - 1, 1)) if signed else int(2**bits - 1)


def highest_adc_code(bits: int) -> int:
    """The code that the ADC's range stands for; of one bit: 1."""
    return int(max(2 ** (bits - 1) - 1, 1))
