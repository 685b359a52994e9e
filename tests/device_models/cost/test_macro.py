"""Cost of a macro: sums by hand, laws of scaling, and a published macro within a stated factor."""

import pytest

from device_models.cost import (
    Components,
    LayerSize,
    SramBits,
    adc_area_um2,
    adc_energy_pJ,
    macro_cost,
)
from device_models.errors import ProfileError
from device_models.macro import MacroConfig

PARTS = Components.load("65nm")
MACRO = MacroConfig()
SRAM = SramBits(values=3200, indices=1600, gains=320, offsets=320, optimizer=100)


def value(key):
    return getattr(PARTS, key).value


def test_area_of_one_tile_added_up_by_hand():
    area = macro_cost(PARTS, MACRO, [LayerSize("a", 128, 128)], SRAM, mean_uS=50).area_um2
    assert area["RRAM cells"] == pytest.approx(128 * 256 * 0.2028)
    assert area["DACs"] == pytest.approx(128 * 240)
    assert area["ADCs"] == pytest.approx(16 * 6189)
    assert area["accumulators"] == pytest.approx(16 * 248)
    assert area["line drivers"] == pytest.approx(512 * 79.4)
    own = sum(area[k] for k in ("RRAM cells", "DACs", "ADCs", "accumulators", "line drivers"))
    assert area["control and routing"] == pytest.approx(0.39 * (own + area["control and routing"]))
    assert area["SRAM correction"] == pytest.approx(5540 * 0.57 / 0.38)
    assert area["correction multiply-adds"] == pytest.approx(17502)


def test_energy_of_one_read_added_up_by_hand():
    layer = LayerSize("a", 200, 100, positions=3, corrected=10)
    energy = macro_cost(PARTS, MACRO, [layer], SramBits(320, 160, 3200, 3200), mean_uS=50).energy_pJ
    assert energy["RRAM cells"] == pytest.approx(3 * 200 * 100 * 2 * 0.2**2 * 50e-6 * 10e-9 * 0.5 * 1e12)
    assert energy["DACs"] == pytest.approx(3 * 200 * 0.0375)
    assert energy["ADCs"] == pytest.approx(3 * 2 * 100 * 5.25)
    assert energy["accumulators"] == pytest.approx(3 * 2 * 100 * 0.0427)
    assert energy["SRAM correction"] == pytest.approx(3 * (10 * 48 + 100 * 64) * 0.226)
    assert energy["correction multiply-adds"] == pytest.approx(3 * (10 + 100) * 6.64)


def test_latency_is_the_longer_of_array_and_correction_layer_by_layer():
    layers = [LayerSize("a", 200, 100, positions=7), LayerSize("b", 20, 10, corrected=200)]
    cost = macro_cost(PARTS, MACRO, layers, SramBits(values=1), mean_uS=50)
    assert cost.array_ns == {"a": 7 * (10 + 8 * 9), "b": 10 + 8 * 9}
    assert cost.correction_ns == {"a": 0, "b": 200}
    assert cost.latency_ns == 7 * 82 + 200


def test_fewer_rows_active_take_more_conversions_one_after_the_other():
    all_rows, quarter = (macro_cost(PARTS, MacroConfig(rows_active=active), [LayerSize("a", 128, 64)], SRAM, mean_uS=50)
                         for active in (128, 32))
    assert quarter.energy_pJ["ADCs"] == 4 * all_rows.energy_pJ["ADCs"]
    assert quarter.energy_pJ["RRAM cells"] == all_rows.energy_pJ["RRAM cells"]
    assert quarter.array_ns["a"] == 4 * all_rows.array_ns["a"]


def test_twice_the_tiles_are_twice_the_area_of_the_macro():
    one, two = (macro_cost(PARTS, MACRO, [LayerSize("a", 128, n)], SRAM, mean_uS=50) for n in (128, 256))
    assert (one.tiles, two.tiles) == (1, 2)
    assert two.macro_um2 == pytest.approx(2 * one.macro_um2)
    assert two.correction_um2 == one.correction_um2
    assert two.overhead_percent == pytest.approx(one.overhead_percent / 2)


