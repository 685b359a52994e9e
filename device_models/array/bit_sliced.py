"""Bit-sliced pairing: a weight is a whole number in digits of b bits, one cell a digit, one column a digit."""

from __future__ import annotations

import numpy as np

from device_models.array.pairing import Column, Targets
from device_models.array.types import F64, U8
from device_models.errors import ProfileError
from device_models.profile import DeviceProfile


def bit_sliced(share: F64, profile: DeviceProfile, clip: float, rounded: bool, cells: int, bits: int) -> Targets:
    """`cells` cells of `bits` bits a weight [cells, K, N], lowest digit first, in offset binary.

    code = rint(share (2^(cells bits - 1) - 1)) + 2^(cells bits - 1); digit d stands at level d s, s the largest stride
    that fits; between the levels so used equal steps are taken for granted. Each slice has a reference column with the
    digits of weight 0. Slices are converted one by one and added with their place value, as in ISAAC (Shafiee et al.,
    ISCA 2016), which takes the offset off digitally. Not `rounded`: steps are equal, the lowest digit keeps the
    fraction. ProfileError where 2^bits exceeds the levels.
    """
    if 2**bits > profile.n_levels:
        raise ProfileError(f"profile {profile.name}: {profile.n_levels} levels, and bits_per_cell {bits} needs "
                           f"{2**bits}")
    levels = np.array(profile.levels.conductance_uS)
    stride = (profile.n_levels - 1) // (2**bits - 1)
    step = float(levels[stride * (2**bits - 1)] - levels[0]) / (2**bits - 1)
    zero = 2 ** (cells * bits - 1)
    code = share * (zero - 1) + zero
    digits = _digits(np.rint(code) if rounded else code, cells, bits)
    level: U8 = (np.minimum(np.rint(digits), 2**bits - 1) * stride).astype(np.uint8)
    of_zero = _digits(np.array(float(zero)), cells, bits)
    reference: U8 = (of_zero * stride).astype(np.uint8)
    columns = tuple(Column(s, None, float(2 ** (bits * s))) for s in range(cells))
    target, reference_uS = (levels[level], levels[reference]) if rounded else (
        levels[0] + digits * step, levels[0] + of_zero * step)
    return Targets(level, target, reference, reference_uS, columns, clip / (zero - 1) / step)


def _digits(code: F64, cells: int, bits: int) -> F64:
    base = 2.0**bits
    whole = np.floor(code)
    digits: F64 = np.stack([np.floor(whole / base**s) % base for s in range(cells)])
    digits[0] += code - whole
    return digits
