"""Gain and offset errors of converters: one draw a converter, fixed for the life of the chip."""

from __future__ import annotations

import numpy as np

from device_models.array.types import F32
from device_models.compile import CompiledProfile
from device_models.draws import normals, words

DAC_ERROR, ADC_ERROR = 4, 5  # purposes of draws, beside those of docs/numerics.md


def gain_and_offset(
    count: int, gain_sigma: float, offset_sigma_lsb: float, compiled: CompiledProfile, seed: int, layer: int,
    purpose: int,
) -> tuple[F32 | None, F32 | None]:
    """Gains [count] around 1 and offsets [count] in codes around 0, both Gaussian; None where there is no error."""
    element = np.arange(count, dtype=np.int64)
    gain = offset = None
    if gain_sigma > 0:
        z = normals(compiled.normal, words(seed, purpose, layer, 2 * element))
        gain = (1 + gain_sigma * z).astype(np.float32)
    if offset_sigma_lsb > 0:
        offset = (offset_sigma_lsb * normals(compiled.normal, words(seed, purpose, layer, 2 * element + 1))).astype(
            np.float32)
    return gain, offset
