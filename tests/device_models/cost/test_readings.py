"""The readings of 'per cent area': each against its own sum, and back."""

import pytest

from device_models.cost import Components, LayerSize, correction_bits, macro_cost, overhead_readings
from device_models.errors import ProfileError
from device_models.macro import MacroConfig

PARTS = Components.load("65nm")
LAYERS = [LayerSize("conv", 150, 16, positions=100), LayerSize("dense", 400, 120)]
WEIGHTS = 150 * 16 + 400 * 120


def readings(bits, **macro):
    return {r.key: r for r in overhead_readings(PARTS, MacroConfig(**macro), LAYERS, value_bits=bits)}


def test_bit_cells_against_cells():
    """1 % of the weights with 8 bits of 0.57 um2 each, beside two cells of 0.2028 um2 for every weight."""
    found = readings(8)
    assert found["a"].overhead_percent(1.0) == pytest.approx(1.0 * 8 * 0.57 / (2 * 0.2028))
    assert found["b"].overhead_percent(1.0) == pytest.approx(1.0 * 24 * 0.57 / (2 * 0.2028))
    assert found["c"].overhead_percent(1.0) == pytest.approx(1.0 * 24 * 0.57 / 0.38 / (2 * 0.2028))


def test_the_last_reading_is_what_the_cost_of_that_correction_gives():
    corrected = [LayerSize(x.name, x.rows, x.cols, x.positions, x.weights // 20) for x in LAYERS]  # 5 %
    cost = macro_cost(PARTS, MacroConfig(), corrected, correction_bits(corrected), mean_uS=50)
    assert readings(32)["e"].overhead_percent(5.0) == pytest.approx(cost.overhead_percent)
    sram_um2 = 48 * WEIGHTS / 20 * 0.57 / 0.38
    assert readings(32)["d"].overhead_percent(5.0) == pytest.approx(100 * sram_um2 / cost.macro_um2)


@pytest.mark.parametrize("bits", [4, 8, 32])
def test_a_share_of_weights_comes_back_from_its_area(bits):
    for reading in readings(bits).values():
        assert reading.weights_percent(reading.overhead_percent(3.3)) == pytest.approx(3.3)


def test_an_area_below_the_fixed_part_holds_no_weight():
    reading = readings(32)["e"]
    assert reading.fixed > 0
    assert reading.weights_percent(50 * reading.fixed) is None


def test_the_narrower_reading_always_says_more_per_cent_than_the_one_against_the_whole_macro():
    found = readings(8)
    assert found["a"].slope < found["b"].slope < found["c"].slope
    assert found["d"].slope < found["c"].slope
    assert found["d"].slope == found["e"].slope


def test_wrong_bits_are_one_line():
    with pytest.raises(ProfileError, match="^readings: value_bits: 0 is not 1 to 64$"):
        readings(0)
