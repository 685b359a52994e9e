"""Gain and offset of a chip's ADCs: their distribution, what they do to a conversion, and each switch by itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest

from firmware_py import Chip, Effects
from firmware_py.bundle import Bundle
from firmware_py.cells import cells_digest
from firmware_py.correction import AdaptConfig
from tests.firmware_py.core_cases import VARIANTS, assert_same, images, opened
from tests.firmware_py.make_bundle import CONV, INTEGERS, MOBILE, Synthetic

ERRORS = {"adc_gain_sigma": 0.1, "adc_offset_sigma_lsb": 5.0}
WIDE = [{"op": "flatten"}, {"op": "dense", "name": "fc", "out": [1000]}]
TILED = Synthetic(nodes=WIDE, input_shape=(10, 10, 1), rows=16, conversions=2, adc_bits=12, adc_errors=ERRORS)


def ks(values: np.ndarray, law: NormalDist) -> float:
    """Kolmogorov's distance times the root of the count: above 1.95 once in a thousand."""
    cumulative = np.array([law.cdf(float(x)) for x in np.sort(values)])
    rank = np.arange(len(values) + 1) / len(values)
    return float(max(np.abs(cumulative - rank[1:]).max(), np.abs(cumulative - rank[:-1]).max()) * len(values) ** 0.5)


def test_gains_and_offsets_are_independent_and_normal(tmp_path: Path) -> None:
    """100 rows are four tiles of 32: four ADCs a column."""
    adc = Chip(opened(tmp_path, TILED), 3, "numpy").engine.cells[0].adc
    assert adc.gain.shape == adc.offset.shape == (4, 1000) and adc.share == 2
    assert ks(adc.gain.ravel(), NormalDist(1, 0.1)) < 1.95
    assert ks(adc.offset.ravel(), NormalDist(0, 5)) < 1.95
    for a, b in ((adc.gain, adc.offset), (adc.gain[0], adc.gain[1]), (adc.offset[:, :-1], adc.offset[:, 1:])):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 4 / a.size**0.5


def test_they_are_those_of_the_array_of_the_device_models(tmp_path: Path) -> None:
    errors = pytest.importorskip("device_models.array.converter_errors", reason="device_models is not installed")
    bundle = opened(tmp_path, TILED)
    adc = Chip(bundle, 2**40 + 3, "numpy").engine.cells[0].adc
    gain, offset = errors.gain_and_offset(4000, 0.1, 5.0, bundle.tables, 2**40 + 3, 0, errors.ADC_ERROR)
    np.testing.assert_array_equal(adc.gain.ravel(), gain)
    np.testing.assert_array_equal(adc.offset.ravel(), offset)


def test_a_conversion_is_scaled_moved_rounded_and_clipped(tmp_path: Path) -> None:
    """Column by column from cells, gains and offsets, in float64: equal but where a sum is half way between codes."""
    bundle = opened(tmp_path, replace(TILED, adc_bits=6))
    chip = Chip(bundle, 1, "numpy", Effects(read_noise=False))
    layer, cells = bundle.layers[0], chip.engine.cells[0]
    codes = np.random.default_rng(0).integers(0, 256, (5, 100))
    found = chip.engine.raw(0, (codes / 255).astype(np.float32), 0)[:, 0]
    expected = np.zeros((5, 1000))
    for conversion in range(7):
        rows = slice(16 * conversion, 16 * (conversion + 1))
        tile = conversion // 2
        u = codes[:, rows] @ cells.d[rows].astype(float) / float(layer.adc_lsb)
        expected += np.clip(np.rint(u * cells.adc.gain[tile] + cells.adc.offset[tile]), -32, 31)
    assert np.abs(found - expected).max() <= 1 and np.mean(found != expected) < 1e-3


def test_a_sum_of_zeros_still_has_the_offset(tmp_path: Path) -> None:
    """A black image: each conversion gives its ADC's offset, rounded."""
    for engine in ("numpy", "c") if VARIANTS else ("numpy",):
        chip = Chip(opened(tmp_path, TILED), 1, engine)
        adc = chip.engine.cells[0].adc
        found = chip.engine.raw(0, np.zeros((1, 100), np.float32), 0)[0, 0]
        rounded = np.rint(adc.offset)
        np.testing.assert_array_equal(found, 2 * rounded[:3].sum(axis=0) + rounded[3])


def test_the_switch_is_its_own(tmp_path: Path) -> None:
    """Off, the chip is that of the macro without errors, bit for bit; the others' switches leave the errors alone."""
    spec = Synthetic(nodes=CONV, adc_errors=ERRORS)
    (tmp_path / "exact").mkdir()
    bundle, exact = opened(tmp_path, spec), opened(tmp_path / "exact", replace(spec, adc_errors={}))
    x = images(spec, 3, 1).clip(0, 1)
    off, clean = Chip(bundle, 1, effects=Effects(converter_errors=False)), Chip(exact, 1)
    np.testing.assert_array_equal(off.logits_many(x), clean.logits_many(x))
    assert cells_digest(off.engine.cells) == cells_digest(clean.engine.cells)
    on, alone = Chip(bundle, 1), Chip(bundle, 1, effects=Effects(False, False))
    np.testing.assert_array_equal(on.engine.cells[0].adc.gain, alone.engine.cells[0].adc.gain)
    assert cells_digest(on.engine.cells) != cells_digest(clean.engine.cells)
    assert not np.array_equal(on.logits_many(x), clean.logits_many(x))


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("nodes", [CONV, MOBILE, INTEGERS, WIDE], ids=["conv", "mobile", "integers", "wide"])
@pytest.mark.parametrize("noise", [True, False])
def test_the_core_agrees(tmp_path: Path, variant: str, nodes: list[dict], noise: bool) -> None:
    spec = Synthetic(nodes=nodes, input_shape=(8, 8, 2), rows=8, conversions=3, adc_errors=ERRORS)
    assert_same(opened(tmp_path, spec), Effects(read_noise=noise), images(spec, 3, 2), AdaptConfig(), variant)


def test_they_stay_for_the_life_of_the_chip_and_calibration_learns_them(tmp_path: Path) -> None:
    """Without any other effect: an ADC's gain is taken off by the column's, its offset by the column's."""
    spec = Synthetic(nodes=WIDE, input_shape=(8, 8, 1), rows=64, mask_share=0, adc_bits=14, adc_errors=ERRORS)
    bundle: Bundle = opened(tmp_path, spec)
    chip = Chip(bundle, 4, "numpy", Effects(programming=False, read_noise=False))
    report = chip.calibrate(np.random.default_rng(1).integers(0, 256, (64, 8, 8, 1)).astype(np.uint8))
    assert report.layers[0].after < 0.2 * report.layers[0].before
