"""A chip: its cells never change, its counters go on, its state comes back, and every mistake is one line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from firmware_py import AdaptConfig, Chip, Effects, RramError, c_engine
from firmware_py.bundle import Bundle
from firmware_py.cells import draw_conductances
from firmware_py.chip import EngineName
from firmware_py.numpy_engine import NumpyEngine
from firmware_py.replay import NO_REPLAY
from tests.firmware_py.make_bundle import CONV, DENSE, Synthetic, make_bundle

C_BUILT = c_engine.available()
BOTH = [
    "numpy",
    pytest.param("c", marks=pytest.mark.skipif(not C_BUILT, reason="the C core is not built (no compiler)")),
]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return Bundle.open(
        make_bundle(tmp_path_factory.mktemp("chip") / "b", Synthetic(nodes=CONV, faults=(2**24, 2**25, 0, 9000)))
    )


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def cells_of(chip: Chip) -> list[np.ndarray]:
    return [array.copy() for cells in chip.engine.cells for array in (cells.d, cells.v, cells.vscale)]


def conductances_of(chip: Chip) -> list[np.ndarray]:
    return [
        draw_conductances(layer, i, chip.bundle.tables, chip.seed, chip.effects)
        for i, layer in enumerate(chip.bundle.layers)
    ]


def state_of(chip: Chip) -> dict[str, np.ndarray]:
    return {name: array.copy() for name, array in chip.correction.arrays(chip.bundle).items()}


def assert_equal(a: Any, b: Any) -> None:
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)


# --- the promise ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", BOTH)
@pytest.mark.parametrize("optimizer", ["rms", "sgd"])
def test_neither_calibration_nor_labels_change_a_cell(
    bundle: Bundle, rng: np.random.Generator, engine: EngineName, optimizer: Any
) -> None:
    """All cells and their conductances, bit for bit, before and after a calibration and 200 labels."""
    chip = Chip(bundle, seed=11, engine=engine, adapt=AdaptConfig(optimizer=optimizer))
    assert chip.engine.name == engine
    cells, conductances, state = cells_of(chip), conductances_of(chip), state_of(chip)
    levels = [layer.levels.copy() for layer in bundle.layers]
    chip.calibrate()
    for label in rng.integers(0, 4, 200):
        chip.learn_one(rng.integers(0, 256, (8, 8, 1)).astype(np.uint8), int(label))
    changed = state_of(chip)
    for name in state:  # it has really learned; a value whose input is never on stays
        assert (optimizer == "sgd" and name.endswith(".ms")) or np.mean(changed[name] != state[name]) > 0.7
    assert_equal(cells_of(chip), cells)
    assert_equal(conductances_of(chip), conductances)
    assert_equal([layer.levels for layer in bundle.layers], levels)
    # And they are those of the seed: what another engine draws afresh, and the difference of each pair.
    assert_equal(cells_of(Chip(bundle, seed=11, engine="numpy")), cells)
    assert_equal(cells[::3], [g[0] - g[1] for g in conductances])


@pytest.mark.skipif(not C_BUILT, reason="the C core is not built (no compiler)")
def test_both_engines_calibrate_and_learn_to_the_same_state(bundle: Bundle) -> None:
    states = []
    for engine in ("c", "numpy"):
        rng = np.random.default_rng(4)
        chip = Chip(bundle, seed=2, engine=engine)
        chip.calibrate(in_core=False)  # the same sums: the engines' own agree closely, not to the bit
        for label in rng.integers(0, 4, 50):
            chip.learn_one(rng.random((8, 8, 1)), label)
        states.append(state_of(chip))
    assert states[0].keys() == states[1].keys()
    assert_equal(states[0].values(), states[1].values())


# --- predicting and counting ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", BOTH)
def test_many_are_the_same_as_one_by_one(bundle: Bundle, rng: np.random.Generator, engine: EngineName) -> None:
    x = rng.integers(0, 256, (70, 8, 8, 1)).astype(np.uint8)
    together, alone = Chip(bundle, seed=1, engine=engine), Chip(bundle, seed=1, engine=engine)
    classes = together.predict_many(x)
    assert classes.dtype == np.int64
    assert classes.tolist() == [alone.predict_one(image) for image in x]
    assert len(set(classes)) > 1
    assert_equal(together.logits_many(x[:5]), [alone.logits_one(image) for image in x[:5]])
    assert together.correction.read == alone.correction.read == 75
    assert together.predict_many(x[:0]).shape == (0,)
    assert together.logits_many(x[:0]).shape == (0, 4)


@pytest.mark.parametrize("engine", BOTH)
def test_each_image_is_a_read_and_each_label_a_step(bundle: Bundle, engine: EngineName) -> None:
    chip = Chip(bundle, engine=engine, adapt=AdaptConfig(guard=None))  # a guard looks first: one read more
    image = bundle.golden_x[0]
    first, second = chip.logits_one(image), chip.logits_one(image)
    assert not np.array_equal(first, second)  # read noise
    predicted = chip.learn_one(image, 1)
    assert predicted in range(4)
    assert (chip.correction.read, chip.correction.step) == (3, 1)
    chip.calibrate()
    assert (chip.correction.read, chip.correction.step) == (3 + len(bundle.calibration_x), 1)


@pytest.mark.parametrize("engine", BOTH)
def test_learning_predicts_before_it_learns(bundle: Bundle, engine: EngineName) -> None:
    learner, watcher = Chip(bundle, engine=engine), Chip(bundle, engine=engine)
    for i, image in enumerate(bundle.golden_x):
        assert learner.learn_one(image, i % 4) == watcher.predict_one(image)
        for mine, theirs in zip(watcher.correction.layers, learner.correction.layers, strict=True):
            for key in ("gain", "offset", "value", "ms"):
                getattr(mine, key)[...] = getattr(theirs, key)


@pytest.mark.parametrize("engine", BOTH)
def test_effects_can_be_left_out(bundle: Bundle, engine: EngineName) -> None:
    image = bundle.golden_x[0]
    still = Chip(bundle, seed=1, engine=engine, effects=Effects(read_noise=False))
    np.testing.assert_array_equal(still.logits_one(image), still.logits_one(image))
    exact = [Chip(bundle, seed=s, engine=engine, effects=Effects(False, False)).logits_one(image) for s in (1, 2)]
    np.testing.assert_array_equal(*exact)
    assert not np.array_equal(exact[0], still.logits_one(image))


@pytest.mark.parametrize("engine", BOTH)
def test_the_golden_logits_are_met(bundle: Bundle, engine: EngineName) -> None:
    chip = Chip(bundle, seed=bundle.golden["seed"], engine=engine)
    np.testing.assert_array_equal(chip.logits_many(bundle.golden_x), bundle.golden_logits)


def test_calibration_brings_the_chip_to_the_ideal(bundle: Bundle) -> None:
    chip = Chip(bundle, seed=5, engine="numpy")
    report = chip.calibrate()
    assert report.vectors == len(bundle.calibration_x)
    assert all(layer.after < layer.before for layer in report.layers)
    mine = Chip(bundle, seed=5, engine="numpy").calibrate(bundle.calibration_x)
    assert mine == report  # the bundle's own vectors by default


# --- images -----------------------------------------------------------------------------------------------------------


def test_bytes_and_numbers_from_0_to_1_are_the_same_images(bundle: Bundle) -> None:
    image = bundle.golden_x[0]
    as_bytes = Chip(bundle, engine="numpy").logits_one(image)
    floats = image.astype(np.float32) / np.float32(255)
    # A transposed copy has the same values in another order of memory.
    for other in (floats, floats.astype(np.float64), floats.tolist(), image.T.copy().T, np.asfortranarray(floats)):
        np.testing.assert_array_equal(Chip(bundle, engine="numpy").logits_one(other), as_bytes)


GOOD = np.zeros((8, 8, 1), np.float32)
BAD_IMAGES: dict[str, tuple[Any, str]] = {
    "shape": (np.zeros((8, 7, 1), np.uint8), "image: shape [8, 7, 1] given, expected [8, 8, 1]"),
    "no channel": (np.zeros((8, 8), np.uint8), "image: shape [8, 8] given, expected [8, 8, 1]"),
    "a batch": (np.zeros((2, 8, 8, 1), np.uint8), "image: shape [2, 8, 8, 1] given, expected [8, 8, 1]"),
    "a number": (5, "image: shape [] given, expected [8, 8, 1]"),
    "nothing": (None, "image: shape [] given, expected [8, 8, 1]"),
    "ragged": ([[1, 2], [3]], "image: list that is no array given, expected numbers in rows"),
    "whole numbers": (GOOD.astype(np.int64), "image: type int64 given, expected uint8, or float in [0, 1]"),
    "16 bits": (GOOD.astype(np.uint16), "image: type uint16 given, expected uint8, or float in [0, 1]"),
    "yes and no": (GOOD.astype(bool), "image: type bool given, expected uint8, or float in [0, 1]"),
    "complex": (GOOD.astype(complex), "image: type complex128 given, expected uint8, or float in [0, 1]"),
    "text": (GOOD.astype(str), "image: type <U"),
    "objects": (GOOD.astype(object), "image: type object given, expected uint8, or float in [0, 1]"),
    "NaN": (np.full((8, 8, 1), np.nan), "image: values outside [0, 1] (or NaN) given, expected uint8"),
    "above 1": (GOOD + np.float32(1.001), "image: values outside [0, 1] (or NaN) given, expected uint8"),
    "below 0": (GOOD - np.float32(1e-6), "image: values outside [0, 1] (or NaN) given, expected uint8"),
    "0 to 255": (GOOD + np.float32(255), "image: values outside [0, 1] (or NaN) given, expected uint8"),
    "infinity": (GOOD + np.float32(np.inf), "image: values outside [0, 1] (or NaN) given, expected uint8"),
}


@pytest.mark.filterwarnings("ignore:Creating an ndarray from ragged")  # NumPy 1.23 warns where later ones refuse
@pytest.mark.parametrize("engine", BOTH)
@pytest.mark.parametrize("what", BAD_IMAGES)
def test_a_bad_image_is_refused_and_changes_nothing(bundle: Bundle, what: str, engine: EngineName) -> None:
    image, message = BAD_IMAGES[what]
    chip = Chip(bundle, engine=engine)
    before = state_of(chip)
    for call in (chip.predict_one, chip.logits_one, lambda x: chip.learn_one(x, 0)):
        with pytest.raises(RramError) as caught:
            call(image)
        if what != "ragged" or not str(caught.value).startswith("image: shape"):
            assert str(caught.value).startswith(message)
        assert "\n" not in str(caught.value)
    assert_equal(state_of(chip).values(), before.values())


def test_a_bad_batch_is_refused(bundle: Bundle) -> None:
    chip = Chip(bundle, engine="numpy")
    batch: Any
    for batch, message in [
        (np.zeros((8, 8, 1), np.uint8), "image: shape [8, 1] given, expected [8, 8, 1]"),
        ([GOOD], "image: shape list given, expected [8, 8, 1]"),
        (np.full((2, 8, 8, 1), np.nan), "image: values outside [0, 1] (or NaN) given"),
    ]:
        for call in (chip.predict_many, chip.logits_many, chip.calibrate):
            with pytest.raises(RramError) as caught:
                call(batch)
            assert str(caught.value).startswith(message)
    with pytest.raises(RramError, match=r"^calibrate: 0 vectors given, expected at least 1$"):
        chip.calibrate(np.zeros((0, 8, 8, 1), np.uint8))
    assert chip.correction.read == 0


# --- labels and options -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", BOTH)
@pytest.mark.parametrize(
    "label", [-1, 4, 2**70, True, np.True_, 1.0, "1", None, np.float32(1), np.array([1])], ids=repr
)
def test_a_label_outside_the_classes_is_refused(bundle: Bundle, label: Any, engine: EngineName) -> None:
    chip = Chip(bundle, engine=engine)
    before = state_of(chip)
    with pytest.raises(RramError) as caught:
        chip.learn_one(GOOD, label)
    assert str(caught.value) == f"label: {label!r} is not a whole number from 0 to 3"
    assert_equal(state_of(chip).values(), before.values())


def test_numpys_whole_numbers_are_labels(bundle: Bundle) -> None:
    states = []
    for label in (2, np.int64(2), np.uint8(2)):
        chip = Chip(bundle, engine="numpy")
        chip.learn_one(GOOD, label)
        states.append(state_of(chip))
    assert_equal(states[0].values(), states[1].values())
    assert_equal(states[0].values(), states[2].values())


@pytest.mark.parametrize(
    ("seed", "message"),
    [
        (-1, "chip: seed: -1 is not from 0 to 2^64 - 1"),
        (2**64, f"chip: seed: {2**64} is not from 0 to 2^64 - 1"),
        (1.5, "chip: seed: 1.5 is not a whole number"),
        ("7", "chip: seed: '7' is not a whole number"),
        (None, "chip: seed: None is not a whole number"),
        (True, "chip: seed: True is not a whole number"),
    ],
)
def test_a_seed_out_of_range_is_refused(bundle: Bundle, seed: Any, message: str) -> None:
    with pytest.raises(RramError) as caught:
        Chip(bundle, seed=seed)
    assert str(caught.value) == message


def test_every_seed_of_64_bits_is_a_chip(bundle: Bundle) -> None:
    chips = [Chip(bundle, seed=seed, engine="numpy") for seed in (0, 1, 2**32, 2**64 - 1)]
    assert len({chip.engine.cells[1].d.tobytes() for chip in chips}) == 4
    same = Chip(bundle, seed=np.uint64(2**64 - 1), engine="numpy")  # type: ignore[arg-type]
    assert same.engine.cells[1].d.tobytes() == chips[3].engine.cells[1].d.tobytes()


def test_an_unknown_engine_is_refused(bundle: Bundle) -> None:
    name: Any = "cuda"
    with pytest.raises(RramError, match=r"^engine: 'cuda' is not one of auto, c, numpy$"):
        Chip(bundle, engine=name)


def test_without_the_core_auto_is_numpy_and_c_says_how_to_build_it(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(c_engine, "available", lambda: False)
    assert isinstance(Chip(bundle).engine, NumpyEngine)
    with pytest.raises(RramError, match=r"^engine: the C core is not built; run: python -m firmware_py.build_core"):
        Chip(bundle, engine="c")


@pytest.mark.skipif(not C_BUILT, reason="the C core is not built (no compiler)")
def test_with_the_core_auto_is_c(bundle: Bundle) -> None:
    assert Chip(bundle).engine.name == "c"


def test_open_takes_a_path_and_options(bundle: Bundle) -> None:
    chip = Chip.open(str(bundle.path), seed=3, engine="numpy", adapt=AdaptConfig(lr=0.5))
    assert (chip.seed, chip.engine.name, chip.adapt.lr) == (3, "numpy", 0.5)
    assert chip.sram.gains == 16


# --- the state --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", BOTH)
def test_a_restored_chip_goes_on_as_if_nothing_had_been(tmp_path: Path, bundle: Bundle, engine: EngineName) -> None:
    """Without replay; with it, see test_replay.py."""
    rng, adapt = np.random.default_rng(6), AdaptConfig(replay=NO_REPLAY)
    chip = Chip(bundle, seed=9, engine=engine, adapt=adapt)
    chip.calibrate()
    for label in range(10):
        chip.learn_one(rng.random((8, 8, 1)), label % 4)
    assert chip.save(tmp_path / "state") == 1
    other = Chip(bundle, seed=9, engine=engine, adapt=adapt)
    info = other.restore(tmp_path / "state")
    assert info is not None
    assert info.generation == 1
    assert_equal(other.correction.arrays(bundle).values(), chip.correction.arrays(bundle).values())
    for label in range(10):  # the engine reads and writes the restored arrays, RMS and counters included
        image = rng.random((8, 8, 1))
        assert other.learn_one(image, label % 4) == chip.learn_one(image, label % 4)
    assert_equal(other.correction.arrays(bundle).values(), chip.correction.arrays(bundle).values())
    assert chip.save(tmp_path / "state") == 2


def test_where_nothing_was_saved_nothing_is_restored(tmp_path: Path, bundle: Bundle) -> None:
    chip = Chip(bundle, engine="numpy")
    before = state_of(chip)
    assert chip.restore(tmp_path / "nowhere") is None
    assert_equal(state_of(chip).values(), before.values())


def test_the_state_of_another_chip_or_bundle_is_refused(tmp_path: Path, bundle: Bundle) -> None:
    Chip(bundle, seed=1, engine="numpy").save(tmp_path)
    with pytest.raises(RramError, match=r"belongs to another chip: seed 1, expected 2$"):
        Chip(bundle, seed=2, engine="numpy").restore(tmp_path)
    other = Bundle.open(make_bundle(tmp_path / "other", Synthetic(nodes=DENSE)))
    stranger = Chip(other, seed=1, engine="numpy")
    before = state_of(stranger)
    for call in (stranger.restore, stranger.save):
        with pytest.raises(RramError, match=r"belongs to another bundle: digest [0-9a-f]{12}, expected [0-9a-f]{12}$"):
            call(tmp_path)
    assert_equal(state_of(stranger).values(), before.values())
    assert Chip(bundle, seed=1, engine="numpy").restore(tmp_path) is not None  # still there


def test_a_state_that_is_not_finite_is_not_saved(tmp_path: Path, bundle: Bundle) -> None:
    chip = Chip(bundle, engine="numpy")
    assert chip.save(tmp_path) == 1
    chip.correction.layers[0].gain[0] = np.inf
    with pytest.raises(RramError, match=r"conv1\.gain holds a value that is not finite"):
        chip.save(tmp_path)
    fresh = Chip(replace(bundle), engine="numpy")
    info = fresh.restore(tmp_path)
    assert info is not None
    assert info.generation == 1
