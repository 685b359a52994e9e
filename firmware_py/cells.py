"""The cells of a chip: one draw of every conductance from the profile's tables, and the read noise of each cell."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from firmware_py.aging import NEW, Age, Change, aged, change_of
from firmware_py.bundle import AnalogLayer, Bundle, ProfileTables
from firmware_py.converters import AdcErrors, draw_adc_errors
from firmware_py.draws import Purpose, quantile_cells, words


@dataclass(frozen=True)
class Effects:
    """Which inaccuracies the chip has. programming: spread of the cells, stuck-at faults; read_noise: at every read;
    converter_errors: gain and offset of each ADC; drift: of the cells with time; disturb: of the cells by reads; stuck:
    stuck-at faults (off where programming is off).
    """

    programming: bool = True
    read_noise: bool = True
    converter_errors: bool = True
    drift: bool = True
    disturb: bool = True
    stuck: bool = True

    @classmethod
    def none(cls) -> Effects:
        """All off: the digital network, but for rounding in converters."""
        return cls(**{each.name: False for each in fields(cls)})


@dataclass(frozen=True)
class LayerCells:
    """The array of one layer as it is at an age of the chip (docs/numerics.md, section 3).

    d int16 [K, N]: G+ - G- in G steps; v uint8 [K, N]: variance of a read in units of its tile's column; vscale float32
    [tiles, N]: that unit (doubled, because engines sum x^2 / 2); adc: what is wrong with the ADCs behind it.
    """

    d: npt.NDArray[np.int16]
    v: npt.NDArray[np.uint8]
    vscale: npt.NDArray[np.float32]
    adc: AdcErrors | None = None


def draw_conductances(
    layer: AnalogLayer, index: int, tables: ProfileTables, seed: int, effects: Effects, change: Change | None = None
) -> npt.NDArray[np.int32]:
    """Conductances in G steps, int32 [2, K, N], of analog layer number `index` on chip `seed`, after `change`."""
    levels = layer.levels
    if not effects.programming:
        nominal: npt.NDArray[np.int32] = tables.target[levels]
        return aged(nominal, levels, change, index, seed, tables.normal)
    drawn = quantile_cells(words(seed, Purpose.PROGRAM, index, levels.size), levels.reshape(-1), tables.quantiles)
    drawn = aged(drawn.reshape(levels.shape), levels, change, index, seed, tables.normal)
    thr_low, thr_high, g_low, g_high = tables.faults
    if effects.stuck and thr_high > 0:
        fault = words(seed, Purpose.FAULT, index, levels.size).reshape(levels.shape)
        drawn = np.where(fault < thr_low, np.int32(g_low), np.where(fault < thr_high, np.int32(g_high), drawn))
    return drawn


def program(
    layer: AnalogLayer, index: int, bundle: Bundle, seed: int, effects: Effects, age: Age = NEW
) -> LayerCells:
    """Draw and pair the cells of one layer at an age, and gather the variance of its reads per tile and column."""
    tables, rows = bundle.tables, bundle.macro.rows_active
    g = draw_conductances(layer, index, tables, seed, effects, change_of(bundle, layer, effects, age))
    d = np.clip(g[0] - g[1], -32767, 32767).astype(np.int16)
    sigma = tables.read_a[layer.levels] + tables.read_b[layer.levels] * g.astype(np.float64)
    variance = sigma[0] * sigma[0] + sigma[1] * sigma[1]
    v = np.zeros(d.shape, np.uint8)
    tiles = -(-layer.k // rows)
    vscale = np.zeros((tiles, layer.n), np.float32)
    for t in range(tiles):
        part = variance[t * rows : (t + 1) * rows]
        largest = part.max(axis=0)
        safe = np.where(largest > 0, largest, 1.0)
        v[t * rows : (t + 1) * rows] = np.floor(part * 255.0 / safe + 0.5).astype(np.uint8)
        vscale[t] = (2.0 * largest / 255.0).astype(np.float32)
    return LayerCells(d, v, vscale, draw_adc_errors(layer, index, bundle, seed) if effects.converter_errors else None)


def cells_digest(cells: list[LayerCells]) -> str:
    """SHA-256 over all cells of a chip, and its ADCs' errors: equal digests mean equal chips, bit for bit."""
    h = hashlib.sha256()
    for layer in cells:
        for array in (layer.d, layer.v, layer.vscale, *((layer.adc.gain, layer.adc.offset) if layer.adc else ())):
            h.update(np.ascontiguousarray(array).data)
    return h.hexdigest()
