"""Area, energy and latency of a network on macros with an SRAM correction: sums over stated components."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from device_models.cost.components import Components
from device_models.cost.converters import adc_area_um2, adc_energy_pJ, adc_time_ns, dac_area_um2, dac_energy_pJ
from device_models.cost.network import LayerSize, SramBits
from device_models.errors import ProfileError
from device_models.macro import MacroConfig

CORRECTION = ("SRAM correction", "correction multiply-adds")  # the components that are not the RRAM macro's own


@dataclass(frozen=True)
class Arithmetic:
    """What computes the correction: bits of a value and of a gain (32: float32), and whether it keeps up.

    Codes go through multipliers of 8 x 8 bits: b bits times an input of 8 take ceil(b / 8) passes, a gain times an ADC
    sum (of at most 16 bits) twice its own. With `keep_up` a layer has as many units as its correction needs to be done
    with an image no later than the slowest array is, so that images that follow one another through the layers do not
    wait for it; else the components' macs_per_layer.
    """

    value_bits: int = 32
    number_bits: int = 32
    keep_up: bool = False

    def __post_init__(self) -> None:
        for key in ("value_bits", "number_bits"):
            if not 1 <= getattr(self, key) <= 32:
                raise ProfileError(f"cost: {key}: {getattr(self, key)} is not 1 to 32")

    @property
    def integer(self) -> bool:
        """Whether 8-bit units do it."""
        return self.value_bits < 32 and self.number_bits < 32

    def passes(self, layer: LayerSize, sram: SramBits) -> int:
        """Passes through a unit for one position: corrected weights, low-rank factors, gain and offset a column."""
        columns = layer.cols if sram.gains or sram.offsets else 0
        if not self.integer:
            return layer.corrected + layer.rank * (layer.rows + layer.cols) + columns
        value, number = -(-self.value_bits // 8), -(-self.number_bits // 8)
        low_rank = layer.rank * (layer.rows + 2 * layer.cols)  # what A gives has 16 bits
        return value * (layer.corrected + low_rank) + 2 * number * columns

    def units(self, parts: Components, macro: MacroConfig, layers: Sequence[LayerSize], sram: SramBits) -> list[int]:
        """Multiply-add units of each layer."""
        least = int(parts.macs_per_layer.value)
        if not self.keep_up:
            return [least] * len(layers)
        slowest_ns = max(array_time_ns(parts, macro, layer) for layer in layers)
        times_ns = [layer.positions * self.passes(layer, sram) * parts.mac_ns.value for layer in layers]
        return [max(least, math.ceil(time / slowest_ns - 1e-9)) for time in times_ns]


@dataclass(frozen=True)
class MacroCost:
    """Tiles; area in um2 and energy of one inference in pJ by component; time in ns of arrays and correction by layer.

    The correction of a layer is computed while its array is read: the longer of the two counts.
    """

    tiles: int
    area_um2: dict[str, float]
    energy_pJ: dict[str, float]
    array_ns: dict[str, float]
    correction_ns: dict[str, float]

    @property
    def macro_um2(self) -> float:
        """Area of the RRAM macros with their periphery, without the correction."""
        return sum(area for key, area in self.area_um2.items() if key not in CORRECTION)

    @property
    def correction_um2(self) -> float:
        """Area of the correction: SRAM with its periphery, and multiply-adds."""
        return sum(self.area_um2[key] for key in CORRECTION)

    @property
    def overhead_percent(self) -> float:
        """The correction's area in per cent of the RRAM macros'."""
        return 100 * self.correction_um2 / self.macro_um2

    @property
    def latency_ns(self) -> float:
        """Time of one inference, layer after layer."""
        return sum(max(time, self.correction_ns[layer]) for layer, time in self.array_ns.items())


def macro_cost(parts: Components, macro: MacroConfig, layers: Sequence[LayerSize], sram: SramBits,
               *, mean_uS: float, arithmetic: Arithmetic | None = None) -> MacroCost:
    """Cost of `layers` on macros, with cells of `mean_uS` on average; ProfileError where there is nothing to cost.

    `arithmetic` of the correction: by default float32, on macs_per_layer units.

    All tiles exist at once (weights stay where they are). Not in it: pooling, activation buffers, programming's charge
    pumps, leakage, learning.
    """
    if not layers:
        raise ProfileError("cost: no layers given")
    if not mean_uS > 0:
        raise ProfileError(f"cost: mean_uS: {mean_uS} is not > 0")
    if len({layer.name for layer in layers}) != len(layers):
        raise ProfileError("cost: two layers have one name")
    arithmetic = arithmetic or Arithmetic()
    tiles = sum(layer.tiles(macro) for layer in layers)
    area = {key: tiles * value for key, value in tile_area_um2(parts, macro).items()}
    area |= correction_area_um2(parts, macro, layers, sram, arithmetic)
    units = arithmetic.units(parts, macro, layers, sram)
    return MacroCost(tiles, area, _energy(parts, macro, layers, sram, mean_uS, arithmetic),
                     {layer.name: array_time_ns(parts, macro, layer) for layer in layers},
                     {layer.name: layer.positions * arithmetic.passes(layer, sram) * parts.mac_ns.value / count
                      for layer, count in zip(layers, units, strict=True)})


def correction_area_um2(parts: Components, macro: MacroConfig, layers: Sequence[LayerSize], sram: SramBits,
                        arithmetic: Arithmetic) -> dict[str, float]:
    """Area of the correction by component (CORRECTION): SRAM with its periphery, and multiply-adds."""
    unit = parts.mac8_um2 if arithmetic.integer else parts.mac_um2
    units = sum(arithmetic.units(parts, macro, layers, sram)) if sram.total else 0
    return {CORRECTION[0]: sram.total * parts.sram_bit_um2.value / parts.sram_array_share.value,
            CORRECTION[1]: units * unit.value}


def macro_area_um2(parts: Components, macro: MacroConfig, layers: Sequence[LayerSize]) -> float:
    """Area of all tiles of `layers` with their periphery, without the correction."""
    return sum(layer.tiles(macro) for layer in layers) * sum(tile_area_um2(parts, macro).values())


def cell_columns(macro: MacroConfig) -> int:
    """Columns of cells of a tile: two a column of pairs; else one reference column more for each slice."""
    return 2 * macro.cols if macro.pairing == "differential" else macro.cols + (macro.cells_per_weight or 1)


def tile_area_um2(parts: Components, macro: MacroConfig) -> dict[str, float]:
    """Area of one tile with its periphery by component."""
    columns = cell_columns(macro)
    adcs = -(-macro.cols // int(parts.columns_per_adc.value))
    area = {
        "RRAM cells": macro.rows * columns * parts.rram_cell_um2.value,
        "line drivers": (2 * macro.rows + columns) * parts.line_driver_um2.value,
        "DACs": macro.rows * dac_area_um2(parts, macro.dac_bits),
        "ADCs": adcs * adc_area_um2(parts, macro.adc_bits),
        "accumulators": adcs * parts.accumulator_um2.value,
    }
    share = parts.other_share.value
    area["control and routing"] = sum(area.values()) * share / (1 - share)
    return area


def _energy(parts: Components, macro: MacroConfig, layers: Sequence[LayerSize], sram: SramBits,
            mean_uS: float, arithmetic: Arithmetic) -> dict[str, float]:
    cell_pJ = parts.read_voltage_V.value**2 * mean_uS * parts.read_pulse_ns.value * parts.mean_input.value * 1e-3
    cells = conversions = inputs = macs = 0
    for layer in layers:
        references = 0 if macro.pairing == "differential" else layer.col_tiles(macro)
        per_weight = 2 if macro.pairing == "differential" else (macro.cells_per_weight or 1)
        slices = macro.cells_per_weight or 1
        cells += layer.positions * layer.rows * (layer.cols * per_weight + references * slices)
        conversions += layer.positions * _groups(layer, macro) * layer.cols * slices
        inputs += layer.positions * layer.rows * layer.col_tiles(macro)
        macs += layer.positions * arithmetic.passes(layer, sram)
    corrected = sum(layer.corrected for layer in layers)
    outputs = sum(layer.cols for layer in layers)
    per_value = (sram.values + sram.indices) / corrected if corrected else 0.0
    per_output = (sram.gains + sram.offsets) / outputs
    read_bits = sum(layer.positions * (layer.corrected * per_value + layer.cols * per_output) for layer in layers)
    return {
        "RRAM cells": cells * cell_pJ,
        "DACs": inputs * dac_energy_pJ(parts, macro.dac_bits),
        "ADCs": conversions * adc_energy_pJ(parts, macro.adc_bits),
        "accumulators": conversions * parts.accumulator_pJ.value,
        "SRAM correction": read_bits * parts.sram_access_pJ_per_bit.value,
        "correction multiply-adds": macs * (parts.mac8_pJ if arithmetic.integer else parts.mac_pJ).value,
    }


def _groups(layer: LayerSize, macro: MacroConfig) -> int:
    """Groups of rows that are summed by a conversion each."""
    return -(-layer.rows // macro.rows_active)


def array_time_ns(parts: Components, macro: MacroConfig, layer: LayerSize) -> float:
    """Time of a layer's reads of its array for one image."""
    # Tiles work at once; within one, groups of rows follow one another, and so do the columns that share an ADC.
    groups = min(_groups(layer, macro), macro.rows // macro.rows_active)
    shared = min(int(parts.columns_per_adc.value), macro.cols)
    step = parts.read_pulse_ns.value + shared * adc_time_ns(parts, macro.adc_bits)
    return layer.positions * groups * step
