"""An export with codes in SRAM and a mask as large as an area holds: a bundle that keeps its own golden vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="networks are Keras models")

from firmware_py import Chip
from firmware_py.bundle import Bundle
from firmware_py.correction import count_sram
from firmware_py.sram import VALUE_BITS, Code
from host_tools.ablation.variants import correction_bits
from host_tools.data import Dataset, scaled
from host_tools.errors import HostError
from host_tools.export import ExportOptions, export_bundle
from host_tools.mapping.area import layer_sizes, macro_of
from host_tools.mapping.codes import finest_exponent
from host_tools.mapping.mask import MaskChoice
from host_tools.mapping.options import VALUE_BITS as OFFERED
from tests.host_tools import networks


def test_a_bundle_of_codes_fits_its_area_and_keeps_its_golden_vectors(tmp_path: Path) -> None:
    model, profile = networks.conv_net(), networks.whole_levels()
    choice = MaskChoice("magnitude", area_percent=1.1, value_bits=8)
    bundle = export_bundle(tmp_path / "b.rram.safetensors", model, model, profile, networks.data(),
                           ExportOptions(mask=choice, vectors=8), {})  # fmt: skip
    area = choice.area_model(macro_of(bundle))
    sizes = layer_sizes(bundle.layers)
    assert 0 < sum(size.corrected for size in sizes) < sum(size.weights for size in sizes)
    assert area.percent(sizes) <= 1.1
    assert bundle.provenance["mask"] == {"criterion": "magnitude", "area_percent": 1.1}
    for layer in bundle.layers:
        assert (layer.sram.value.bits, layer.sram.gain.bits, layer.sram.rank) == (8, 16, 0)
        most = 32767 * 2.0**layer.sram.offset.exponent
        assert most >= np.abs(layer.offset).max()
    assert count_sram(bundle, learning=False).parts["values"] == sum(size.corrected for size in sizes)
    chip = Chip(bundle, bundle.golden["seed"], engine="numpy")
    np.testing.assert_array_equal(chip.logits_many(bundle.golden_x), bundle.golden_logits)


@pytest.mark.parametrize("bits", [8, 32])
def test_factors_take_the_masks_sram_and_repair_what_gains_cannot(tmp_path: Path, bits: int) -> None:
    model, profile, data = networks.conv_net(), networks.whole_levels(), networks.data()

    def made(kind: str, **mask: Any) -> Bundle:
        options = ExportOptions(mask=MaskChoice("magnitude", value_bits=bits, **mask), vectors=32, kind=kind)
        return export_bundle(tmp_path / f"{kind}.rram.safetensors", model, model, profile, data, options, {})

    sparse = made("sparse", sram_percent=30.0)
    room = correction_bits(sparse)
    for kind in ("low-rank", "both"):
        bundle = made(kind, sram_percent=30.0)
        assert sum(layer.sram.rank for layer in bundle.layers) > 0 and correction_bits(bundle) <= room
        assert bundle.provenance["mask"]["correction"] == kind
        assert (sum(layer.mask_rows.size for layer in bundle.layers) > 0) == (kind == "both")
        errors = []
        for steps in ("gains", "full"):
            chip = Chip(bundle, 3, engine="numpy")
            chip.calibrate(kind=steps)
            errors.append(distance(chip, model, data))
        assert errors[1] < 0.9 * errors[0]
    most = 8.0 if bits == 32 else 2.0
    area = made("low-rank", area_percent=most)
    assert MaskChoice(value_bits=bits).area_model(macro_of(area)).percent(layer_sizes(area.layers)) <= most


@pytest.mark.parametrize("bits", [4, 6])
def test_few_bits_lie_where_drawn_values_err_least(bits: int) -> None:
    """Closed form against a search that rounds 20,000 drawn values to codes of each exponent."""
    rng = np.random.default_rng(bits)
    mean, sd = rng.normal(0, 0.3, 200), rng.uniform(0.1, 1.0, 200)
    drawn = rng.normal(mean, sd, (100, 200))
    errors = {e: float(np.square(Code(bits, e).round(drawn) - drawn).mean()) for e in range(-8, 3)}
    assert finest_exponent(mean, sd, bits, 2) == min(errors, key=lambda e: errors[e])


def test_a_mask_of_narrower_values_is_larger_and_is_held_by_both_engines(tmp_path: Path) -> None:
    model, profile, data = networks.conv_net(), networks.whole_levels(), networks.data()
    entries = []
    for bits in (8, 6, 4):
        choice = MaskChoice("magnitude", area_percent=1.1, value_bits=bits)
        bundle = export_bundle(tmp_path / f"{bits}.rram.safetensors", model, model, profile, data,
                               ExportOptions(mask=choice, vectors=8), {})  # fmt: skip
        entries.append(sum(layer.mask_rows.size for layer in bundle.layers))
        chips = [Chip(bundle, 3, engine=engine) for engine in ("numpy", "c")]
        for chip in chips:
            chip.calibrate()
            for layer, numbers in zip(bundle.layers, chip.correction.layers, strict=True):
                codes = numbers.value / 2.0**layer.sram.value.exponent
                assert np.all(np.isin(codes, np.arange(-(2 ** (bits - 1)), 2 ** (bits - 1))))
        outputs = [chip.logits_many(data.x_test) for chip in chips]
        np.testing.assert_allclose(*outputs, atol=0.05 * float(np.std(outputs[0])))
    assert entries == sorted(set(entries))


def test_commands_offer_what_the_board_holds() -> None:
    assert tuple(map(int, OFFERED.choices)) == VALUE_BITS


def distance(chip: Chip, model: Any, data: Dataset) -> float:
    """Root mean square between the chip's outputs and the ideal network's."""
    wanted = np.asarray(model(scaled(data.x_test)))
    return float(np.sqrt(np.mean((chip.logits_many(data.x_test) - wanted) ** 2)))


def test_factors_need_sram_and_a_student_without_a_mask_of_its_own(tmp_path: Path) -> None:
    model, profile = networks.conv_net(), networks.whole_levels()
    for mask, kind, named in (
        (MaskChoice("none"), "low-rank", "^--correction: 'low-rank' given, --mask none leaves it no SRAM$"),
        (MaskChoice(sram_percent=30.0, value_bits=6), "both", "^--value-bits: 6 given, --correction both expects"),
    ):
        options = ExportOptions(mask=mask, kind=kind)
        with pytest.raises(HostError, match=named):
            export_bundle(tmp_path / "b.rram.safetensors", model, model, profile, networks.data(), options, {})
    assert not list(tmp_path.iterdir())
