"""From columns and ranges to what runs: the DACs, and a conversion for each group of rows that are active at once."""

from __future__ import annotations

import numpy as np

from device_models.array.chip import Chip
from device_models.array.columns import Columns
from device_models.array.conversion import Conversion, Noise
from device_models.array.converter_errors import ADC_ERROR, DAC_ERROR, gain_and_offset
from device_models.array.converters import Adc, Dac, highest_dac_code
from device_models.array.ranges import Ranges
from device_models.array.read_noise import column_variance
from device_models.array.types import F32, F64


def make_dac(chip: Chip, ranges: Ranges, rows: int) -> Dac | None:
    """The DACs of `rows` rows; None where the effect is off."""
    macro = chip.macro
    if not chip.effects.dac:
        return None
    gain = offset = None
    if chip.effects.converter_errors:
        gain, offset = gain_and_offset(rows, macro.dac_gain_sigma, macro.dac_offset_sigma_lsb, chip.compiled,
                                       chip.seed, chip.layer, DAC_ERROR)
    highest = highest_dac_code(macro.dac_bits, ranges.signed)
    return Dac(ranges.dac_lsb, -highest if ranges.signed else 0, highest, gain, offset)


def code_units(chip: Chip, ranges: Ranges) -> F64:
    """Current of one ADC code of each slice [S], in uS times input; 1 where there is no ADC."""
    return np.array(ranges.adc_lsb) if chip.effects.adc else np.ones(len(ranges.adc_lsb))


def make_conversions(chip: Chip, ranges: Ranges, made: Columns) -> list[Conversion]:
    """One conversion for each group of rows of the matrix, in order."""
    rows, count = made.net_uS.shape
    units = code_units(chip, ranges)
    per_code = (ranges.dac_lsb if chip.effects.dac else 1.0) / np.repeat(units, count // len(units))
    step = chip.macro.rows_active
    groups = [slice(r, min(r + step, rows)) for r in range(0, rows, step)]
    adcs = _make_adcs(chip, count, len(groups))
    matrix = (made.net_uS * per_code).astype(np.float32)
    return [Conversion(group, matrix[group], _noise(chip, made, group, per_code), adc)
            for group, adc in zip(groups, adcs, strict=True)]


def _noise(chip: Chip, made: Columns, group: slice, per_code: F64) -> Noise | None:
    if made.variance_uS2 is None:
        return None
    own = column_variance(made.variance_uS2[group] * per_code**2, chip.noise)
    if made.reference_variance_uS2 is None or made.reference_of is None:
        return Noise(own, None, None)
    unit = np.zeros(made.reference_variance_uS2.shape[1])
    unit[made.reference_of] = per_code  # the columns of one reference are of one slice: they have one unit
    return Noise(own, column_variance(made.reference_variance_uS2[group] * unit**2, "exact"), made.reference_of)


def _make_adcs(chip: Chip, count: int, groups: int) -> list[Adc | None]:
    """One ADC a column of each tile of rows; the groups of rows of a tile share it."""
    macro = chip.macro
    if not chip.effects.adc:
        return [None] * groups
    per_tile = macro.rows // macro.rows_active
    gain = offset = None
    if chip.effects.converter_errors:
        gain, offset = gain_and_offset(-(-groups // per_tile) * count, macro.adc_gain_sigma, macro.adc_offset_sigma_lsb,
                                       chip.compiled, chip.seed, chip.layer, ADC_ERROR)

    def of_tile(values: F32 | None, tile: int) -> F32 | None:
        return None if values is None else values[tile * count : (tile + 1) * count]

    return [Adc(macro.adc_bits, of_tile(gain, g // per_tile), of_tile(offset, g // per_tile)) for g in range(groups)]