def test_a_tile_that_is_not_full_costs_its_whole_area():
    one, full = (macro_cost(PARTS, MACRO, [LayerSize("a", *size)], SRAM, mean_uS=50) for size in ((5, 5), (128, 128)))
    assert one.macro_um2 == full.macro_um2
    assert one.energy_pJ["RRAM cells"] == pytest.approx(full.energy_pJ["RRAM cells"] * 25 / 128**2)


def test_pairings_differ_by_their_cells():
    def cells(**macro):
        cost = macro_cost(PARTS, MacroConfig(**macro), [LayerSize("a", 64, 32)], SRAM, mean_uS=50)
        return cost.area_um2["RRAM cells"]

    unit = 128 * value("rram_cell_um2")
    assert cells() == pytest.approx(256 * unit)
    assert cells(pairing="offset") == pytest.approx(129 * unit)
    assert cells(pairing="bit-sliced", cells_per_weight=4, bits_per_cell=2) == pytest.approx(132 * unit)


def test_no_correction_costs_nothing():
    cost = macro_cost(PARTS, MACRO, [LayerSize("a", 128, 128)], SramBits(), mean_uS=50)
    assert cost.overhead_percent == 0
    assert cost.energy_pJ["SRAM correction"] == cost.energy_pJ["correction multiply-adds"] == 0


@pytest.mark.parametrize(("bits", "area", "energy"), [(4, 361.04, 0.79), (5, 476.91, 0.99), (6, 626.91, 1.20),
                                                      (7, 845.18, 1.42), (9, 1827.91, 1.969), (10, 3002.0, 2.379)])
def test_an_adc_grows_with_its_bits_as_the_isaac_component_list_says(bits, area, energy):
    """hwcomponents-library, isaac.py: the 8-bit ADC of ISAAC (1200 um2, 1.67 pJ) scaled after Saberi et al. 2011."""
    assert adc_area_um2(PARTS, bits) / adc_area_um2(PARTS, 8) == pytest.approx(area / 1200, rel=0.08)
    assert adc_energy_pJ(PARTS, bits) / adc_energy_pJ(PARTS, 8) == pytest.approx(energy / 1.67, rel=0.15)


def test_a_published_macro_is_met_within_a_factor_of_two():
    """NeuRRAM (Wan et al., Nature 608, 504, 2022; numbers as quoted in mit-emze/cimloop, macro wan_nature_2022).

    A core: 256 x 256 cells, 1270 x 256 / 0.28 = 1.16 mm2 at 130 nm ("Fig. 11f" there); with 6-bit inputs and 8-bit
    outputs 37.2 + 52.5 + 19.2 fJ a multiply-add ("Fig. 12b"), where a weight is a pair: 256 x 128 of them. Both are
    compared at a quarter, (65 / 130)^2. Drivers and control of the table come from that chip; its cells, converters
    and energies do not.
    """
    cost = macro_cost(PARTS, MacroConfig(rows=256, cols=128, dac_bits=6), [LayerSize("core", 256, 128)], SramBits(),
                      mean_uS=20)
    assert 0.5 < cost.macro_um2 / (1270 * 256 / 0.28 / 4) < 2
    per_mac_fJ = 1e3 * sum(cost.energy_pJ.values()) / (256 * 128)
    assert 0.5 < per_mac_fJ / ((37.2 + 52.5 + 19.2) / 4) < 2


@pytest.mark.parametrize(("make", "message"), [
    (lambda: LayerSize("a", 0, 3), "layer a: rows: 0 is not >= 1"),
    (lambda: LayerSize("a", 2, 3, corrected=7), "layer a: corrected: 7 is not 0 to its 6 weights"),
    (lambda: SramBits(values=-1), "sram: values: -1 bits is not >= 0"),
    (lambda: macro_cost(PARTS, MACRO, [], SRAM, mean_uS=1), "cost: no layers given"),
    (lambda: macro_cost(PARTS, MACRO, [LayerSize("a", 1, 1)], SRAM, mean_uS=0), "cost: mean_uS: 0 is not > 0"),
    (lambda: macro_cost(PARTS, MACRO, [LayerSize("a", 1, 1)] * 2, SRAM, mean_uS=1), "cost: two layers have one name"),
])  # fmt: skip
def test_wrong_input_is_one_line(make, message):
    with pytest.raises(ProfileError, match=f"^{message}$"):
        make()
