"""The SRAM: what it starts from, what it costs (counted by hand), how fast it learns, what it refuses to take over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from firmware_py import AdaptConfig, RramError
from firmware_py.bundle import Bundle
from firmware_py.correction import count_sram, initial_correction
from firmware_py.replay import NO_REPLAY, Replay
from tests.firmware_py.make_bundle import Synthetic, make_bundle


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return Bundle.open(make_bundle(tmp_path / "b", Synthetic()))


def test_it_starts_as_the_bundle_says_and_is_its_own(bundle: Bundle) -> None:
    correction = initial_correction(bundle)
    assert (correction.step, correction.read) == (0, 0)
    for layer, spec in zip(correction.layers, bundle.layers, strict=True):
        for mine, theirs in ((layer.gain, spec.gain), (layer.offset, spec.offset), (layer.value, spec.mask_value)):
            assert mine.dtype == np.float32
            assert mine.flags.c_contiguous
            np.testing.assert_array_equal(mine, theirs)
            mine += 1  # writable
            assert not np.any(mine == theirs)  # and not the bundle's
        assert layer.ms.tolist() == [0, 0, 0]


def test_the_rate_falls_to_its_floor() -> None:
    config = AdaptConfig(lr=0.5, horizon=10, floor=0.2, replay=NO_REPLAY)
    assert [config.rate(step) for step in (0, 1, 5, 8, 9, 10, 10**9)] == pytest.approx(
        [0.5, 0.45, 0.25, 0.1, 0.1, 0.1, 0.1]
    )


def test_the_steps_of_a_label_share_its_rate() -> None:
    """1 + 8 steps, each at a third: as much variance as one step at the whole rate."""
    for replay, expected in ((NO_REPLAY, 0.3), (Replay(1, 3), 0.15), (Replay(1, 8), 0.1)):
        assert AdaptConfig(lr=0.6, horizon=10, replay=replay).rate(5) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"optimizer": "adam"}, "adapt: optimizer: 'adam' is not one of rms, sgd, sign, momentum, rls"),
        ({"lr": 0}, "expected lr > 0"),
        ({"lr": -1}, "expected lr > 0"),
        ({"lr": float("nan")}, "expected lr > 0"),
        ({"lr": float("inf")}, "expected lr > 0"),
        ({"horizon": 0}, "horizon >= 1"),
        ({"floor": 1.5}, "floor in [0, 1]"),
        ({"floor": float("nan")}, "floor in [0, 1]"),
        ({"beta": 1.0}, "beta in [0, 1)"),
        ({"beta": -0.1}, "beta in [0, 1)"),
        ({"beta": float("nan")}, "beta in [0, 1)"),
        ({"rounding": "up"}, "adapt: rounding: 'up' is not one of save, stochastic, nearest"),
        ({"forgetting": 0.0}, "forgetting in (0, 1]"),
        ({"forgetting": 1.01}, "forgetting in (0, 1]"),
        ({"forgetting": float("nan")}, "forgetting in (0, 1]"),
        ({"prior": 0.0}, "prior > 0"),
        ({"prior": 1e6}, "prior > 0"),
        ({"prior": float("nan")}, "prior > 0"),
    ],
)
def test_adaptation_out_of_range_is_refused(options: dict[str, Any], named: str) -> None:
    with pytest.raises(RramError) as caught:
        AdaptConfig(**options)
    assert named in str(caught.value)
    assert str(next(iter(options.values()))) in str(caught.value)


def test_what_is_saved_comes_back(bundle: Bundle) -> None:
    rng = np.random.default_rng(1)
    source, target = initial_correction(bundle), initial_correction(bundle)
    for layer in source.layers:
        for array in (layer.gain, layer.offset, layer.value, layer.ms):
            array[...] = rng.normal(size=array.shape)
        np.abs(layer.ms, out=layer.ms)  # mean squares
    source.step, source.read = 2**40, 2**50
    gain = target.layers[0].gain
    target.load(bundle, {name: array.copy() for name, array in source.arrays(bundle).items()})
    assert (target.step, target.read) == (2**40, 2**50)
    for name, array in source.arrays(bundle).items():
        np.testing.assert_array_equal(target.arrays(bundle)[name], array)
    assert target.layers[0].gain is gain  # in place: an engine holds pointers


def test_every_array_has_its_name(bundle: Bundle) -> None:
    names = {f"{layer}.{key}" for layer in ("conv1", "conv2", "fc") for key in ("gain", "offset", "value", "ms")}
    assert initial_correction(bundle).arrays(bundle).keys() == names | {"counters"}


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("fc.gain", None),
        ("fc.gain", np.zeros(3, np.float32)),
        ("conv1.offset", np.full(5, np.nan, np.float32)),
        ("conv2.ms", np.full(3, np.inf)),
        ("counters", np.zeros(1, np.int64)),
    ],
)
def test_a_wrong_array_is_named_and_nothing_is_taken(bundle: Bundle, name: str, wrong: np.ndarray | None) -> None:
    correction = initial_correction(bundle)
    arrays: dict[str, Any] = {key: array + 1 for key, array in correction.arrays(bundle).items()}
    arrays[name] = wrong
    if wrong is None:
        del arrays[name]
    with pytest.raises(RramError, match=rf"^state: {name}: .* given, expected "):
        correction.load(bundle, arrays)
    for key, array in initial_correction(bundle).arrays(bundle).items():
        np.testing.assert_array_equal(correction.arrays(bundle)[key], array)


def test_the_sram_is_counted(bundle: Bundle) -> None:
    """conv1: 9 x 5 weights; conv2: 45 x 7; fc: 28 x 4. Columns: 16."""
    entries = sum(len(layer.mask_rows) for layer in bundle.layers)
    count = count_sram(bundle)
    assert (count.values, count.gains, count.offsets) == (entries, 16, 16)
    assert count.percent == pytest.approx(100 * (entries + 32) / (45 + 315 + 112))
    # float32 values, gains, offsets; a uint16 row a value; int32 column starts; RMS: 3 float64 a layer; two counters
    by_hand = 4 * (entries + 32) + 2 * entries + 4 * (6 + 8 + 5) + 3 * 3 * 8 + 2 * 8
    assert count.bytes == by_hand == sum(count.parts.values())
