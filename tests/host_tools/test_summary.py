"""What a network asks of the hardware, against counts by hand, published ones, and the macro model of rram cost."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("keras", reason="needs the host extra")

from device_models.errors import ProfileError
from device_models.macro import MacroConfig
from device_models.profile import DeviceProfile
from firmware_py.bundle import Bundle
from host_tools.backend import keras
from host_tools.conversion import convert
from host_tools.models import build
from host_tools.summary import of_bundle, of_model
from tests.firmware_py.make_bundle import RESNET, Synthetic, make_bundle
from tests.host_tools import networks
from tests.host_tools.networks import CLASSES, L

CHARAN = DeviceProfile.load("charan-65nm")
SLICED = MacroConfig(pairing="bit-sliced", cells_per_weight=4, bits_per_cell=2)


def by_name(result: dict[str, Any], key: str) -> dict[str, Any]:
    return {layer["name"]: layer[key] for layer in result["layers"]}


def test_lenet5_by_hand() -> None:
    r = of_model(build("lenet5", (28, 28, 1), 10), MacroConfig(), CHARAN)
    weights = {"conv1": 25 * 6, "conv2": 150 * 16, "fc1": 400 * 120, "fc2": 120 * 84, "fc3": 84 * 10}
    assert by_name(r, "weights") == weights
    assert by_name(r, "cells") == {name: 2 * count for name, count in weights.items()}
    assert by_name(r, "positions") == {"conv1": 28 * 28, "conv2": 10 * 10, "fc1": 1, "fc2": 1, "fc3": 1}
    assert by_name(r, "tiles") == {"conv1": 1, "conv2": 2, "fc1": 4, "fc2": 1, "fc3": 1}
    assert by_name(r, "macs_analog") == {"conv1": 117600, "conv2": 240000, "fc1": 48000, "fc2": 10080, "fc3": 840}
    assert by_name(r, "macs_digital") == {"conv1": 784 * 6, "conv2": 1600, "fc1": 120, "fc2": 84, "fc3": 10}
    assert r["totals"]["weights"] == 61470 and r["totals"]["parameters"] == 61706
    assert set(by_name(r, "bits_per_weight").values()) == {math.log2(19)}
    assert r["totals"]["bits"] == pytest.approx(61470 * math.log2(19))
    operations = {(d["name"], d["kind"]): d["operations"] for d in r["digital"]}
    assert operations[("relu1", "relu")] == 28 * 28 * 6
    assert operations[("pool1", "maxpool2d")] == 28 * 28 * 6
    assert r["not_carried"] == {}


def test_resnet8_is_mlperf_tinys() -> None:
    """Banbury et al., 2021: 12.5 million multiply-accumulates, 78 thousand parameters."""
    model = build("resnet8", (32, 32, 3), 10)
    r = of_model(model, MacroConfig(), None)
    assert r["totals"]["macs_analog"] == 12_501_632
    assert r["totals"]["weights"] == 77_360
    assert round(r["totals"]["parameters"], -3) == 78_000
    assert r["totals"]["parameters"] == sum(math.prod(w.shape) for w in model.trainable_weights)
    assert r["totals"]["bits"] is None and set(by_name(r, "levels").values()) == {None}
    adds = [d["operations"] for d in r["digital"] if d["kind"] == "add"]
    assert adds == [32 * 32 * 16, 16 * 16 * 32, 8 * 8 * 64]
    assert [d["operations"] for d in r["digital"] if d["kind"] == "avgpool2d"] == [8 * 8 * 64]
    relus = [d["operations"] for d in r["digital"] if d["kind"] == "relu"]
    assert relus == 3 * [32 * 32 * 16] + 2 * [16 * 16 * 32] + 2 * [8 * 8 * 64]


def test_pairings_count_their_cells() -> None:
    model = networks.conv_net()
    offset = of_model(model, MacroConfig(pairing="offset", rows=32, cols=4), CHARAN)
    assert by_name(offset, "cells") == by_name(offset, "weights")
    assert by_name(offset, "reference_cells") == {"conv1": 9 * 2, "conv2": 30 * 2, "fc1": 24 * 3, "fc2": 9 * 1}
    assert by_name(offset, "tiles") == {"conv1": 2, "conv2": 2, "fc1": 3, "fc2": 1}
    assert set(by_name(offset, "bits_per_weight").values()) == {math.log2(10)}
    sliced = of_model(model, SLICED, CHARAN)
    assert by_name(sliced, "cells") == {name: 4 * count for name, count in by_name(sliced, "weights").items()}
    assert set(by_name(sliced, "bits_per_weight").values()) == {8.0}
    with pytest.raises(ProfileError, match="bits_per_cell: 4 needs 16 levels, the profile has 10"):
        of_model(model, MacroConfig(pairing="bit-sliced", cells_per_weight=2, bits_per_cell=4), CHARAN)


def test_what_is_not_carried_is_named_and_not_counted() -> None:
    x = keras.Input((8, 8, 3))
    y = L.Conv2D(4, 3, activation="relu", name="first")(x)
    y = L.Conv2DTranspose(4, 3, name="deep")(y)
    y = L.Dense(CLASSES, name="last")(L.Flatten()(L.BatchNormalization(name="norm")(L.ReLU()(y))))
    r = of_model(keras.Model(x, y), MacroConfig(), None)
    assert {name: item["kind"] for name, item in r["not_carried"].items()} == {
        "deep": "Conv2DTranspose", "norm": "BatchNormalization"}  # fmt: skip
    assert r["not_carried"]["deep"]["parameters"] == 9 * 4 * 4 + 4
    assert list(by_name(r, "name")) == ["first", "last"]


def test_a_student_knows_its_levels() -> None:
    student = convert(networks.chain(L.Flatten(name="f"), L.Dense(CLASSES, name="d")), CHARAN)
    r = of_model(student, MacroConfig(), None)
    assert by_name(r, "levels") == {"d": 10}
    assert by_name(r, "parameters") == {"d": 64 * CLASSES + 2 * CLASSES}


def test_a_bundle_counts_its_sram_and_agrees_with_its_own_nodes(tmp_path: Path) -> None:
    bundle = Bundle.open(make_bundle(tmp_path / "b", Synthetic(nodes=RESNET, input_shape=(8, 8, 2), mask_share=0.1)))
    r = of_bundle(bundle, None)
    for layer in bundle.layers:
        assert by_name(r, "sram")[layer.name] == layer.mask_rows.size + 2 * layer.n
        positions = math.prod(layer.node.out_shape[:-1])
        assert by_name(r, "macs_digital")[layer.name] == positions * (layer.mask_rows.size + layer.n)
        assert by_name(r, "macs_analog")[layer.name] == positions * layer.k * layer.n
    assert [d["operations"] for d in r["digital"] if d["kind"] == "add"] == [8 * 8 * 5, 4 * 4 * 6]
    assert of_bundle(bundle, MacroConfig(rows=16, cols=4))["totals"]["tiles"] > r["totals"]["tiles"]
