"""Ranges of the converters: what a DAC's and an ADC's highest code stand for, from a few images on calibrated chips.

On a chip as programmed, errors of a deep network's columns add up to activations several times as large. Converters
wide enough for these would waste codes on every chip after calibration.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from device_models.macro import MacroConfig
from firmware_py.bundle import AnalogLayer, ProfileTables
from firmware_py.graph import Node, im2col, spread_out, tile_rows
from host_tools import emulate
from host_tools.mapping.mask import ideal_weights

SHARE = 0.9999  # of the values that fit without clipping
HEADROOM = 1.1


def converter_ranges(
    nodes: Sequence[Node],
    layers: Sequence[AnalogLayer],
    tables: ProfileTables,
    macro: MacroConfig,
    images: npt.NDArray[np.float32],
    seeds: Sequence[int],
) -> list[tuple[float, float]]:
    """(dac_lsb, adc_lsb) per analog layer. The first layer's DAC takes an image's pixels [0, 1] as they are."""
    highest_adc = max(2 ** (macro.adc_bits - 1) - 1, 1)
    inputs, currents = np.zeros(len(layers)), np.zeros(len(layers))
    ideal = emulate.forward(nodes, layers, [_corrected(layer, tables) for layer in layers], images)
    for seed in seeds:
        weights = emulate.chip_weights(layers, tables, seed)
        run = emulate.forward_fitted(nodes, weights, images, ideal)
        for node, x in zip(nodes, run.inputs, strict=True):
            if node.layer < 0:
                continue
            i = node.layer
            gain = np.where(layers[i].gain == 0, np.float32(1), layers[i].gain)  # such a column's weights are 0
            columns = im2col(x, node)
            inputs[i] = max(inputs[i], np.quantile(np.abs(x), SHARE))
            for start in range(0, layers[i].k, macro.rows_active):
                part = slice(start, start + macro.rows_active)
                tile = spread_out(weights[i][part] / gain, node)
                current = tile_rows(columns, node, part) @ tile  # in units of weight x input
                currents[i] = max(currents[i], np.quantile(np.abs(current), SHARE))
    inputs = HEADROOM * inputs
    inputs[0] = 1.0
    highest_dac = np.array([_highest_code(node.signed, macro.dac_bits) for node in nodes if node.layer >= 0])
    dac = np.maximum(inputs, 1e-6) / highest_dac
    steps = np.array([float(layer.w_step) for layer in layers])
    adc = HEADROOM * np.maximum(currents, 1e-6) / (dac * steps * highest_adc)
    return [(float(d), float(a)) for d, a in zip(dac, adc, strict=True)]


def _corrected(layer: AnalogLayer, tables: ProfileTables) -> npt.NDArray[np.float32]:
    """Weights [K, N] of the levels with the mask's first values."""
    w = ideal_weights(layer, tables).astype(np.float32)
    w[layer.mask_rows, layer.mask_cols] += layer.mask_value
    return w


def _highest_code(signed: bool, bits: int) -> int:
    """The DAC's highest code: of half the range where inputs have a sign."""
    return max(2 ** (bits - 1) - 1, 1) if signed else 2**bits - 1
