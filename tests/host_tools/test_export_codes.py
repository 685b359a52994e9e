"""An export with codes in SRAM and a mask as large as an area holds: a bundle that keeps its own golden vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="networks are Keras models")

from firmware_py import Chip
from firmware_py.correction import count_sram
from host_tools.export import ExportOptions, export_bundle
from host_tools.mapping.area import layer_sizes, macro_of
from host_tools.mapping.mask import MaskChoice
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
