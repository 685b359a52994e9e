"""Learning that leaves codes in SRAM: the mean of stochastic rounding, the grid after each step, both engines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_py import AdaptConfig, Chip, Effects, RramError
from firmware_py.bundle import Bundle
from firmware_py.correction import OPTIMIZERS, count_sram, initial_correction
from firmware_py.numpy_engine import NumpyEngine
from firmware_py.replay import NO_REPLAY
from firmware_py.sram import Code
from tests.firmware_py.core_cases import VARIANTS, assert_same, images, needs_core
from tests.firmware_py.make_bundle import CONV, RESNET, Synthetic, contents, write

EXPONENTS = {"value": -8, "gain": -10, "offset": -9}
SPEC = Synthetic(nodes=CONV, mask_share=0.2)


def coded(folder: Path, spec: Synthetic = SPEC, bits: tuple[int, int] = (8, 16)) -> Bundle:
    """A bundle whose SRAM holds codes; coarse, so that rounding is seen."""
    metadata, tensors = contents(spec)
    layers = {node["name"]: EXPONENTS for node in spec.nodes if "name" in node}
    metadata["correction"] = json.dumps({"value_bits": bits[0], "number_bits": bits[1], "layers": layers})
    write(folder / "b", metadata, tensors)
    return Bundle.open(folder / "b")


def numbers_of(chip: Any) -> np.ndarray:
    """Every number of a correction, in units of one code."""
    groups = [getattr(layer, key) * 2.0**-e for layer in chip.correction.layers for key, e in EXPONENTS.items()]
    return np.concatenate(groups)


@given(st.integers(-128, 127), st.floats(-3, 3, width=32), st.integers(-3, 3))
def test_the_mean_of_stochastic_rounding_is_the_number_itself(code: int, moved: float, exponent: int) -> None:
    """Over all of [0, 1), cut into 1024 parts: the code below and the one above, in the right shares."""
    uniform, worth = (np.arange(1024) + 0.5) / 1024, 2.0**exponent
    start, step = np.full(1024, code * worth, np.float32), np.full(1024, moved * worth, np.float32)
    found = Code(8, exponent).move(start, step, uniform) / worth
    exact = code - float(np.float32(moved))
    if -128 <= exact <= 127:
        assert found.mean() == pytest.approx(exact, abs=1 / 1024)
        assert set(found) <= {np.floor(exact), np.ceil(exact)}
    assert set(found) <= set(range(-128, 128))


def test_to_the_nearest_is_the_least_distance_and_what_is_no_number_does_nothing() -> None:
    codes, rng = np.arange(-128, 128) * 0.25, np.random.default_rng(0)
    start, step = rng.choice(codes, 300).astype(np.float32), rng.normal(0, 4, 300).astype(np.float32)
    found = Code(8, -2).move(start, step, None)
    np.testing.assert_array_equal(found, [codes[np.abs(codes - x).argmin()] for x in start.astype(float) - step])
    odd = np.array([np.nan, np.inf, -np.inf, 1e30], np.float32)
    assert Code(8, -2).move(np.ones(4, np.float32), odd, None).tolist() == [1, 1, 1, -32]


@pytest.mark.parametrize("rounding", ["stochastic", "nearest"])
@pytest.mark.parametrize("engine", ["numpy", pytest.param("c", marks=needs_core)])
def test_every_step_leaves_codes(tmp_path: Path, engine: Any, rounding: Any) -> None:
    bundle = coded(tmp_path)
    chip = Chip(bundle, 3, engine, adapt=AdaptConfig(lr=0.3, rounding=rounding))
    before = numbers_of(chip)
    for i, image in enumerate(bundle.golden_x[:4]):
        chip.learn_one(image, i)
        assert not np.any(numbers_of(chip) % 1)
    assert np.mean(before != numbers_of(chip)) > 0.3


def test_in_the_mean_a_step_goes_where_a_step_of_float32_goes(tmp_path: Path) -> None:
    """The same label at 600 read counters, without read noise: only the rounding differs."""
    bundle, quiet = coded(tmp_path), Effects(read_noise=False)
    x = bundle.golden_x[0].astype(np.float32) / np.float32(255)

    def after(rounding: Any, read: int) -> np.ndarray:
        engine = NumpyEngine(bundle, 3, quiet, initial_correction(bundle))
        engine.learn(x, 1, read, 0, AdaptConfig(replay=NO_REPLAY, rounding=rounding))
        return numbers_of(engine)

    exact = after("save", 0)
    seen = np.stack([after("stochastic", read) for read in range(600)])
    assert np.abs(seen - exact).max() < 1
    share = exact - np.floor(exact)
    deviation = np.sqrt(np.maximum(share * (1 - share), 1e-3) / 600)
    assert np.abs((seen.mean(axis=0) - exact) / deviation).max() < 5
    together = np.corrcoef((seen - exact)[:, share * (1 - share) > 0.05].T)
    assert np.abs(together - np.eye(len(together))).max() < 5.5 / np.sqrt(600)  # each number has a draw of its own


def test_steps_below_half_a_code_are_lost_to_the_nearest_and_not_to_chance(tmp_path: Path) -> None:
    bundle, moved = coded(tmp_path, bits=(8, 8)), {}
    for rounding in ("nearest", "stochastic"):
        chip = Chip(bundle, 3, adapt=AdaptConfig("sgd", lr=1e-3, rounding=rounding))  # type: ignore[arg-type]
        before = numbers_of(chip)
        for i, image in enumerate(bundle.golden_x[:4]):
            chip.learn_one(image, i)
        moved[rounding] = int((before != numbers_of(chip)).sum())
    assert moved["nearest"] == 0 < moved["stochastic"]


@needs_core
@pytest.mark.parametrize("variant", VARIANTS[:1] + VARIANTS[-1:])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(("rounding", "bits", "nodes"), [
    ("stochastic", (8, 16), CONV), ("nearest", (8, 16), CONV), ("stochastic", (16, 8), RESNET),
    ("stochastic", (8, 32), RESNET), ("stochastic", (32, 16), CONV),
])  # fmt: skip
def test_both_engines_leave_the_same_codes(tmp_path: Path, variant: str, optimizer: Any, rounding: Any,
                                           bits: tuple[int, int], nodes: Any) -> None:  # fmt: skip
    spec = Synthetic(nodes=nodes, mask_share=0.2)
    adapt = AdaptConfig(optimizer, lr=0.5, rounding=rounding)
    assert_same(coded(tmp_path, spec, bits), Effects(), images(spec, 3, 1), adapt, variant)


def test_without_float32_numbers_learning_takes_less_sram(tmp_path: Path) -> None:
    bundle = coded(tmp_path)
    still, floats = count_sram(bundle, learning=False), count_sram(bundle)
    codes = count_sram(bundle, adapt=AdaptConfig(rounding="stochastic"))
    assert codes.parts == {**still.parts, "optimizer": floats.parts["optimizer"]}
    assert Chip(bundle, 3, adapt=AdaptConfig(rounding="stochastic")).sram == codes
    assert floats.parts["values"] == 4 * codes.parts["values"]


def test_numbers_that_are_no_codes_cannot_be_rounded(tmp_path: Path) -> None:
    write(tmp_path / "b", *contents(SPEC))
    with pytest.raises(RramError, match="^adapt: rounding: 'nearest' given, but the correction of .* is float32"):
        Chip.open(tmp_path / "b", adapt=AdaptConfig(rounding="nearest"))
    with pytest.raises(RramError, match="^adapt: rounding: 'up' is not one of save, stochastic, nearest"):
        AdaptConfig(rounding="up")  # type: ignore[arg-type]
