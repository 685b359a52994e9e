"""DAC and ADC against their definition, one value after the other; ranges; errors of converters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_models.array.array import Array
from device_models.array.converter_errors import ADC_ERROR, DAC_ERROR, gain_and_offset
from device_models.array.converters import Adc, Dac, highest_dac_code
from device_models.array.effects import Effects
from device_models.compile import compile_profile
from device_models.macro import MacroConfig
from tests.device_models.array.setup import error, matrix, profile, vectors


@given(x=st.floats(-1e6, 1e6), lsb=st.sampled_from([0.25, 1.0, 8.0]), bits=st.integers(1, 8), signed=st.booleans())
def test_a_dac_rounds_and_clips(x: float, lsb: float, bits: int, signed: bool) -> None:
    highest = highest_dac_code(bits, signed)
    lowest = -highest if signed else 0
    code = Dac(lsb, lowest, highest)(np.array([[x]], np.float32))[0, 0]
    assert code == min(max(round(float(np.float32(x)) / lsb), lowest), highest)


@given(current=st.floats(-1e6, 1e6), bits=st.integers(1, 16))
def test_an_adc_rounds_half_to_even_and_clips(current: float, bits: int) -> None:
    code = Adc(bits)(np.array([[current]], np.float32))[0, 0]
    assert code == min(max(round(float(np.float32(current))), -(2 ** (bits - 1))), 2 ** (bits - 1) - 1)


def test_gain_and_offset_come_before_rounding() -> None:
    x = np.array([[10.0, 10.0, 10.0]], np.float32)
    gain, offset = np.array([1.1, 1.0, 1.04], np.float32), np.array([0.0, 0.6, 0.2], np.float32)
    assert Adc(8, gain, offset)(x.copy()).tolist() == [[11.0, 11.0, 11.0]]
    np.testing.assert_allclose(Dac(1.0, 0, 255, gain, offset)(x), [[11.0, 10.6, 10.6]])


@pytest.mark.parametrize("bits", [4, 5, 6])
def test_more_bits_are_finer_by_that_many(bits: int) -> None:
    """Rounding error of an unclipped converter falls by 2 with each bit."""
    w, x = matrix(64, 30), vectors(100, 64)

    def of(n: int, effect: str) -> float:
        macro = MacroConfig(rows=64, dac_bits=n, adc_bits=n)
        return error(Array.program(w, profile(), macro, clip=1.0, sample=x, effects=Effects.only(effect)).multiply(x),
                     x @ w)

    for effect in ("dac", "adc"):
        assert of(bits, effect) / of(bits + 2, effect) == pytest.approx(4, rel=0.35), effect


def test_ranges_of_the_macro_are_taken_as_they_stand() -> None:
    macro = MacroConfig(rows=64, dac_range=2.0, adc_range=0.25, adc_bits=6, dac_bits=4)
    array = Array.program(matrix(64, 3), profile(), macro, clip=1.0)
    assert array.ranges.dac_lsb == 2.0 / 15
    assert array.ranges.adc_lsb == pytest.approx((0.25 * 64 * 40.0 * 2.0 / 31,))


def test_an_adc_clips_beyond_its_range() -> None:
    macro = MacroConfig(rows=4, dac_range=1.0, adc_range=0.5, adc_bits=8)
    array = Array.program(np.ones((4, 2)), profile(), macro, clip=1.0, effects=Effects.only("adc"))
    x = np.array([[0.25] * 4, [0.5] * 4, [1.0] * 4])
    np.testing.assert_allclose(array.multiply(x)[:, 0], [1.0, 2.0, 2.0], atol=0.01)


def test_ranges_from_a_sample_hold_nearly_all_of_it() -> None:
    w, x = matrix(64, 30), vectors(200, 64, signed=True)
    array = Array.program(w, profile(), MacroConfig(rows=64, rows_active=16), clip=1.0, sample=x)
    assert array.ranges.signed
    assert array.ranges.dac_lsb * 127 == pytest.approx(1.1, rel=0.02)
    net = array.cells.g_uS[0] - array.cells.g_uS[1]
    largest = max(np.abs(x[:, r : r + 16] @ net[r : r + 16]).max() for r in range(0, 64, 16))
    assert 0.9 * largest < array.ranges.adc_lsb[0] * 127 < 1.1 * largest * 1.001


def test_errors_of_converters_have_the_stated_size_and_stay_with_the_converter() -> None:
    macro = MacroConfig(rows=32, rows_active=16, adc_bits=16, adc_gain_sigma=0.1, dac_range=1.0, adc_range=1.0)
    w = np.abs(matrix(96, 400)) * 0.5 + 0.5
    array = Array.program(w, profile(), macro, clip=1.0, effects=Effects.only("adc", "converter_errors"), seed=4)
    tiles = []
    for start in range(0, 96, 16):  # one group of rows after the other
        x = np.zeros((1, 96))
        x[0, start : start + 16] = 0.3
        tiles.append(array.multiply(x)[0] / (x @ w)[0])
    gains = np.array(tiles)
    np.testing.assert_allclose(gains[::2], gains[1::2], atol=2e-3)  # both groups of a tile: the same ADCs
    assert abs(np.corrcoef(gains[0], gains[2])[0, 1]) < 0.2  # another tile has others
    assert gains.std() == pytest.approx(0.1, rel=0.1)
    assert gains.mean() == pytest.approx(1.0, abs=0.02)


def test_gain_and_offset_of_a_converter_are_independent() -> None:
    compiled = compile_profile(profile())
    gain, offset = gain_and_offset(4000, 0.1, 2.0, compiled, seed=3, layer=0, purpose=ADC_ERROR)
    assert gain is not None and offset is not None
    assert abs(np.corrcoef(gain, offset)[0, 1]) < 5 / np.sqrt(4000)
    assert gain_and_offset(3, 0.0, 0.0, compiled, 3, 0, ADC_ERROR) == (None, None)
    others = [gain_and_offset(4000, 0.1, 0.0, compiled, *name)[0] for name in (
        (3, 0, DAC_ERROR), (3, 1, ADC_ERROR), (4, 0, ADC_ERROR))]
    for other in others:
        assert other is not None and abs(np.corrcoef(gain, other)[0, 1]) < 5 / np.sqrt(4000)


def test_offset_errors_are_in_codes() -> None:
    macro = MacroConfig(rows=32, dac_range=1.0, adc_range=0.5, adc_bits=12, adc_offset_sigma_lsb=20.0)
    effects = Effects.only("adc", "converter_errors")
    array = Array.program(np.zeros((32, 2000)), profile(), macro, clip=1.0, effects=effects)
    codes = array.multiply(np.zeros((1, 32)))[0] / (array.ranges.adc_lsb[0] * array.cells.targets.weight_per_uS)
    np.testing.assert_allclose(codes, np.rint(codes), atol=1e-3)
    assert codes.std() == pytest.approx(20.0, rel=0.1)
