"""The MicroPython engine learns what the NumPy engine learns, and each reads the state that the other has saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from firmware_py import AdaptConfig, Chip, Replay
from firmware_py.bundle import Bundle
from firmware_py.replay import NO_REPLAY
from tests.firmware_py.make_bundle import CONV, DENSE, INTEGERS, MOBILE, RESNET, Synthetic, make_bundle
from tests.firmware_py.micropython.cases import (
    assert_the_same_learning,
    assert_the_same_predictions,
    job_of,
    numbers,
    oracle,
    shaped,
)
from tests.firmware_py.micropython.on_board import report
from tests.firmware_py.micropython.test_predict import POOLS
from tests.firmware_py.test_learn import FORKED
from tests.firmware_py.test_low_rank import opened as ranked
from tests.firmware_py.test_not_finite import spoil

import rram_edge  # isort: skip  # on the path by cases

SETTINGS: dict[str, tuple[dict[str, Any], AdaptConfig]] = {
    "rms": ({"replay": [0, 0]}, AdaptConfig(replay=NO_REPLAY)),
    "sgd": (
        {"replay": [0, 0], "optimizer": "sgd", "lr": 0.5, "horizon": 4, "floor": 0.2},
        AdaptConfig("sgd", 0.5, 4, 0.2, replay=NO_REPLAY),
    ),
    "replay": ({"replay": [3, 2], "beta": 0.5}, AdaptConfig(beta=0.5, replay=Replay(3, 2))),
    "sign": ({"replay": [0, 0], "optimizer": "sign"}, AdaptConfig("sign", replay=NO_REPLAY)),
    "last layers": ({"replay": [0, 0], "layers": 2}, AdaptConfig(replay=NO_REPLAY, layers=2)),
    "default": ({}, AdaptConfig()),
}
NETWORKS = {
    "dense": Synthetic(nodes=DENSE, mask_share=0.3),
    "convolutions": Synthetic(nodes=CONV),
    "branches": Synthetic(nodes=RESNET, input_shape=(8, 8, 2)),
    "forked": Synthetic(nodes=FORKED, input_shape=(5, 5, 1), mask_share=0.2),
    "groups and activations": Synthetic(nodes=MOBILE, input_shape=(8, 8, 2), mask_share=0.2),
    "pools": Synthetic(nodes=POOLS, input_shape=(8, 9, 2)),
    "a wide layer": Synthetic(nodes=[{"op": "flatten"}, {"op": "dense", "name": "a", "out": [700]}, {"op": "relu"},
                                     {"op": "dense", "name": "b", "out": [3]}], input_shape=(3, 3, 1)),
    "a pool before all": Synthetic(nodes=[{"op": "maxpool2d", "pool": [2, 2], "stride": [2, 2]}, *DENSE]),
}  # fmt: skip


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("network", NETWORKS)
def test_corrections_after_labels_are_the_oracles(tmp_path: Path, network: str, setting: str) -> None:
    bundle = Bundle.open(make_bundle(tmp_path / "b", NETWORKS[network]))
    learning, adapt = SETTINGS[setting]
    count = 8 if network in ("dense", "pools") else 2
    labels = np.random.default_rng(1).integers(0, len(bundle.classes), count).tolist()
    job = job_of(bundle, True, count, labels=labels, learning=learning)
    assert_the_same_learning(report(job), bundle, job, adapt)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("network", ["dense", "branches", "groups and activations"])
def test_wild_corrections_predict_and_learn_alike(tmp_path: Path, network: str, seed: int) -> None:
    """Numbers at the ends of float32, so that sums of them are not finite: docs/numerics.md, sections 4 and 5."""
    bundle = Bundle.open(make_bundle(tmp_path / "b", NETWORKS[network]))
    labels = [0, 1, 2]
    job = job_of(bundle, True, labels=labels, begin=str(tmp_path / "state"))
    job["learning"] = {"optimizer": "sgd" if seed % 2 else "rms", "lr": 100.0, "replay": [0, 0]}
    chip = Chip(bundle, job["seed"])
    spoil(chip.correction, seed)
    chip.save(tmp_path / "state")
    found = report(job)
    assert_the_same_predictions(found, bundle, job)
    adapt = AdaptConfig("sgd" if seed % 2 else "rms", 100.0, replay=NO_REPLAY)
    assert_the_same_learning(found, bundle, job, adapt)


def test_what_cannot_learn_says_so_and_predicts(tmp_path: Path) -> None:
    path = make_bundle(tmp_path / "b", Synthetic(nodes=INTEGERS))
    with pytest.raises(rram_edge.RramError, match="learn: an integer network has no gains, offsets and SRAM values"):
        rram_edge.Chip(str(path)).learn_one(bytes(64), 0)
    chip = rram_edge.Chip(str(ranked(tmp_path, DENSE, 8, (2, 1)).path))
    with pytest.raises(rram_edge.RramError, match="learn: the bundle's correction has a low-rank part"):
        chip.learn_one(bytes(64), 0)
    assert (chip.step, chip.read) == (0, 0)


def test_a_state_of_integers_is_its_counters(tmp_path: Path) -> None:
    bundle = Bundle.open(make_bundle(tmp_path / "b", Synthetic(nodes=INTEGERS)))
    job = job_of(bundle, True, restore=str(tmp_path / "state"))
    chip = oracle(bundle, job)
    chip.predict_one(shaped(bundle, job["images"][0]))
    chip.save(tmp_path / "state")
    found = report(job)
    assert (found["restored"], found["counters"]) == (1, [0, 1])


def test_no_error_changes_nothing(tmp_path: Path) -> None:
    path = make_bundle(tmp_path / "b", Synthetic(nodes=DENSE))
    chip = rram_edge.Chip(str(path), replay=(0, 0))
    chip.layers[1].offset[0] = 500
    before = [list(getattr(layer, key)) for layer in chip.layers for key in ("gain", "offset", "value")]
    chip.learn_one(bytes(64), 0)
    assert before == [list(getattr(layer, key)) for layer in chip.layers for key in ("gain", "offset", "value")]
    assert (chip.step, chip.read) == (1, 1)


@pytest.mark.parametrize(("learning", "text"), [
    ({"optimizer": "adam"}, "adapt: optimizer: 'adam' is not one of rms, sgd, sign"),
    ({"optimizer": "momentum"}, "adapt: optimizer: 'momentum' is not one of rms, sgd, sign"),
    ({"lr": 0}, "adapt: lr 0, "),
    ({"horizon": 0}, "expected lr > 0, horizon >= 1"),
    ({"beta": 1}, "beta in"),
    ({"replay": (4, 0)}, "replay: 4 images, 0 repeats: expected both, or 0 and 0"),
    ({"replay": (-1, -1)}, "replay from 0"),
])  # fmt: skip
def test_settings_that_cannot_be_are_refused(tmp_path: Path, learning: dict[str, Any], text: str) -> None:
    path = make_bundle(tmp_path / "b", Synthetic(nodes=DENSE))
    with pytest.raises(rram_edge.RramError, match=text):
        rram_edge.Chip(str(path), **learning)


@pytest.mark.parametrize("label", [-1, 4, 1.0, "1"])
def test_a_label_that_is_no_class_is_refused(tmp_path: Path, label: Any) -> None:
    chip = rram_edge.Chip(str(make_bundle(tmp_path / "b", Synthetic(nodes=DENSE))))
    with pytest.raises(rram_edge.RramError, match="is not a whole number from 0 to 3"):
        chip.learn_one(bytes(64), label)
    assert chip.step == 0


# --- the state --------------------------------------------------------------------------------------------------------


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return Bundle.open(make_bundle(tmp_path / "b", Synthetic(nodes=DENSE, mask_share=0.3)))


def test_a_state_that_it_saved_is_restored_by_the_oracle(tmp_path: Path, bundle: Bundle) -> None:
    (tmp_path / "state").mkdir()
    job = job_of(bundle, True, labels=[0, 1, 2], save=str(tmp_path / "state"))
    found = report(job)
    assert found["generation"] == 2
    chip = oracle(bundle, job)
    info = chip.restore(tmp_path / "state")
    assert info is not None and (info.generation, info.slot.name, info.damaged) == (2, "state.b", ())
    assert (chip.correction.step, chip.correction.read) == (3, 3 + (1 + 0) + (1 + 4) + (1 + 4))
    for layer, texts in zip(chip.correction.layers, found["correction"], strict=True):
        for key, text in zip(("gain", "offset", "value"), texts, strict=False):
            np.testing.assert_array_equal(getattr(layer, key), numbers(text, "<f4"))
        np.testing.assert_array_equal(layer.ms, numbers(texts[3], "<f8"))


def test_it_restores_a_state_that_the_oracle_calibrated_and_saved(tmp_path: Path, bundle: Bundle) -> None:
    job = job_of(bundle, True, restore=str(tmp_path / "state"))
    chip = oracle(bundle, job)
    chip.calibrate()
    chip.learn_one(shaped(bundle, job["images"][0]), 1)
    chip.save(tmp_path / "state")
    found = report(job)
    assert found["restored"] == 1
    assert found["counters"] == [1, chip.correction.read]
    for layer, texts in zip(chip.correction.layers, found["correction"], strict=True):
        np.testing.assert_array_equal(layer.offset, numbers(texts[1], "<f4"))
        np.testing.assert_array_equal(layer.value, numbers(texts[2], "<f4"))
        np.testing.assert_array_equal(layer.ms, numbers(texts[3], "<f8"))


@pytest.fixture
def saved(tmp_path: Path, bundle: Bundle) -> tuple[Any, Path]:
    """A chip that has saved twice: an offset of 1, then of 2."""
    folder = tmp_path / "state"
    folder.mkdir()
    chip = rram_edge.Chip(str(bundle.path), 3)
    for number in (1, 2):
        chip.layers[0].offset[0] = number
        assert chip.save(str(folder)) == number
    return chip, folder


def test_saves_take_turns_and_the_newest_is_restored(saved: tuple[Any, Path]) -> None:
    chip, folder = saved
    assert sorted(path.name for path in folder.iterdir()) == ["state.a", "state.b"]
    chip.layers[0].offset[0] = 9
    assert chip.restore(str(folder)) == 2 and chip.layers[0].offset[0] == 2
    assert chip.save(str(folder)) == 3
    (folder / "state.a").unlink()  # the third went into the first's place
    assert chip.restore(str(folder)) == 2


@pytest.mark.parametrize("spoil", [lambda data: data[:-1], lambda data: data[:40], lambda data: b"",
                                   lambda data: data[:90] + b"\xff" + data[91:]])  # fmt: skip
def test_a_slot_that_is_damaged_leaves_the_other(saved: tuple[Any, Path], spoil: Any) -> None:
    chip, folder = saved
    newest = folder / "state.b"
    newest.write_bytes(spoil(newest.read_bytes()))
    assert chip.restore(str(folder)) == 1 and chip.layers[0].offset[0] == 1
    assert chip.save(str(folder)) == 2  # over the damaged one
    assert chip.restore(str(folder)) == 2
    for slot in folder.iterdir():
        slot.write_bytes(spoil(slot.read_bytes()))
    with pytest.raises(rram_edge.RramError, match="no valid state left"):
        chip.restore(str(folder))


def test_a_save_that_is_cut_short_leaves_what_was_there(saved: tuple[Any, Path], monkeypatch: Any) -> None:
    chip, folder = saved

    def no_power(*_: Any) -> None:
        raise OSError(28, "no space")

    monkeypatch.setattr("os.rename", no_power)
    monkeypatch.setattr("os.remove", no_power)
    with pytest.raises(rram_edge.RramError, match="cannot save in .*no space.*the state saved last stays"):
        chip.save(str(folder))
    assert chip.restore(str(folder)) == 2


def test_another_chip_bundle_or_number_is_refused(tmp_path: Path, saved: tuple[Any, Path]) -> None:
    chip, folder = saved
    assert rram_edge.Chip(chip.bundle.path, 3).restore(str(tmp_path)) == 0  # nothing was saved there
    with pytest.raises(rram_edge.RramError, match="belongs to another chip: seed 3 given, expected 4"):
        rram_edge.Chip(chip.bundle.path, 4).restore(str(folder))
    other = make_bundle(tmp_path / "other", Synthetic(nodes=DENSE, seed=1))
    with pytest.raises(rram_edge.RramError, match="belongs to another bundle"):
        rram_edge.Chip(str(other), 3).save(str(folder))
    chip.layers[1].gain[0] = float("inf")
    with pytest.raises(rram_edge.RramError, match=r"fc2.gain is not finite; not saved"):
        chip.save(str(folder))
    assert chip.restore(str(folder)) == 2


def test_a_restored_state_forgets_labelled_images(saved: tuple[Any, Path]) -> None:
    chip, folder = saved
    chip.learn_one(bytes(64), 1)
    assert chip.learner.seen == 1
    chip.restore(str(folder))
    assert chip.learner.seen == 0
