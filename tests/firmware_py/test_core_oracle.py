"""The core against the NumPy oracle, bit for bit: random networks, every instruction set, LeNet-5."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from firmware_py import Chip, Effects, rls
from firmware_py.aging import Age
from firmware_py.bundle import Bundle
from firmware_py.correction import OPTIMIZERS, AdaptConfig
from tests.firmware_py.core_cases import (
    VARIANTS,
    assert_same,
    assert_same_state,
    images,
    needs_core,
    networks,
    opened,
    pair,
)
from tests.firmware_py.make_bundle import MOBILE, RESNET, Synthetic, contents, write
from tests.firmware_py.test_learn import FORKED

pytestmark = needs_core

LENET = [
    {"op": "conv2d", "name": "conv1", "kernel": [5, 5], "stride": [1, 1], "padding": "same", "out": [28, 28, 6]},
    {"op": "relu"},
    {"op": "maxpool2d", "pool": [2, 2], "stride": [2, 2]},
    {"op": "conv2d", "name": "conv2", "kernel": [5, 5], "stride": [1, 1], "padding": "valid", "out": [10, 10, 16]},
    {"op": "relu"},
    {"op": "maxpool2d", "pool": [2, 2], "stride": [2, 2]},
    {"op": "flatten"},
    {"op": "dense", "name": "fc1", "out": [120]},
    {"op": "relu"},
    {"op": "dense", "name": "fc2", "out": [84]},
    {"op": "relu"},
    {"op": "dense", "name": "fc3", "out": [10]},
]
LENET5 = Synthetic(nodes=LENET, input_shape=(28, 28, 1), rows=128, mask_share=0.05)


@settings(max_examples=150)
@given(networks(), st.booleans(), st.booleans(), st.sampled_from(OPTIMIZERS), st.integers(0, 2**32), st.integers(0, 3))
def test_random_networks(
    spec: Synthetic, programming: bool, noise: bool, optimizer: Any, seed: int, frozen: int
) -> None:
    x = images(spec, 3, seed)
    with tempfile.TemporaryDirectory() as folder:
        bundle = opened(Path(folder), spec)
        adapt = AdaptConfig(optimizer, lr=0.05, layers=max(1, len(bundle.layers) - frozen) if frozen else None)
        assume(optimizer != "rls" or rls.covariance_numbers(bundle.layers[-1]) <= rls.MOST_NUMBERS)
        assert_same(bundle, Effects(programming, noise), x, adapt)


@pytest.mark.parametrize("variant", VARIANTS)
@settings(max_examples=25)
@given(networks())
def test_every_instruction_set_gives_the_same_bits(variant: str, spec: Synthetic) -> None:
    x = images(spec, 2, spec.seed)
    with tempfile.TemporaryDirectory() as folder:
        age = Age(100.0 * bool(spec.drift), 500)
        assert_same(opened(Path(folder), spec), Effects(), x, AdaptConfig(), variant, age)


@pytest.mark.parametrize("variant", VARIANTS)
def test_lenet(tmp_path: Path, variant: str) -> None:
    x = images(LENET5, 4, 2)
    x[0, 4:-4, 5:-7] = np.random.default_rng(3).random((20, 16, 1), dtype=np.float32)  # about as MNIST
    assert_same(opened(tmp_path, LENET5), Effects(), x, AdaptConfig(), variant)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("columns", [3, 5, 6, 8, 9, 20])
@pytest.mark.parametrize("channels", [1, 2])
def test_masks_of_every_density(tmp_path: Path, variant: str, columns: int, channels: int) -> None:
    """Nearly all weights (zeros between them do no harm), a few, on images with a border of zeros, as MNIST has."""
    for share in (0.9, 0.15):
        nodes = [{"op": "conv2d", "name": "c", "kernel": [3, 5], "stride": [1, 1], "padding": "same",
                  "out": [21, 23, columns]}, {"op": "maxpool2d", "pool": [3, 3], "stride": [3, 3]},
                 {"op": "conv2d", "name": "d", "kernel": [3, 3], "stride": [2, 2], "padding": "same",
                  "out": [4, 4, columns]}, {"op": "flatten"}, {"op": "dense", "name": "fc", "out": [4]}]  # fmt: skip
        spec = Synthetic(nodes=nodes, input_shape=(21, 23, channels), rows=9, mask_share=share)
        x = images(spec, 2, 2)
        x[:, :3], x[:, -4:], x[:, :, :2], x[:, :, -5:] = 0, 0, 0, 0
        assert_same(opened(tmp_path, spec), Effects(), x, AdaptConfig(), variant)


@pytest.mark.parametrize("variant", VARIANTS)
def test_groups_whose_last_channel_is_the_number_of_columns(tmp_path: Path, variant: str) -> None:
    """Three groups of four channels and three columns: the last column's group begins at channel 8, its own number."""
    nodes = [
        {"op": "conv2d", "name": "c", "kernel": [2, 2], "stride": [1, 1], "padding": "same", "out": [8, 8, 9],
         "groups": 3},
        {"op": "flatten"},
        {"op": "dense", "name": "fc", "out": [4]},
    ]  # fmt: skip
    spec = Synthetic(nodes=nodes, input_shape=(8, 8, 12), mask_share=0.2)
    assert_same(opened(tmp_path, spec), Effects(), images(spec, 3, 2), AdaptConfig(), variant)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("nodes", [RESNET, MOBILE, FORKED], ids=["resnet", "mobile", "forked"])
