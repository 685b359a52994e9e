"""The cells of one matrix on one chip: drawn once, the same for the same seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from device_models.array.effects import Effects
from device_models.array.pairing import Targets, targets
from device_models.array.programming import programmed
from device_models.array.stuck import with_stuck_cells
from device_models.array.types import F64, U8
from device_models.compile import CompiledProfile
from device_models.macro import MacroConfig
from device_models.profile import DeviceProfile


@dataclass(frozen=True)
class ArrayCells:
    """g_uS float64 [P, K, N] and, with reference columns, reference_uS [tiles, P, K] (tiles along the columns)."""

    targets: Targets
    g_uS: F64
    reference_uS: F64 | None

    @property
    def reference_level(self) -> U8 | None:
        """Level of every reference cell, uint8 of the shape of reference_uS."""
        if self.reference_uS is None or self.targets.reference is None:
            return None
        return np.broadcast_to(self.targets.reference[None, :, None], self.reference_uS.shape)


def program_cells(
    share: F64, profile: DeviceProfile, compiled: CompiledProfile, macro: MacroConfig, clip: float, effects: Effects,
    seed: int, layer: int,
) -> ArrayCells:
    """Weights `share` [K, N] (in units of `clip`, -1 to 1) on chip `seed`: programming, then stuck-at faults.

    Element numbers: (plane K + k) N + j as on the board; the reference columns' cells follow, tile by tile.
    """
    aimed = targets(share, profile, macro, clip, effects.levels)
    level_uS = np.array(profile.levels.conductance_uS)

    def made(target_uS: F64, level: U8, first: int) -> F64:
        g = target_uS
        if effects.programming:
            g = programmed(g, level, level_uS, compiled, seed, layer, first)
        return with_stuck_cells(g, compiled, seed, layer, first) if effects.stuck else g

    cells = made(aimed.target_uS, aimed.level, 0)
    if aimed.reference is None or aimed.reference_uS is None:
        return ArrayCells(aimed, cells, None)
    rows, cols = share.shape
    shape = (-(-cols // macro.weights_per_row), len(aimed.reference), rows)
    level = np.array(np.broadcast_to(aimed.reference[None, :, None], shape))
    target_uS = np.array(np.broadcast_to(aimed.reference_uS[None, :, None], shape))
    return ArrayCells(aimed, cells, made(target_uS, level, aimed.level.size))
