"""Programming spread: the cells of one chip, drawn as a board draws them."""

from __future__ import annotations

import numpy as np

from device_models.array.types import F64, U8
from device_models.compile import MAX_STEPS, TABLE_UNIT, CompiledProfile
from device_models.draws import PROGRAM, interpolate, words

BLOCK = 2**18  # cells drawn at once: bounds the memory of the random words


def programmed(
    target_uS: F64, level: U8, level_uS: F64, compiled: CompiledProfile, seed: int, layer: int, first: int = 0
) -> F64:
    """Conductances in uS of the shape of `level` on chip `seed`: the target, plus what the draw is off its level.

    A target that is its level's conductance `level_uS` [L] becomes the very cell of the board (docs/numerics.md,
    section 3); `first` is the element number of the first cell.
    """
    flat, out = level.reshape(-1), np.empty(level.size)
    for start in range(0, level.size, BLOCK):
        part = slice(start, min(start + BLOCK, level.size))
        elements = np.arange(first + part.start, first + part.stop, dtype=np.int64)
        value = interpolate(compiled.quantiles, words(seed, PROGRAM, layer, elements), flat[part])
        out[part] = np.clip((value + TABLE_UNIT // 2) // TABLE_UNIT, 0, MAX_STEPS)
    drawn: F64 = out.reshape(level.shape) * compiled.g_step_us
    return np.maximum(drawn + (target_uS - level_uS[level]), 0.0)
