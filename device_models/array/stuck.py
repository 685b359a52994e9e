"""Stuck-at faults: some cells stay at one conductance, whatever was written."""

from __future__ import annotations

import numpy as np

from device_models.array.programming import BLOCK
from device_models.array.types import F64
from device_models.compile import CompiledProfile
from device_models.draws import FAULT, words


def with_stuck_cells(g_uS: F64, compiled: CompiledProfile, seed: int, layer: int, first: int = 0) -> F64:
    """Conductances in uS with the profile's share of cells stuck, the same ones as on the board of that chip seed."""
    low, high, g_low, g_high = compiled.faults.tolist()
    if high == 0:
        return g_uS
    out = g_uS.copy()
    flat = out.reshape(-1)
    for start in range(0, flat.size, BLOCK):
        part = flat[start : start + BLOCK]
        elements = np.arange(first + start, first + start + part.size, dtype=np.int64)
        word = words(seed, FAULT, layer, elements)
        part[word < high] = g_high * compiled.g_step_us
        part[word < low] = g_low * compiled.g_step_us
    return out
