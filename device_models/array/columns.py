"""From cells to analog columns: what one unit of input makes of current, and what its noise is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from device_models.array.cells import ArrayCells
from device_models.array.disturb import disturbed
from device_models.array.effects import Effects
from device_models.array.ir_drop import through_wires
from device_models.array.read_noise import cell_variance
from device_models.array.types import F64, I64
from device_models.compile import CompiledProfile
from device_models.macro import MacroConfig
from device_models.profile import DeviceProfile


@dataclass(frozen=True)
class Columns:
    """C = S N analog columns (S a weight: 1, or the slices), slice by slice.

    net_uS [K, C]: cell less its partner or reference. variance_uS2 [K, C]: of one read of the column's own cells, or
    None without read noise. reference_variance_uS2 [K, R]: of the reference columns, which all columns [C] of a tile
    share: `reference_of` says which.
    """

    net_uS: F64
    variance_uS2: F64 | None
    reference_variance_uS2: F64 | None
    reference_of: I64 | None


def columns(
    cells: ArrayCells, reads: I64, profile: DeviceProfile, compiled: CompiledProfile, macro: MacroConfig,
    effects: Effects,
) -> Columns:
    """The columns of `cells` after `reads` [K] reads of each row, through the wires."""
    g, reference = cells.g_uS, cells.reference_uS
    change = 0.0 if profile.read_disturb is None else profile.read_disturb.relative_change_per_read
    if effects.disturb and change and reads.any():
        g = disturbed(g, reads, change)
        reference = None if reference is None else np.swapaxes(
            disturbed(np.swapaxes(reference, 1, 2), reads, change), 1, 2)
    seen, seen_reference = g, reference
    if effects.wires and macro.wire_resistance_ohm > 0:
        seen, seen_reference = through_wires(g, reference, macro)
    variance = reference_variance = None
    if effects.read_noise and (compiled.read_a.any() or compiled.read_b.any()):
        variance = cell_variance(g, cells.targets.level, compiled) * _squared_share(seen, g)
        if reference is not None and seen_reference is not None and cells.reference_level is not None:
            reference_variance = cell_variance(reference, cells.reference_level, compiled) * _squared_share(
                seen_reference, reference)
    return _joined(cells, macro, seen, seen_reference, variance, reference_variance)


def _squared_share(seen: F64, g: F64) -> F64:
    # A small change of a cell reaches the output about as much weakened as its current does.
    return np.divide(seen, g, out=np.ones_like(g), where=g > 0) ** 2


def _joined(
    cells: ArrayCells, macro: MacroConfig, g: F64, reference: F64 | None, variance: F64 | None,
    reference_variance: F64 | None,
) -> Columns:
    parts = cells.targets.columns
    tile = np.arange(g.shape[2]) // macro.weights_per_row
    if reference is None:
        net = [g[c.plus] - g[c.minus] for c in parts if c.minus is not None]
        var = None if variance is None else [variance[c.plus] + variance[c.minus] for c in parts if c.minus is not None]
        return Columns(np.hstack(net), None if var is None else np.hstack(var), None, None)
    net = [g[c.plus] - reference[tile, c.plus].T for c in parts]
    if variance is None or reference_variance is None:
        return Columns(np.hstack(net), None, None, None)
    tiles, planes, rows = reference_variance.shape
    shared = reference_variance.reshape(tiles * planes, rows).T
    of = np.concatenate([tile * planes + c.plus for c in parts])
    return Columns(np.hstack(net), np.hstack([variance[c.plus] for c in parts]), shared, of)
