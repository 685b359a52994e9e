"""`explain`: signal to noise stage by stage, against what rounding and independent cells must give."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from firmware_py import Chip, Effects, RramError
from firmware_py.bundle import Bundle
from firmware_py.cli import main
from firmware_py.explain import STAGES, decibel, explain
from firmware_py.numpy_engine import ideal_activations, level_weights
from tests.firmware_py.make_bundle import CONV, INTEGERS, RESNET, Synthetic, make_bundle

WIDE = [{"op": "flatten"}, {"op": "dense", "name": "fc", "out": [200]}]


def bundle_of(tmp_path: Path, spec: Synthetic) -> Bundle:
    return Bundle.open(make_bundle(tmp_path / "b", spec))


def test_decibel_is_ten_times_the_logarithm_of_the_ratio_of_powers() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(0, 2, 100_000)
    assert decibel(y, y + rng.normal(0, 0.2, y.shape)) == pytest.approx(20, abs=0.1)
    assert decibel(y, y) == 200 and decibel(np.ones(5), np.zeros(5)) == 0


def test_with_all_effects_off_only_the_converters_cost_what_rounding_does(tmp_path: Path) -> None:
    """One tile: a rounded input is off by lsb^2 / 12, a rounded conversion too (Bennett, 1948)."""
    spec = Synthetic(nodes=WIDE, input_shape=(8, 8, 1), rows=64, mask_share=0.0, adc_bits=12, dac_bits=6)
    bundle = bundle_of(tmp_path, spec)
    x = np.random.default_rng(1).uniform(0, 1, (200, 8, 8, 1)).astype(np.float32)
    layer = replace(bundle.layers[0], dac_lsb=np.float32(1 / 63), adc_lsb=np.float32(4000.0))
    bundle = replace(bundle, layers=(layer,))
    found = explain(Chip(bundle, engine="numpy", effects=Effects(False, False)), x)[0]
    y = ideal_activations(bundle, x)[0]
    w = level_weights(bundle, layer).astype(float) * layer.gain
    dac = float(layer.dac_lsb) ** 2 / 12 * (w**2).sum(axis=0).mean()
    adc = (float(layer.unit) ** 2 / 12 * layer.gain.astype(float) ** 2).mean()
    assert found.db["dac"] == pytest.approx(10 * np.log10(y.var() / dac), abs=0.15)
    assert found.db["cells"] == found.db["read"] == pytest.approx(found.db["dac"])
    assert found.db["adc"] == pytest.approx(10 * np.log10(y.var() / (dac + adc)), abs=0.15)
    assert found.db["adc"] == found.db["sram"] == found.db["through"] and found.clipped == 0


def test_the_spread_of_independent_cells_and_their_noise_cost_what_variances_say(tmp_path: Path) -> None:
    spec = Synthetic(nodes=WIDE, input_shape=(8, 8, 1), rows=64, mask_share=0.0, read_b=0.2, adc_bits=16)
    bundle = bundle_of(tmp_path, spec)
    x = np.random.default_rng(1).uniform(0, 1, (100, 8, 8, 1)).astype(np.float32)
    chip = Chip(bundle, 5, "numpy")
    found, layer, y = explain(chip, x)[0], bundle.layers[0], ideal_activations(bundle, x)[0]
    power = (x.reshape(100, -1) ** 2).mean(axis=0)
    squared = (float(layer.w_step) * layer.gain.astype(float)) ** 2
    spread = power @ (bundle.tables.var[layer.levels].sum(axis=0) * squared)
    g = bundle.tables.target[layer.levels].astype(float)
    noise = power @ ((0.2**2 * (g**2 + bundle.tables.var[layer.levels])).sum(axis=0) * squared)  # E[G^2] of a cell
    assert found.db["cells"] == pytest.approx(10 * np.log10(y.var() / spread.mean()), abs=0.6)
    assert found.db["read"] == pytest.approx(10 * np.log10(y.var() / (spread + noise).mean()), abs=0.6)


def test_offsets_of_the_adcs_cost_their_variance_in_each_conversion(tmp_path: Path) -> None:
    """Four tiles, each with an ADC for each column: four offsets are added up."""
    spec = Synthetic(nodes=WIDE, input_shape=(8, 8, 1), rows=16, mask_share=0.0, adc_bits=16,
                     adc_errors={"adc_offset_sigma_lsb": 30.0})  # fmt: skip
    bundle = bundle_of(tmp_path, spec)
    x = np.random.default_rng(1).uniform(0, 1, (20, 8, 8, 1)).astype(np.float32)
    chip = Chip(bundle, 5, "numpy", effects=Effects(False, False))
    found, layer, y = explain(chip, x)[0], bundle.layers[0], ideal_activations(bundle, x)[0]
    offsets = 4 * (30 * float(layer.unit)) ** 2 * np.mean(layer.gain.astype(float) ** 2)
    assert found.db["errors"] == pytest.approx(10 * np.log10(y.var() / offsets), abs=0.6)
    assert found.db["adc"] > found.db["errors"] + 20 and found.db["errors"] == found.db["sram"] == found.db["through"]


@pytest.mark.parametrize("nodes", [CONV, RESNET], ids=["conv", "resnet"])
def test_calibration_gains_and_nothing_of_the_chip_changes(tmp_path: Path, nodes: list[dict]) -> None:
    bundle = bundle_of(tmp_path, Synthetic(nodes=nodes, input_shape=(8, 8, 2), mask_share=0.3))
    chip = Chip(bundle, 1, "numpy")
    before = {name: a.copy() for name, a in chip.correction.arrays(bundle).items()}
    first = explain(chip, bundle.calibration_x)
    for name, a in chip.correction.arrays(bundle).items():
        np.testing.assert_array_equal(a, before[name], err_msg=name)
    chip.calibrate()
    after = explain(chip, bundle.calibration_x)
    assert [layer.name for layer in first] == [layer.name for layer in bundle.layers]
    for a, b in zip(first, after, strict=True):
        assert a.db["adc"] == a.db["sram"]  # as at first boot
        assert b.db["sram"] > a.db["sram"] + 1
        assert abs(a.db["cells"] - b.db["cells"]) < 1e-9


def test_the_command_prints_a_row_a_layer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = make_bundle(tmp_path / "b", Synthetic(nodes=CONV))
    with pytest.raises(SystemExit, match="^0$"):
        main(["explain", str(path), "--calibrate", "--count", "5", "--json", str(tmp_path / "out")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("signal to noise in dB, 5 images")
    assert [line.split()[0] for line in lines[1:]] == ["layer", "conv1", "conv2", "fc"]
    told = json.loads((tmp_path / "out").read_text())
    assert set(told["layers"][0]["db"]) == set(STAGES) - {"drift", "disturb", "errors"}


def test_what_cannot_be_explained_is_one_line(tmp_path: Path) -> None:
    bundle = bundle_of(tmp_path, Synthetic())
    with pytest.raises(RramError, match="^explain: 0 images given, expected at least 1$"):
        explain(Chip(bundle, engine="numpy"), bundle.calibration_x[:0])
    integers = Bundle.open(make_bundle(tmp_path / "i", Synthetic(nodes=INTEGERS)))
    with pytest.raises(RramError, match="^explain: an integer network"):
        explain(Chip(integers, engine="numpy"), bundle.calibration_x)
