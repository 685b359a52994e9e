"""Replay: the memory against a Python list, its draws against scalar Philox, its learning against steps by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_py import AdaptConfig, Chip, Replay, RramError, c_engine
from firmware_py.bundle import Bundle
from firmware_py.replay import NO_REPLAY, ReplayMemory
from tests.device_models import scalar
from tests.firmware_py.make_bundle import CONV, Synthetic, make_bundle

SHAPE = (8, 8, 1)
REPLAY = 4  # the purpose, docs/numerics.md


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return Bundle.open(make_bundle(tmp_path_factory.mktemp("replay") / "b", Synthetic(nodes=CONV)))


def labelled(count: int, seed: int = 5) -> list[tuple[np.ndarray, int]]:
    rng = np.random.default_rng(seed)
    return [(rng.integers(0, 256, SHAPE).astype(np.uint8), int(rng.integers(4))) for _ in range(count)]


def unit(x: np.ndarray) -> np.ndarray:
    return x.astype(np.float32) / np.float32(255)


def state_of(chip: Chip) -> dict[str, np.ndarray]:
    return {name: array.copy() for name, array in chip.correction.arrays(chip.bundle).items()}


def assert_same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> None:
    assert a.keys() == b.keys()
    for name, values in a.items():
        np.testing.assert_array_equal(b[name], values, err_msg=name)


def learned(bundle: Bundle, seen: list[tuple[np.ndarray, int]], **options: Any) -> Chip:
    chip = Chip(bundle, **options)
    for x, label in seen:
        chip.learn_one(x, label)
    return chip


# --- the memory -------------------------------------------------------------------------------------------------------


@given(st.integers(1, 9), st.integers(1, 5), st.lists(st.integers(0, 255), max_size=30), st.integers(0, 2**64 - 1))
def test_the_memory_is_the_tail_of_a_list(images: int, repeats: int, numbers: list[int], seed: int) -> None:
    """Of what was added, the last `images`; drawn by the high part of word times length, oldest first."""
    memory, past = ReplayMemory(Replay(images, repeats), (1,)), list[int]()
    for step, number in enumerate([*numbers, 0]):
        kept = past[-images:]
        assert len(memory) == len(kept)
        words = [scalar.word(seed, REPLAY, 0, i, step) for i in range(repeats)] if kept else []
        drawn = [(round(float(x[0]) * 255), label) for x, label in memory.draw(seed, step)]
        assert drawn == [(kept[w * len(kept) // 2**32], 3 * kept[w * len(kept) // 2**32]) for w in words]
        memory.add(unit(np.array([number], np.uint8)), 3 * number)
        past.append(number)


def test_it_is_allocated_once_and_tells_its_bytes() -> None:
    memory = ReplayMemory(Replay(16, 2), (28, 28, 1))
    assert memory.bytes == 16 * (784 + 2)
    assert ReplayMemory(NO_REPLAY, (28, 28, 1)).bytes == 0
    before = memory._pixels
    for _ in range(40):
        memory.add(np.zeros((28, 28, 1), np.float32), 1)
    assert memory._pixels is before


def test_every_kept_image_is_drawn_equally_often() -> None:
    memory, counts = ReplayMemory(Replay(10, 4), (1,)), np.zeros(10)
    for label in range(10):
        memory.add(np.zeros(1, np.float32), label)
    for step in range(5000):
        for _, label in memory.draw(7, step):
            counts[label] += 1
    assert np.sum((counts - 2000) ** 2 / 2000) < 27.9  # chi-square, 9 degrees of freedom: 999 of 1000 lie below


def test_images_of_bytes_come_back_to_the_bit_and_floats_to_the_nearest_step() -> None:
    memory = ReplayMemory(Replay(1, 1), (256,))
    for given_ in (unit(np.arange(256)), np.linspace(0, 1, 256, dtype=np.float32) ** 2):
        memory.add(given_.astype(np.float32), 0)
        ((x, _),) = memory.draw(0, 0)
        assert x.dtype == np.float32
        assert np.abs(x - given_).max() <= 0.5001 / 255
    memory.add(unit(np.arange(256)), 0)
    ((x, _),) = memory.draw(0, 0)
    np.testing.assert_array_equal(x, unit(np.arange(256)))


def test_a_dac_of_8_bits_sees_no_difference(bundle: Bundle) -> None:
    """Any image of floats and the bytes that are kept of it give the same sums, bit for bit."""
    layer = bundle.layers[0]
    assert layer.dac_lsb == np.float32(1 / 255)
    memory, chip = ReplayMemory(Replay(1, 1), SHAPE), Chip(bundle, seed=1)
    image = np.random.default_rng(2).random(SHAPE).astype(np.float32)
    memory.add(image, 0)
    ((x, _),) = memory.draw(0, 0)
    assert not np.array_equal(x, image)
    np.testing.assert_array_equal(chip.engine.logits(x[None], 9), chip.engine.logits(image[None], 9))


# --- learning ---------------------------------------------------------------------------------------------------------


def test_without_replay_a_label_is_one_step(bundle: Bundle) -> None:
    seen, config = labelled(12), AdaptConfig(replay=NO_REPLAY, guard=None)
    chip, other = learned(bundle, seen, seed=3, adapt=config), Chip(bundle, seed=3)
    for i, (x, label) in enumerate(seen):
        other.engine.learn(unit(x), label, i, i, config)
    other.correction.step = other.correction.read = 12
    assert_same(state_of(chip), state_of(other))


@pytest.mark.parametrize("convert", [lambda x: x, unit], ids=["bytes", "floats"])
def test_a_label_with_replay_is_its_steps_by_hand(bundle: Bundle, convert: Callable[[Any], Any]) -> None:
    """The new image, then those that scalar Philox draws of the last five; a read each, at half of the rate."""
    seen, config = labelled(12), AdaptConfig(lr=0.04, horizon=20, replay=Replay(5, 3), guard=None)
    chip = learned(bundle, [(convert(x), label) for x, label in seen], seed=2**63 + 3, adapt=config)
    other, read = Chip(bundle, seed=2**63 + 3), 0
    for i, one in enumerate(seen):
        kept = seen[max(0, i - 5) : i]
        again = [kept[scalar.word(other.seed, REPLAY, 0, j, i) * len(kept) // 2**32] for j in range(3) if kept]
        for x, label in (one, *again):
            half = AdaptConfig(lr=0.02, horizon=20, replay=NO_REPLAY, guard=None)
            other.engine.learn(unit(x), label, read, i, half)
            read += 1
    other.correction.step, other.correction.read = 12, read
    assert read == 1 + 11 * 4
    assert_same(state_of(chip), state_of(other))


@pytest.mark.skipif(not c_engine.available(), reason="the C core is not built (no compiler)")
@pytest.mark.parametrize("optimizer", ["rms", "sgd"])
def test_both_engines_replay_to_the_same_bits(bundle: Bundle, optimizer: Any) -> None:
    seen, config = labelled(40), AdaptConfig(optimizer, replay=Replay(8, 4))
    ours, theirs = (learned(bundle, seen, seed=6, engine=e, adapt=config) for e in ("c", "numpy"))
    assert_same(state_of(ours), state_of(theirs))


def test_it_is_repeatable_and_another_chip_draws_others(bundle: Bundle) -> None:
    seen, options = labelled(10), {"adapt": AdaptConfig(replay=Replay(6, 2))}
    one, same = (learned(bundle, seen, seed=1, **options) for _ in range(2))
    assert_same(state_of(one), state_of(same))
    drawn = [[label for step in range(50) for _, label in one.replay.draw(seed, step)] for seed in (1, 2)]
    assert drawn[0] != drawn[1]


def test_the_class_told_is_the_one_before_learning(bundle: Bundle) -> None:
    bare = AdaptConfig(guard=None)
    chip, seen = Chip(bundle, seed=4, adapt=bare), labelled(20)
    for x, label in seen:
        watcher = Chip(bundle, seed=4)
        watcher.correction.load(bundle, state_of(chip))
        assert chip.learn_one(x, label) == watcher.predict_one(x)


def test_after_a_restart_the_memory_is_empty_and_the_draws_go_on(bundle: Bundle, tmp_path: Path) -> None:
    config = AdaptConfig(replay=Replay(4, 2), guard=None)
    chip = learned(bundle, labelled(6), seed=8, adapt=config)
    assert len(chip.replay) == 4
    chip.save(tmp_path)
    restarted = Chip(bundle, seed=8, adapt=config)
    for one in (chip, restarted):
        assert one.restore(tmp_path) is not None
        assert len(one.replay) == 0
    for x, label in labelled(6, seed=9):
        assert chip.learn_one(x, label) == restarted.learn_one(x, label)
    assert_same(state_of(chip), state_of(restarted))
    assert chip.correction.step == 12 and chip.correction.read == 1 + 5 * 3 + 1 + 5 * 3


def test_a_refused_label_is_not_kept(bundle: Bundle) -> None:
    chip = Chip(bundle)
    for x, label in ((np.zeros(SHAPE, np.uint8), 4), (np.zeros((2, 2), np.uint8), 1)):
        with pytest.raises(RramError):
            chip.learn_one(x, label)
    assert len(chip.replay) == 0


# --- options ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"), [("0", NO_REPLAY), ("0:0", NO_REPLAY), ("16", Replay(16, 4)), ("1:256", Replay(1, 256))]
)
def test_replay_reads_as_it_is_written(text: str, expected: Replay) -> None:
    assert Replay.parse(text) == expected
    assert Replay.parse(str(expected)) == expected


@pytest.mark.parametrize(
    ("images", "repeats", "named"),
    [(-1, 1, "replay: images: -1"), (65537, 1, "replay: images: 65537"), (1, 257, "replay: repeats: 257"),
     (1.0, 1, "replay: images: 1.0"), (True, 1, "replay: images: True"), (4, 0, "replay: 4 images, 0 repeats"),
     (0, 4, "replay: 0 images, 4 repeats")],
)  # fmt: skip
def test_a_replay_out_of_range_is_refused(images: Any, repeats: Any, named: str) -> None:
    with pytest.raises(RramError) as caught:
        Replay(images, repeats)
    assert named in str(caught.value) and "\n" not in str(caught.value)
