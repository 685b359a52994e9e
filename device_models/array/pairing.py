"""How a signed weight becomes cells: what the three pairings (differential, offset, bit-sliced) have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np
import numpy.typing as npt

from device_models.array.types import F64, U8
from device_models.errors import ProfileError
from device_models.macro import MacroConfig
from device_models.profile import DeviceProfile

PAIRINGS: tuple[str, ...] = get_args(MacroConfig.model_fields["pairing"].annotation)
LEAST_BITS = 6  # of a bit-sliced weight whose macro does not say


@dataclass(frozen=True)
class Column:
    """One analog column of a weight: cell plane `plus` less cell plane (or, None, the reference column) `minus`.

    The digits that the ADC makes of it count `place` times.
    """

    plus: int
    minus: int | None
    place: float


@dataclass(frozen=True)
class Targets:
    """What the cells of a matrix [K, N] should be.

    level uint8 [P, K, N]: nearest level of each of P cells a weight; target_uS float64 [P, K, N]: the conductance aimed
    at, that of the level unless levels are off. reference uint8 [P] and reference_uS float64 [P]: level and conductance
    of the cells of each plane's reference column, or None. weight_per_uS: the weight that 1 uS of a column stands for,
    at place 1.
    """

    level: U8
    target_uS: F64
    reference: U8 | None
    reference_uS: F64 | None
    columns: tuple[Column, ...]
    weight_per_uS: float


def targets(share: F64, profile: DeviceProfile, macro: MacroConfig, clip: float, rounded: bool) -> Targets:
    """The cells for weights `share` [K, N], -1 to 1 in units of `clip`, by the macro's pairing.

    `rounded`: to levels; else conductances are continuous (a device without levels). ProfileError where the pairing
    needs more levels than the profile has.
    """
    from device_models.array.bit_sliced import bit_sliced
    from device_models.array.differential import differential
    from device_models.array.offset import offset

    if macro.pairing == "bit-sliced":
        assert macro.cells_per_weight is not None and macro.bits_per_cell is not None  # MacroConfig checks it
        return bit_sliced(share, profile, clip, rounded, macro.cells_per_weight, macro.bits_per_cell)
    return (differential if macro.pairing == "differential" else offset)(share, profile, clip, rounded)


def paired_macro(macro: MacroConfig, profile: DeviceProfile, pairing: str) -> MacroConfig:
    """The macro with another pairing; bit-sliced: at least 6 bits in cells of as many bits as the levels give.

    ProfileError where the profile has too few levels for it.
    """
    if pairing == macro.pairing:
        return macro
    data = {k: v for k, v in macro.model_dump().items() if k not in ("cells_per_weight", "bits_per_cell")}
    if pairing == "bit-sliced":
        bits = profile.n_levels.bit_length() - 1
        data |= {"bits_per_cell": bits, "cells_per_weight": -(-LEAST_BITS // bits)}
    if pairing == "offset" and profile.n_levels < 3:
        raise ProfileError(f"profile {profile.name}: {profile.n_levels} levels, offset pairing needs 3")
    return MacroConfig.from_dict(data | {"pairing": pairing})


def nearest_level(conductance_uS: npt.ArrayLike, profile: DeviceProfile) -> U8:
    """Index of the level nearest to each conductance; in the middle between two, the lower one."""
    levels = np.array(profile.levels.conductance_uS)
    shares = (levels - levels[0]) / (levels[-1] - levels[0])  # as training and export round, to the last bit
    share = (np.asarray(conductance_uS) - levels[0]) / (levels[-1] - levels[0])
    level: U8 = np.searchsorted((shares[1:] + shares[:-1]) / 2, share).astype(np.uint8)
    return level


def settled(wanted_uS: F64, profile: DeviceProfile, rounded: bool) -> tuple[U8, F64]:
    """Levels of wanted conductances, and the conductances aimed at: the levels', or the wanted ones."""
    level = nearest_level(wanted_uS, profile)
    return level, (np.array(profile.levels.conductance_uS)[level] if rounded else wanted_uS)