def test_branches(tmp_path: Path, variant: str, nodes: list[dict]) -> None:
    spec = Synthetic(nodes=nodes, input_shape=(5, 5, 1) if nodes is FORKED else (8, 8, 2), mask_share=0.2)
    assert_same(opened(tmp_path, spec), Effects(), images(spec, 4, 2), AdaptConfig(), variant)


WIDE = [  # for images of 30 x 28 x 2: a layer's outputs, and errors of its inputs, do not fit into one band
    {"op": "conv2d", "name": "c", "kernel": [3, 3], "stride": [1, 1], "padding": "same", "out": [30, 28, 18]},
    {"op": "relu"},
    {"op": "conv2d", "name": "a1", "kernel": [3, 3], "stride": [1, 1], "padding": "same", "out": [30, 28, 18]},
    {"op": "add", "from": [2, 1]},  # the sum is formed where the first of its inputs lies
    {"op": "relu"},
    {"op": "conv2d", "name": "a2", "kernel": [5, 3], "stride": [1, 1], "padding": "same", "out": [30, 28, 18],
     "groups": 3},
    {"op": "add", "from": [4, 5]},
    {"op": "conv2d", "name": "b1", "kernel": [3, 2], "stride": [2, 3], "padding": "valid", "out": [14, 9, 64]},
    {"op": "relu"},
    {"op": "conv2d", "name": "b2", "kernel": [3, 3], "stride": [3, 3], "padding": "same", "out": [5, 3, 20],
     "dilation": [2, 1]},
    {"op": "flatten"},
    {"op": "dense", "name": "fc", "signed": True, "out": [4]},
]  # fmt: skip


@pytest.mark.parametrize("variant", VARIANTS)
def test_layers_that_are_computed_in_bands(tmp_path: Path, variant: str) -> None:
    spec = Synthetic(nodes=WIDE, input_shape=(30, 28, 2), mask_share=0.1, rows=40)
    assert_same(opened(tmp_path, spec), Effects(), images(spec, 3, 2), AdaptConfig(), variant)


