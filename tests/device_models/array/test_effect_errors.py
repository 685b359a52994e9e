"""Errors of single effects against closed forms, and the pairings beside one another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from device_models.array.effect_errors import Setting, absent, effect_error, effect_errors, with_pairing
from device_models.array.effects import Effects
from device_models.errors import ProfileError
from device_models.macro import MacroConfig
from tests.device_models.array.setup import NORMAL, matrix, profile, vectors
from tests.device_models.documents import EVIDENCE

SETTING = Setting(matrix(128, 96), vectors(64, 128), 1.0, profile(1.0, 0.5), MacroConfig())


def rms(setting: Setting, effect: str) -> float:
    found = effect_error(setting, effect).relative_rms
    assert found is not None
    return found


def test_spread_and_read_noise_follow_the_sum_over_cells() -> None:
    """Programming: sd of 1 uS a cell, of 40 uS full range. A weight w is the pair 10 + 40 |w| and 10 uS."""
    ideal = SETTING.inputs @ SETTING.weights
    scale, squares = np.mean(ideal**2), SETTING.inputs**2
    expected = np.sqrt(np.mean(squares.sum(axis=1)) * 2 * (1 / 40) ** 2 / scale)
    assert rms(SETTING, "programming") == pytest.approx(expected, rel=0.05)
    variance = ((0.5 + 0.05 * (10 + 40 * np.abs(SETTING.weights))) ** 2 + (0.5 + 0.05 * 10) ** 2) / 40**2
    assert rms(SETTING, "read_noise") == pytest.approx(np.sqrt(np.mean(squares @ variance) / scale), rel=0.05)


def test_levels_are_uniform_rounding() -> None:
    """Five levels: steps of 1/4 of the clip, so the variance of a weight's error is 1/4^2/12."""
    ideal = SETTING.inputs @ SETTING.weights
    expected = np.sqrt(np.mean((SETTING.inputs**2).sum(axis=1)) * (1 / 4) ** 2 / 12 / np.mean(ideal**2))
    assert rms(SETTING, "levels") == pytest.approx(expected, rel=0.1)


def test_snr_is_the_error_in_decibels() -> None:
    found = effect_error(SETTING, "adc")
    assert found.snr_dB == pytest.approx(-20 * np.log10(found.relative_rms))  # type: ignore[arg-type]


def test_offset_pays_for_its_whole_conductance() -> None:
    """Half the range for a weight, and a reference: twice the error, at a constant spread of every cell."""
    offset = replace(SETTING, chips=20)
    ratio = rms(with_pairing(offset, "offset"), "programming") / rms(offset, "programming")
    assert ratio == pytest.approx(2.0, rel=0.2)  # the reference column's cells are few draws


def test_what_is_not_there_says_why() -> None:
    bare = replace(SETTING, profile=profile(0.0))
    reasons = {row.effect: row.why_not for row in effect_errors(bare)}
    assert reasons["programming"] == "no spread in the profile"
    assert reasons["wires"] == "no wire resistance in the macro"
    assert reasons["read_noise"] == "no read noise in the profile"
    assert not reasons["all"] and not reasons["adc"]
    assert set(reasons) == {*Effects.names(), "all"}
    wearing = replace(SETTING, profile=profile(read_disturb={"relative_change_per_read": -1e-3, "evidence": EVIDENCE}))
    assert absent(wearing, "disturb") == "before the first read"
    assert rms(replace(wearing, reads=100), "disturb") == pytest.approx(1 - 0.999**100, rel=1e-3)


def test_drift_adds_what_the_spread_grows_by() -> None:
    """Normal spread of 1 uS, later 3 uS; every cell keeps its rank, so each deviation grows by twice what it was."""
    later = {"aged": [{"time_s": 1e4, "spread": NORMAL | {"sigma": 3.0}}], "evidence": EVIDENCE}
    ageing = replace(SETTING, profile=profile(1.0, relaxation=later))
    assert absent(ageing, "drift") == "at time 0"
    aged = replace(ageing, time_s=1e4)
    assert rms(aged, "drift") == pytest.approx(2 * rms(ageing, "programming"), rel=0.05)
    assert rms(aged, "programming") == rms(ageing, "programming")


def test_converter_errors_are_what_they_add_to_exact_converters() -> None:
    """A gain that is off by 5 % in a column is an error of 5 %."""
    macro = MacroConfig(rows=128, adc_bits=14, adc_gain_sigma=0.05)
    assert rms(replace(SETTING, macro=macro, chips=5), "converter_errors") == pytest.approx(0.05, rel=0.15)


def test_bit_slices_take_the_bits_that_the_levels_give() -> None:
    sliced = with_pairing(SETTING, "bit-sliced").macro
    assert (sliced.bits_per_cell, sliced.cells_per_weight) == (2, 3)
    assert with_pairing(with_pairing(SETTING, "bit-sliced"), "differential").macro == SETTING.macro
    two = profile(levels={"conductance_uS": [10.0, 50.0], "evidence": EVIDENCE})
    with pytest.raises(ProfileError, match="^profile t: 2 levels, offset pairing needs 3$"):
        with_pairing(replace(SETTING, profile=two), "offset")
