"""Converter ranges: what they clip, counted on the chips and images they were chosen from, in integers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="networks are Keras models")

from device_models.macro import MacroConfig
from device_models.profile import DeviceProfile
from firmware_py.bundle import AnalogLayer
from firmware_py.cells import Effects, draw_conductances
from firmware_py.graph import Node, im2col
from host_tools import passes
from host_tools.data import scaled
from host_tools.mapping.network import map_model
from host_tools.mapping.ranges import SHARE, converter_ranges
from host_tools.passes import Pass
from tests.host_tools import networks
from tests.host_tools.networks import CLASSES, L, chain

PROFILE = DeviceProfile.load("charan-65nm")
TABLES = networks.tables_of(PROFILE)
X = scaled(networks.data().x_train)
SEEDS = (3, 4)
MACRO = MacroConfig(rows=16, rows_active=16)


def calibrated(nodes: list[Node], layers: list[AnalogLayer], seed: int) -> Pass:
    """X on a chip each of whose columns has been fitted, by a library's polynomial of degree one, to the ideal one."""
    def whole(node: Node, rows: np.ndarray, g: np.ndarray) -> np.ndarray:
        layer = layers[node.layer]
        return rows @ ((g[0] - g[1]) * float(layer.w_step) * layer.gain).astype(np.float32) + layer.offset

    def targets(layer: AnalogLayer) -> np.ndarray:
        return TABLES.target[layer.levels].astype(np.float64)

    ideal = passes.forward(nodes, X, lambda node, rows: whole(node, rows, targets(layers[node.layer])))
    outputs = {node.layer: y for node, y in zip(nodes, ideal.outputs, strict=True)}

    def fitted(node: Node, rows: np.ndarray) -> np.ndarray:
        u = whole(node, rows, draw_conductances(layers[node.layer], node.layer, TABLES, seed, Effects()))
        y = outputs[node.layer].reshape(u.shape)
        for j in range(u.shape[1]):
            u[:, j] = np.polyval(np.polyfit(u[:, j], y[:, j], 1), u[:, j])
        return u

    return passes.forward(nodes, X, fitted)


def clipped(macro: MacroConfig, model: object) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """(dac_lsb, adc_lsb) per layer, and the largest shares, per chip and tile, of inputs of DAC and ADC that clip."""
    nodes, layers = networks.bare(map_model(model, np.array(PROFILE.levels.conductance_uS)))
    ranges = converter_ranges(nodes, layers, TABLES, macro, X, SEEDS)
    shares = [(0.0, 0.0)] * len(layers)
    for seed in SEEDS:
        run = calibrated(nodes, layers, seed)
        for node, x in zip(nodes, run.inputs, strict=True):
            if node.layer < 0:
                continue
            dac, adc = ranges[node.layer]
            bits = macro.dac_bits
            low, high = (1 - 2 ** (bits - 1), 2 ** (bits - 1) - 1) if node.signed else (0, 2**bits - 1)
            exact = x / dac
            codes = im2col(np.clip(np.rint(exact), low, high), node).astype(np.float64)
            g = draw_conductances(layers[node.layer], node.layer, TABLES, seed, Effects()).astype(np.float64)
            over = [np.mean((exact > high + 0.5) | (exact < low - 0.5))]
            over_adc = []
            for start in range(0, layers[node.layer].k, macro.rows_active):
                tile = slice(start, start + macro.rows_active)
                current = codes[..., tile] @ (g[0] - g[1])[tile]
                over_adc.append(np.mean(np.abs(current / adc) > 2 ** (macro.adc_bits - 1) - 1))
            before = shares[node.layer]
            shares[node.layer] = (max(before[0], *over), max(before[1], *over_adc))
    return ranges, shares


NETWORKS = {
    "relu": networks.conv_net,
    "signed": lambda: chain(L.Flatten(), L.Dense(12, name="a"), L.Dense(CLASSES, name="b")),
}


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("bits", [8, 4])
def test_at_most_the_stated_share_clips(kind: str, bits: int) -> None:
    ranges, shares = clipped(replace_bits(bits), NETWORKS[kind]())
    assert ranges[0][0] == pytest.approx(1 / (2**bits - 1))  # pixels from 0 to 1
    for dac, adc in shares:
        assert dac <= 1 - SHARE
        assert adc <= 1 - SHARE


@pytest.mark.parametrize("kind", NETWORKS)
def test_the_ranges_are_used(kind: str) -> None:
    """Halved, they clip far more than the stated share."""
    nodes, layers = networks.bare(map_model(NETWORKS[kind](), np.array(PROFILE.levels.conductance_uS)))
    ranges = converter_ranges(nodes, layers, TABLES, MACRO, X, SEEDS)
    for node in nodes:
        if node.layer > 0:
            run = [calibrated(nodes, layers, s) for s in SEEDS]
            top = max(np.abs(r.inputs[nodes.index(node)]).max() for r in run)
            highest = 127 if node.signed else 255
            assert 0.5 < top / (ranges[node.layer][0] * highest) < 1.5


def test_errors_that_calibration_takes_away_do_not_widen_them() -> None:
    """Chips whose cells are all twice as strong: calibrated, the activations are as before."""
    nodes, layers = networks.bare(map_model(networks.conv_net(), np.array(PROFILE.levels.conductance_uS)))
    strong = replace(TABLES, quantiles=2 * TABLES.quantiles)
    ranges, wide = (converter_ranges(nodes, layers, tables, MACRO, X, SEEDS) for tables in (TABLES, strong))
    for (dac, adc), (other, other_adc) in zip(ranges, wide, strict=True):
        assert other == pytest.approx(dac, rel=1e-3)
        assert other_adc == pytest.approx(2 * adc, rel=0.01)


def test_a_column_without_gain_is_no_trouble() -> None:
    nodes, layers = networks.bare(map_model(networks.conv_net(), np.array(PROFILE.levels.conductance_uS)))
    gain = layers[0].gain.copy()
    gain[0] = 0
    dead: list[AnalogLayer] = [replace(layers[0], gain=gain), *layers[1:]]
    assert np.all(np.isfinite(converter_ranges(nodes, dead, TABLES, MACRO, X, SEEDS)))


def replace_bits(bits: int) -> MacroConfig:
    """The macro of these tests with other converters."""
    return MacroConfig(rows=16, rows_active=16, dac_bits=bits, adc_bits=bits)
