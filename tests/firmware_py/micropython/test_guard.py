"""The guard in the MicroPython engine judges, and undoes, as the other engines' guard does."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from firmware_py import AdaptConfig, Replay
from firmware_py.bundle import Bundle
from firmware_py.guard import Guard
from firmware_py.numpy_engine import ideal_activations
from firmware_py.replay import NO_REPLAY
from tests.firmware_py.make_bundle import CONV, DENSE, MOBILE, Synthetic, make_bundle
from tests.firmware_py.micropython.cases import (
    Run,
    assert_the_same_learning,
    here,
    in_micropython,
    job_of,
    needs_micropython,
    oracle,
    shaped,
)

import rram_edge  # isort: skip  # on the path by cases
from rram_edge.ideal import classes, output  # isort: skip

LABELS = 48
PLACES = [pytest.param(here, id="here"),
          pytest.param(in_micropython, id="micropython", marks=needs_micropython)]  # fmt: skip


def judged(folder: Path, run: Run, spec: Synthetic, labels: Callable[[int, int], int], replay: Replay,
           optimizer: Any = "sgd", lr: float = 0.3, **guard: Any) -> list[int]:  # fmt: skip
    """Both engines learn labels(i, class that the calibrated chip gives image i); how often each rule spoke."""
    bundle = Bundle.open(make_bundle(folder / "b", spec))
    job = job_of(bundle, False, LABELS, begin=str(folder / "state"))
    job["learning"] = {"guard": guard, "replay": [replay.images, replay.repeats], "optimizer": optimizer, "lr": lr}
    chip = oracle(bundle, job)
    chip.calibrate()
    chip.save(folder / "state")
    classes = [int(chip.predict_one(shaped(bundle, image))) for image in job["images"]]
    job["labels"] = [labels(i, klass) for i, klass in enumerate(classes)]
    found = run(job, folder)
    adapt = AdaptConfig(optimizer, lr, replay=replay, guard=Guard(**guard))
    chip = assert_the_same_learning(found, bundle, job, adapt)
    assert chip.watch is not None
    if found["anchors"]:
        assert found["anchors"] == chip.anchors[1].tolist()
    assert found["watch"] == [chip.watch.absurd, chip.watch.known, chip.watch.undone]
    return list(found["watch"])


@pytest.mark.parametrize("run", PLACES)
def test_labels_that_are_absurd_are_not_learned(tmp_path: Path, run: Run) -> None:
    """Two of three are right, after a time when none was."""
    told = judged(tmp_path, run, Synthetic(nodes=DENSE), lambda i, klass: (klass + (i < 16 or i % 3 == 2)) % 4,
                  NO_REPLAY, lr=0.01, window=16, every=0, absurd=0.3, sure=0.3)  # fmt: skip
    assert told[0] > 2


def test_a_network_that_begins_with_an_activation_learns_the_image_that_was_judged(tmp_path: Path) -> None:
    told = judged(tmp_path, here, Synthetic(nodes=[{"op": "hard_swish"}, *DENSE]), lambda i, klass: klass, NO_REPLAY,
                  window=16, every=0)  # fmt: skip
    assert told[0] < LABELS


@pytest.mark.parametrize("run", PLACES)
def test_more_of_the_same_is_not_learned(tmp_path: Path, run: Run) -> None:
    told = judged(tmp_path, run, Synthetic(nodes=DENSE), lambda i, klass: 1, Replay(8, 1), window=16, every=0)
    assert told[1] > 2


@pytest.mark.parametrize("run", PLACES)
@pytest.mark.parametrize(("replay", "setting"), [
    (NO_REPLAY, {"optimizer": "rms", "lr": 1.0, "cap": 1.0}), (Replay(8, 1), {"lr": 10.0}),
], ids=["anchors alone", "anchors and replay"])  # fmt: skip
@pytest.mark.parametrize(("nodes", "shape"), [(DENSE, (8, 8, 1)), (CONV, (8, 8, 1)), (MOBILE, (8, 8, 2))],
                         ids=["dense", "convolutions", "groups"])  # fmt: skip
def test_what_makes_things_worse_is_undone(tmp_path: Path, run: Run, nodes: list, shape: tuple, replay: Replay,
                                           setting: dict) -> None:  # fmt: skip
    """Good labels, then wrong ones at a large rate."""
    spec = Synthetic(nodes=nodes, input_shape=shape, mask_share=0.2)
    told = judged(tmp_path, run, spec, lambda i, klass: (klass + (i >= 24)) % 4, replay, window=16, every=8,
                  margin=0.0, absurd=0.0, most_of_one=1.0, **setting)  # fmt: skip
    assert 0 < told[2] < LABELS // 8


def test_the_ideal_network_is_the_oracles(tmp_path: Path) -> None:
    """Layer by layer; sums in float64 here, in float32 there."""
    bundle = Bundle.open(make_bundle(tmp_path / "b", Synthetic(nodes=MOBILE, input_shape=(8, 8, 2), mask_share=0.2)))
    expected = ideal_activations(bundle, bundle.calibration_x.astype(np.float32) / np.float32(255))
    chip, found = rram_edge.Chip(str(bundle.path)), []
    target = array("i", bundle.tables.target.tolist())

    def compute(layer: Any, a: array) -> array:
        y = output(layer, a, target)
        found.append(y[:])  # an activation may write over it
        return y

    chip.run(chip.image(bundle.calibration_x[2].tobytes()), None, compute)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(np.array(ours), theirs[2].reshape(-1), rtol=1e-4, atol=1e-5)
    assert classes(chip).tolist() == expected[-1].argmax(axis=1).tolist()


def test_one_image_counts_at_most_the_cap(tmp_path: Path) -> None:
    """The mean of a loss of nearly 0 and one of 100, which counts 2."""
    chip = rram_edge.Chip(str(make_bundle(tmp_path / "b", Synthetic(nodes=DENSE))), guard={"cap": 2.0})
    chip.layers[-1].offset[0] = 100
    assert chip._learner().watch._mean([bytes(64), bytes(64)], [0, 1], 2) == pytest.approx(1.0)


def test_a_restored_state_is_the_last_good_one(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    path = make_bundle(tmp_path / "b", Synthetic(nodes=DENSE))
    chip = rram_edge.Chip(str(path), guard={})
    chip.learn_one(bytes(64), 1)
    chip.save(str(tmp_path / "state"))
    assert chip.learner.watch.good and chip.learner.watch.labels == [1]
    chip.restore(str(tmp_path / "state"))
    assert (chip.learner.watch.good, chip.learner.watch.labels, chip.learner.watch.agreed) == ([], [], [])


@pytest.mark.parametrize("wrong", [{"window": 15}, {"every": -1}, {"margin": -0.1}, {"cap": 0}, {"sure": 1.1}])
def test_thresholds_out_of_range_are_one_line(tmp_path: Path, wrong: dict[str, Any]) -> None:
    path = make_bundle(tmp_path / "b", Synthetic(nodes=DENSE))
    with pytest.raises(rram_edge.RramError, match="guard: .*expected shares from 0 to 1, window >= 16"):
        rram_edge.Chip(str(path), guard=wrong)
