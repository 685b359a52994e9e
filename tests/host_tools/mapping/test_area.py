"""Area of a correction: added up by hand, and how many entries fit against a search one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from device_models.cost import Components, LayerSize
from device_models.macro import MacroConfig
from host_tools.errors import HostError
from host_tools.mapping.area import AreaModel, entries_for_area
from host_tools.mapping.mask import MaskChoice

PARTS = Components.load("65nm")
MODEL = AreaModel(components=PARTS)
LAYERS = [LayerSize("conv", 27, 8, positions=100), LayerSize("dense", 200, 10)]


def test_area_of_one_layer_added_up_by_hand() -> None:
    """130 of 200 x 10 values: lists take 2 x 10 counts and 130 rows of 7 bits; gains and offsets 16 bits each."""
    counts = 10 * 8 + 10 * 7  # a tile of 128 rows: 0 to 128; one of 72: 0 to 72
    bits = 8 * 130 + counts + 7 * 130 + 2 * 16 * 10
    sram = bits * PARTS.sram_bit_um2.value / PARTS.sram_array_share.value
    passes = 130 + 4 * 10  # a gain of 16 bits times a sum of 16 on a multiplier of 8 x 8
    units = -(-passes // 82)  # 1 ns each, beside reads of 10 ns and eight conversions of 9 ns
    assert units == 3
    tile = 128 * 256 * 0.2028 + 512 * 79.4 + 128 * 240 + 16 * (6189 + 248)
    macro = 2 * tile / (1 - 0.39)
    percent = MODEL.percent([LayerSize("dense", 200, 10, corrected=130)])
    assert percent == pytest.approx(100 * (sram + units * PARTS.mac8_um2.value) / macro)


def test_a_dense_layer_waits_for_the_slowest_convolution() -> None:
    """Images follow one another: what 100 reads of the convolution leave time for needs one unit only."""
    dense = replace(LAYERS[1], corrected=500)
    alone, beside = (MODEL.arithmetic.units(PARTS, MODEL.macro, layers, MODEL.sram(layers))
                     for layers in ([dense], [LAYERS[0], dense]))
    assert alone == [7]  # 540 passes in 82 ns
    assert beside[1] == 1


@pytest.mark.parametrize("bits", [4, 6, 8, 16, 32])
@pytest.mark.parametrize("percent", [5.0, 7.86])
def test_one_entry_more_is_too_much(bits: int, percent: float) -> None:
    model = AreaModel(value_bits=bits)
    ranked = np.random.default_rng(1).permutation(np.repeat([0, 1], [27 * 8, 2000]))

    def area(entries: int) -> float:
        counts = np.bincount(ranked[:entries], minlength=2)
        return model.percent([replace(x, corrected=int(n)) for x, n in zip(LAYERS, counts, strict=True)])

    found = entries_for_area(percent, LAYERS, model, ranked)
    assert area(found) <= percent
    assert found == 2216 or area(found + 1) > percent
    steps = [area(n) for n in range(0, 2217, 37)]
    assert steps == sorted(steps)  # what the search takes for granted


def test_everything_fits_into_all_and_nothing_into_less_than_gains_and_offsets() -> None:
    assert entries_for_area(1000, LAYERS, MODEL) == 27 * 8 + 2000
    with pytest.raises(HostError, match=r"^--area: 0.1 % given, gains and offsets alone take \d+.\d\d % of"):
        entries_for_area(0.1, LAYERS, MODEL)


def test_a_rank_takes_its_area() -> None:
    ranked = [replace(LAYERS[1], rank=2)]
    extra = MODEL.sram(ranked).total - MODEL.sram(LAYERS[1:]).total
    assert extra == 2 * (200 + 10) * 8


def test_the_model_of_a_choice() -> None:
    assert MaskChoice(area_percent=7.86, value_bits=8).area_model() == AreaModel()
    assert MaskChoice(area_percent=7.86).area_model().number_bits == 32
    small = MacroConfig(rows=64, cols=64, rows_active=64)
    assert MaskChoice(value_bits=16).area_model(small) == AreaModel(small, 16)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"area_percent": -1.0}, "^--area: -1.0 is not a percentage from 0 to 100$"),
        ({"area_percent": float("nan")}, "^--area: nan"),
        ({"value_bits": 12}, "^--value-bits: 12 is not one of 4, 6, 8, 16, 32$"),
    ],
)
def test_wrong_choices_are_one_line(given: dict, text: str) -> None:
    with pytest.raises(HostError, match=text):
        MaskChoice(**given)
