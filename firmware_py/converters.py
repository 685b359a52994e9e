"""What is wrong with a chip's ADCs: gain and offset of each, one draw for the life of a chip (numerics.md, section 3).

A tile has one ADC for each of its columns; the groups of rows of a tile share them. The draws are those of
device_models.array.converter_errors: the same seed is the same chip there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from firmware_py.draws import Purpose, normals, words

if TYPE_CHECKING:
    from firmware_py.bundle import AnalogLayer, Bundle

F32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class AdcErrors:
    """gain float32 [tiles, N] (around 1) and offset [tiles, N] (codes, around 0) of the ADCs; `share`: conversions of a
    column, one after the other, that one ADC makes.
    """

    gain: F32
    offset: F32
    share: int

    def seen(self, codes: F32) -> F32:
        """What the ADCs take conversions [conversions, n, P, N], in codes, for."""
        of = np.arange(len(codes)) // self.share
        out: F32 = codes * self.gain[of, None, None] + self.offset[of, None, None]
        return out


def draw_adc_errors(layer: AnalogLayer, index: int, bundle: Bundle, seed: int) -> AdcErrors | None:
    """The ADCs of analog layer number `index` on chip `seed`; None where the macro's are exact."""
    macro = bundle.macro
    if not macro.adc_gain_sigma and not macro.adc_offset_sigma_lsb:
        return None
    tiles = -(-layer.k // macro.rows)
    z = normals(words(seed, Purpose.ADC, index, 2 * tiles * layer.n), bundle.tables.normal).reshape(tiles, layer.n, 2)
    gain = np.float32(1) + np.float32(macro.adc_gain_sigma) * z[..., 0]
    offset = np.float32(macro.adc_offset_sigma_lsb) * z[..., 1]
    return AdcErrors(gain, offset, macro.rows // macro.rows_active)
