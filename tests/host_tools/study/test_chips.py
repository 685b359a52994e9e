"""Chips of a study: the same figures on one process and on two, and no test label before the final figure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from firmware_py.chip import Chip
from host_tools.shift import Shift
from host_tools.study import chips
from host_tools.study.chips import ALL, UNTOUCHED, ChipPlan, StudyData, measure_chip, measure_chips
from host_tools.study.run import study_data
from tests.host_tools.conftest import Trained

SEEDS = range(4, 7)


def some(trained: Trained, images: int = 80) -> StudyData:
    """A few test images."""
    return study_data(trained.data, images)


def plan(trained: Trained, **changes: Any) -> ChipPlan:
    """A short plan."""
    return replace(ChipPlan(trained.files.bundle, labels=40), **changes)


def test_two_processes_and_one_give_the_same_figures_in_the_order_of_the_seeds(trained: Trained) -> None:
    data, done = some(trained), []
    alone = measure_chips(plan(trained), data, SEEDS, 1, lambda: done.append(1))
    together = measure_chips(plan(trained), data, SEEDS, 2, lambda: done.append(2))
    assert alone == together
    assert done == [1] * 3 + [2] * 3
    assert alone == [measure_chip(plan(trained), data, seed) for seed in SEEDS]
    assert len({tuple(chip.values()) for chip in alone}) > 1  # they are different chips


def test_figures_are_those_of_a_chip_worked_by_hand(trained: Trained) -> None:
    data, shift = some(trained), Shift(0.7, 0.2)
    found = measure_chip(plan(trained, shift=shift), data, 3)
    chip = Chip.open(trained.files.bundle, seed=3)

    def accuracy(x: np.ndarray) -> float:
        return 100 * sum(chip.predict_one(image) == y for image, y in zip(x, data.y_test, strict=True)) / len(x)

    changed = np.clip(np.float32(0.7) * (data.x_test.astype(np.float32) / np.float32(255)) + np.float32(0.2), 0, 1)
    assert found["untouched"] == pytest.approx(accuracy(data.x_test))
    chip.calibrate()
    assert found["calibrated"] == pytest.approx(accuracy(data.x_test))
    assert found["shifted"] == pytest.approx(accuracy(changed))
    assert set(found) == {*ALL, "clean"}


def test_a_plan_stops_where_it_says(trained: Trained) -> None:
    assert set(measure_chip(plan(trained, steps=UNTOUCHED), some(trained), 0)) == {"untouched"}
    assert set(measure_chip(plan(trained, steps=ALL[:3]), some(trained), 0)) == set(ALL[:3])


def test_no_image_is_both_learned_from_and_measured_on(trained: Trained) -> None:
    """The stream is of the training part: what is held out, first; of a small one the rest, too, up to 1,000."""
    whole = trained.data
    data, n = study_data(whole), len(whole.x_train)
    rest, held_out, labels = whole.validation()
    assert len(rest.x_train) + len(held_out) == n < 1000
    np.testing.assert_array_equal(data.x_stream, np.concatenate([held_out, rest.x_train]))
    np.testing.assert_array_equal(data.y_stream, np.concatenate([labels, rest.y_train]))
    np.testing.assert_array_equal(data.x_test, whole.x_test)
    repeated = np.arange(12_000) % n
    for count, stream in ((12_000, range(10_800, 12_000)), (9_000, [*range(8_100, 9_000), *range(100)])):
        large = replace(whole, x_train=whole.x_train[repeated[:count]], y_train=whole.y_train[repeated[:count]])
        np.testing.assert_array_equal(study_data(large).x_stream, large.x_train[list(stream)])
    assert len(study_data(trained.data, 10).x_test) == len(study_data(trained.data, 10).y_test) == 10


def test_a_chip_ends_the_same_whatever_the_test_labels_are(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither calibration nor learning sees them: the whole SRAM is equal, bit for bit; only the figures differ."""
    kept: list[Chip] = []

    class Kept(Chip):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            kept.append(self)

    monkeypatch.setattr(chips, "Chip", Kept)
    data = some(trained)
    orders = (data.y_test, np.roll(data.y_test, 7), data.y_test)
    figures = [measure_chip(plan(trained), replace(data, y_test=y), 2) for y in orders]
    assert figures[0] == figures[2] != figures[1]
    one, other, _ = (chip.correction.arrays(chip.bundle) for chip in kept)
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)