@pytest.mark.parametrize("rows", [8, 9, 20, 40, 160])
@pytest.mark.parametrize("optimizer", ["rms", "rls"])
def test_sums_of_every_width_are_kept(tmp_path: Path, rows: int, optimizer: str) -> None:
    """1 to 20 tiles of 8 bits take 0, 1, 2, 4, and 8 bits beyond a byte; of 16 bits, all 32. An odd number of them."""
    nodes = [{"op": "conv2d", "name": "c", "kernel": [3, 3], "stride": [1, 1], "padding": "same", "out": [5, 7, 3]},
             {"op": "relu"}, {"op": "flatten"}, {"op": "dense", "name": "fc", "out": [5]}]  # fmt: skip
    for bits in (4, 8, 16):
        spec = Synthetic(nodes=nodes, input_shape=(5, 7, 17), mask_share=0.1, rows=rows, adc_bits=bits)
        adapt = AdaptConfig(optimizer=optimizer)  # type: ignore[arg-type]
        assert_same(opened(tmp_path, spec), Effects(), images(spec, 3, 2), adapt)


@pytest.mark.parametrize("variant", VARIANTS)
def test_errors_of_many_columns(tmp_path: Path, variant: str) -> None:
    """Sums over 9 x 64 and over 600 columns might leave int32: the core takes int64 for them."""
    nodes = [{"op": "conv2d", "name": "a", "kernel": [1, 1], "stride": [1, 1], "padding": "same", "out": [4, 4, 3]},
             {"op": "conv2d", "name": "b", "kernel": [3, 3], "stride": [1, 1], "padding": "same", "out": [4, 4, 64]},
             {"op": "flatten"}, {"op": "dense", "name": "c", "out": [600]},
             {"op": "dense", "name": "d", "out": [3]}]  # fmt: skip
    spec = Synthetic(nodes=nodes, input_shape=(4, 4, 2), mask_share=0.05, faults=(2**30, 2**31, 0, 32767))
    assert_same(opened(tmp_path, spec), Effects(), images(spec, 3, 2), AdaptConfig(), variant)


@pytest.mark.parametrize("nodes", [RESNET, FORKED], ids=["resnet", "forked"])
def test_both_engines_are_calibrated_alike(tmp_path: Path, nodes: list[dict]) -> None:
    spec = Synthetic(nodes=nodes, input_shape=(8, 8, 2) if nodes is RESNET else (5, 5, 1), mask_share=0.2)
    bundle = opened(tmp_path, spec)
    chips = [Chip(bundle, 3, engine) for engine in ("numpy", "c")]
    reports = [chip.calibrate(in_core=False) for chip in chips]
    assert reports[0] == reports[1]
    assert_same_state(chips[0].correction, chips[1].correction)


def test_the_state_after_200_labels_is_the_same(tmp_path: Path) -> None:
    bundle = opened(tmp_path, replace(LENET5, nodes=[{**LENET[0], "stride": [2, 2], "out": [14, 14, 6]}, *LENET[1:3],
                                                     *LENET[6:]]))  # fmt: skip
    oracle, engine = pair(bundle, 3, Effects())
    rng = np.random.default_rng(4)
    for step in range(200):
        x, label = rng.random((28, 28, 1), dtype=np.float32), int(rng.integers(10))
        ours, theirs = (e.learn(x, label, 1000 + step, step, AdaptConfig()) for e in (engine, oracle))
        np.testing.assert_array_equal(ours, theirs)
    assert_same_state(engine.correction, oracle.correction)


def test_mask_entries_may_come_in_any_order(tmp_path: Path) -> None:
    """float32 sums depend on the order: it is the file's, not that of the rows."""
    metadata, tensors = contents(Synthetic(mask_share=0.8))
    for name in ("conv1", "conv2", "fc"):
        start = tensors[f"{name}.mask.indptr"]
        for a, b in pairwise(start):
            tensors[f"{name}.mask.rows"][a:b] = tensors[f"{name}.mask.rows"][a:b][::-1].copy()
    write(tmp_path / "b", metadata, tensors)
    x = np.random.default_rng(2).random((3, 8, 8, 1), dtype=np.float32)
    assert_same(Bundle.open(tmp_path / "b"), Effects(), x, AdaptConfig())
