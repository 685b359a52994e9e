"""The guard: its three rules on answers that are known, and what it keeps and undoes, bit for bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from firmware_py import AdaptConfig, Chip, Effects, RramError, c_engine
from firmware_py.bundle import Bundle
from firmware_py.guard import HEARD, Guard, Watch
from firmware_py.replay import NO_REPLAY
from tests.firmware_py.make_bundle import CONV, Synthetic, make_bundle
from tests.firmware_py.test_replay import assert_same, labelled, state_of

RATE = 0.1
SURE, UNSURE = np.array([9.0, 0, 0, 0], np.float32), np.array([1.0, 0.5, 0, 0], np.float32)
ENGINES = ["numpy", "c"] if c_engine.available() else ["numpy"]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return Bundle.open(make_bundle(tmp_path_factory.mktemp("guard") / "b", Synthetic(nodes=CONV)))


def heard(right: int, wrong: int, options: Guard | None = None) -> Watch:
    """A watch that has seen so many labels which the chip told right, of classes in turn, and then wrong ones."""
    watch = Watch(options or Guard())
    for i in range(right):
        watch.verdict(np.eye(4, dtype=np.float32)[i % 4], i % 4)
    for i in range(wrong):
        watch.verdict(UNSURE, 1 + i % 3)
    return watch


def test_a_label_of_which_a_trusted_chip_is_sure_that_it_is_wrong_is_not_learned() -> None:
    watch = heard(64, 0)
    assert watch.verdict(SURE, 2) == "absurd"  # softmax: 1.2e-4 against 0.9996
    assert watch.verdict(SURE, 0) == "learn"
    assert watch.verdict(UNSURE, 3) == "learn"
    assert watch.absurd == 1


def test_a_chip_that_is_often_wrong_believes_every_label() -> None:
    assert heard(38, 26).verdict(SURE, 2) == "learn"  # 38 of 64 is less than 0.6
    assert heard(39, 25).verdict(SURE, 2) == "absurd"
    assert heard(HEARD - 1, 0).verdict(SURE, 2) == "learn"  # too few to know
    assert heard(HEARD, 0).verdict(SURE, 2) == "absurd"


def test_when_the_input_changes_a_chip_stops_turning_labels_away() -> None:
    """All labels look absurd to a chip that takes inverted digits for others: soon they are learned."""
    watch = heard(64, 0)
    verdicts = [watch.verdict(SURE, 1) for _ in range(64)]
    assert verdicts[0] == "absurd" and verdicts.index("learn") == 26  # 64 - 26 = 38 agree, less than 0.6
    assert set(verdicts[26:]) == {"learn"}


def test_a_class_that_makes_up_most_labels_teaches_only_where_the_chip_is_wrong() -> None:
    watch = Watch(Guard())
    verdicts = [watch.verdict(UNSURE, 0) for _ in range(100)]
    assert verdicts[:33] == ["learn"] * 33 and set(verdicts[33:]) == {"known"}
    assert watch.verdict(np.array([0.5, 1, 0, 0], np.float32), 0) == "learn"
    assert watch.known == 67


def open_chip(bundle: Bundle, engine: str, guard: Guard | None) -> Chip:
    """Without replay, so that the anchors alone say what is better."""
    config, still = AdaptConfig("sgd", lr=RATE, replay=NO_REPLAY, guard=guard), Effects(read_noise=False)
    chip = Chip(bundle, seed=3, engine=engine, adapt=config, effects=still)  # type: ignore[arg-type]
    chip.calibrate(in_core=False)
    return chip


@pytest.mark.parametrize("engine", ENGINES)
def test_learning_that_makes_things_worse_is_undone(bundle: Bundle, engine: str) -> None:
    """Ten images, each with a wrong class, and a large rate: whatever is learned, the anchors suffer."""
    chip = open_chip(bundle, engine, Guard(every=10, absurd=0.0, margin=0.0, most_of_one=1.0))
    before = state_of(chip)
    x, classes = chip.anchors
    for i in range(10):
        chip.learn_one(x[i], (int(classes[i]) + 1 + i % 3) % 4)
        assert i == 9 or not np.array_equal(before["fc.offset"], state_of(chip)["fc.offset"])
    assert chip.watch is not None and chip.watch.undone == 1
    after = state_of(chip)
    assert after.pop("counters").tolist() != before.pop("counters").tolist()  # reads and labels are not undone
    assert_same(before, after)


@pytest.mark.parametrize("engine", ENGINES)
def test_learning_that_helps_stays_and_is_what_an_undo_comes_back_to(bundle: Bundle, engine: str) -> None:
    chip = open_chip(bundle, engine, Guard(every=8, absurd=0.0, margin=0.0, most_of_one=1.0))
    bare = open_chip(bundle, engine, None)
    x, classes = chip.anchors
    for i in range(8):
        chip.learn_one(x[i], int(classes[i]))
        bare.predict_one(x[i])  # the guard's look
        bare.learn_one(x[i], int(classes[i]))
    good = state_of(chip)
    assert chip.watch is not None and chip.watch.undone == 0
    good.pop("counters")
    assert_same(good, {name: a for name, a in state_of(bare).items() if name != "counters"})
    for i in range(8):
        chip.learn_one(x[i], (int(classes[i]) + 1) % 4)
    assert chip.watch.undone == 1
    assert_same(good, {name: a for name, a in state_of(chip).items() if name != "counters"})


@pytest.mark.skipif(len(ENGINES) < 2, reason="the C core is not built")
def test_both_engines_judge_alike(bundle: Bundle) -> None:
    chips = [open_chip(bundle, engine, Guard(every=16)) for engine in ENGINES]
    for image, label in labelled(60):
        assert chips[0].learn_one(image, label) == chips[1].learn_one(image, label)
    assert str(chips[0].watch) == str(chips[1].watch)
    assert_same(state_of(chips[0]), state_of(chips[1]))


def test_a_restored_state_is_the_last_good_one(bundle: Bundle, tmp_path: Path) -> None:
    chip = open_chip(bundle, "numpy", Guard(every=4, absurd=0.0, margin=0.0, most_of_one=1.0))
    chip.save(tmp_path)
    first = state_of(chip)
    x, classes = chip.anchors
    for i in range(3):
        chip.learn_one(x[i], int(classes[i]))
    chip.restore(tmp_path)
    for i in range(4):
        chip.learn_one(x[i], (int(classes[i]) + 1) % 4)
    assert chip.watch is not None and chip.watch.undone == 1
    first.pop("counters")
    assert_same(first, {name: a for name, a in state_of(chip).items() if name != "counters"})


@pytest.mark.parametrize("wrong", [{"window": 3}, {"trust": 1.5}, {"every": -1}, {"cap": 0.0}, {"margin": -0.1}])
def test_thresholds_out_of_range_are_one_line(wrong: dict[str, float]) -> None:
    with pytest.raises(RramError, match=r"^guard: Guard\(.*\): expected shares from 0 to 1, window >= 16"):
        Guard(**wrong)  # type: ignore[arg-type]
