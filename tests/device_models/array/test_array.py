"""A matrix on tiles: with all effects off it is the product; chips are repeatable; tiles and groups add up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_models.array.array import Array
from device_models.array.effects import Effects
from device_models.errors import ProfileError
from device_models.macro import MacroConfig
from tests.device_models.array.setup import MACROS, error, matrix, profile, vectors

FAULTY = {"faults": {"stuck_low": {"probability": 0.1, "conductance_uS": 1.0,
                                   "evidence": {"source": "a test", "note": "made up", "assumption": True}}}}


@pytest.mark.parametrize("macro", MACROS.values(), ids=MACROS)
@settings(max_examples=15, deadline=None)
@given(rows=st.integers(1, 70), cols=st.integers(1, 40), batch=st.integers(0, 5), clip=st.floats(1.0, 50.0))
def test_with_all_effects_off_it_is_the_matrix_product(
    macro: MacroConfig, rows: int, cols: int, batch: int, clip: float
) -> None:
    w, x = matrix(rows, cols), vectors(batch, rows, signed=True)
    array = Array.program(w, profile(3.0, 1.0, **FAULTY), macro, clip=clip, effects=Effects.none())
    found = array.multiply(x)
    assert found.shape == (batch, cols) and found.dtype == np.float32
    # rounding: of the digits' place value, and of small weights against the clip that the conductances stand for
    np.testing.assert_allclose(found, x @ w, atol=4e-6 * clip * np.sqrt(rows))


@pytest.mark.parametrize("pairing", MACROS)
def test_a_chip_is_repeatable_and_its_seed_read_and_layer_matter(pairing: str) -> None:
    w, x = matrix(40, 12), vectors(6, 40)

    def y(read: int = 0, **options: Any) -> Any:
        return Array.program(w, profile(2.0, 1.0, **FAULTY), MACROS[pairing], clip=1.0, sample=x, **options).multiply(
            x, read)

    first = y(seed=5)
    np.testing.assert_array_equal(y(seed=5), first)
    for other in (y(seed=6), y(read=1, seed=5), y(seed=5, layer=1)):
        assert np.mean(other == first) < 0.5


def test_reads_are_a_function_of_their_number_and_not_of_what_was_read_before() -> None:
    w, x = matrix(40, 12), vectors(6, 40)
    array = Array.program(w, profile(2.0, 1.0), MACROS["differential"], clip=1.0, sample=x)
    third = array.multiply(x, read=3)
    array.multiply(x[:2], read=1)
    np.testing.assert_array_equal(array.multiply(x, read=3), third)


def test_groups_of_rows_are_converted_one_by_one_and_summed() -> None:
    """Against the definition, group by group in float64 with the array's own ranges."""
    w, x = matrix(70, 20), vectors(9, 70)
    macro = MacroConfig(rows=32, rows_active=16, adc_bits=5)
    effects = Effects.only("programming", "adc")
    array = Array.program(w, profile(4.0), macro, clip=1.0, seed=3, sample=x, effects=effects)
    net, lsb = array.cells.g_uS[0] - array.cells.g_uS[1], array.ranges.adc_lsb[0]
    expected = np.zeros((9, 20))
    for start in range(0, 70, 16):
        current = x[:, start : start + 16] @ net[start : start + 16]
        expected += np.clip(np.rint(current / lsb), -16, 15) * lsb / 40.0
    assert np.mean(np.abs(array.multiply(x) - expected) > 1e-4) < 0.01  # a rare tie rounds the other way in float32
    one = Array.program(w, profile(4.0), MacroConfig(rows=128, adc_bits=5), clip=1.0, seed=3, sample=x,
                        effects=effects)
    assert error(one.multiply(x), expected) > 0.01  # one conversion of all rows rounds otherwise


def test_every_effect_of_the_technology_changes_the_result_by_itself() -> None:
    w, x = matrix(40, 12), vectors(6, 40)
    macro = MacroConfig(rows=64, adc_gain_sigma=0.05, wire_resistance_ohm=50.0)
    evidence = FAULTY["faults"]["stuck_low"]["evidence"]
    rich = profile(2.0, 1.0, **FAULTY, read_disturb={"relative_change_per_read": -0.01, "evidence": evidence})
    ideal = Array.program(w, rich, macro, clip=1.0, effects=Effects.none()).multiply(x)
    for name in Effects.names():
        names = (name, "adc") if name == "converter_errors" else (name,)
        array = Array.program(w, rich, macro, clip=1.0, sample=x, effects=Effects.only(*names))
        array.multiply(x)
        changed = error(array.multiply(x), ideal.astype(float))
        assert (changed > 1e-4) == (name != "drift"), name  # drift: at time 0


def test_unknown_effects_and_noise_are_one_line() -> None:
    with pytest.raises(ProfileError, match="^effects: 'wire' is not one of levels, programming, "):
        Effects.only("wire")
    with pytest.raises(ProfileError, match="^noise: 'fast' is not one of exact, factorised$"):
        Array.program(matrix(2, 2), profile(), clip=1.0, noise="fast")  # type: ignore[arg-type]
    array = Array.program(matrix(2, 2), profile(), clip=1.0, effects=Effects.none())
    with pytest.raises(ProfileError, match="^read: -1 is not 0 to 2"):
        array.multiply(np.ones((1, 2)), read=-1)
