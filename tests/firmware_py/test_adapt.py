"""The loop over a stream: what is predicted, learned, counted, dropped and saved."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from firmware_py.adapt import Adaptation, AdaptOptions
from firmware_py.errors import RramError
from firmware_py.stopper import Stopper
from firmware_py.stream import BadLine, ImageMessage, LabelMessage


class Recorder:
    """A learner whose prediction is the image's first number; it writes down what it is asked for."""

    def __init__(self) -> None:
        self.predicted: list[int] = []
        self.learned: list[tuple[int, int]] = []
        self.saved_after: list[int] = []
        self.full = False

    def predict_one(self, x: npt.NDArray[Any]) -> int:
        self.predicted.append(int(x[0]))
        return int(x[0])

    def learn_one(self, x: npt.NDArray[Any], label: int) -> int:
        self.learned.append((int(x[0]), label))
        return int(x[0])

    def save(self, folder: str | Path) -> int:
        if self.full:
            raise RramError("state: cannot save")
        self.saved_after.append(len(self.learned))
        return len(self.saved_after)


def image(number: int, label: int | None = None, name: str | int | None = None) -> ImageMessage:
    return ImageMessage(name, np.array([number], np.uint8), label)


def adapt(messages: list, **options: int) -> tuple[Recorder, Adaptation, list[str]]:
    chip, lines = Recorder(), []
    run = Adaptation(chip, AdaptOptions(**options), Path("folder"), lines.append)
    run.run(messages)
    return chip, run, lines


def test_a_label_that_comes_with_its_image_costs_one_pass() -> None:
    chip, run, _ = adapt([image(3, 3), image(4, 5)])
    assert chip.predicted == []
    assert chip.learned == [(3, 3), (4, 5)]
    assert {key: value for key, value in run.summary().items() if key != "saves_a_day"} == {
        "images": 2, "labels": 2, "accuracy": 50.0, "window_accuracy": 50.0, "window": 2, "late": 0, "waiting": 0,
        "dropped": 0, "skipped": {}, "generation": 1, "saves": 1, "error": None,
    }  # fmt: skip


def test_writes_are_counted_and_told_by_the_day() -> None:
    """Twelve labels, a save every four: three saves in 120 s are 2,160 in 86,400 s."""
    times = iter([1000.0, 1120.0, 1120.0])
    run = Adaptation(Recorder(), AdaptOptions(save_every=4), Path("folder"), lambda _: None, lambda: next(times))
    assert Adaptation(Recorder(), AdaptOptions(), None, lambda _: None).wear() == "no save"
    run.run([image(i, 1) for i in range(12)])
    assert run.wear() == "3 saves, 2,160 a day at this rate; RRAM cells: none"
    assert run.summary()["saves_a_day"] == pytest.approx(2160)


def test_labels_late_out_of_order_and_never() -> None:
    """Judged by the prediction made when the image came, learned with that very image."""
    chip, run, _ = adapt([
        image(1, name="a"), image(2, name="b"), image(3, name="c"), image(9),
        LabelMessage("c", 3), LabelMessage("a", 7),
    ])  # fmt: skip
    assert chip.predicted == [1, 2, 3, 9]
    assert chip.learned == [(3, 3), (1, 7)]
    summary = run.summary()
    assert (summary["images"], summary["labels"], summary["late"], summary["waiting"]) == (4, 2, 2, 1)
    assert summary["accuracy"] == 50.0


def test_progressive_accuracy_over_all_and_over_the_window() -> None:
    right = [i % 3 != 0 for i in range(100)]
    _, run, lines = adapt([image(1, 1 if ok else 0) for ok in right], window=7, report_every=40)
    assert run.summary()["accuracy"] == pytest.approx(100 * sum(right) / 100)
    assert run.summary()["window_accuracy"] == pytest.approx(100 * sum(right[-7:]) / 7)
    assert lines[0].startswith(f"40 labels: {100 * sum(right[:40]) / 40:.2f} % right, ")
    assert len(lines) == 2


def test_the_waiting_buffer_is_bounded_and_drops_the_oldest() -> None:
    chip, run, _ = adapt([image(i, name=i) for i in range(10)] + [LabelMessage(6, 6), LabelMessage(7, 7)], waiting=3)
    assert chip.learned == [(7, 7)]
    summary = run.summary()
    assert (summary["dropped"], summary["waiting"]) == (7, 2)
    assert summary["skipped"] == {"unknown id": 1}


def test_what_is_skipped_is_counted_by_kind_and_printed_three_times() -> None:
    lines = [BadLine("json", f"line {i}: not JSON") for i in range(5)]
    chip, run, said = adapt([*lines, image(1, name="a"), image(2, name="a"), LabelMessage("b", 1), image(1, 1)])
    assert run.summary()["skipped"] == {"json": 5, "duplicate id": 1, "unknown id": 1}
    assert len([line for line in said if "not JSON" in line]) == 3
    assert chip.predicted == [1]
    assert chip.learned == [(1, 1)]


def test_it_saves_at_intervals_and_at_the_end_and_only_what_is_new() -> None:
    chip, run, _ = adapt([image(1, 1)] * 25, save_every=10)
    assert chip.saved_after == [10, 20, 25]
    assert run.summary()["generation"] == 3
    chip, _, _ = adapt([image(1, 1)] * 20, save_every=10)
    assert chip.saved_after == [10, 20]
    chip, run, _ = adapt([image(1)] * 20, save_every=10)
    assert chip.saved_after == []
    assert run.summary()["generation"] is None


def test_a_full_disk_in_the_middle_does_not_end_the_run() -> None:
    chip, lines = Recorder(), []
    run = Adaptation(chip, AdaptOptions(save_every=10), Path("folder"), lines.append)
    chip.full = True
    for _ in range(15):
        run.take(image(1, 1))
    chip.full = False
    run.run([])
    assert lines == ["state: cannot save"]
    assert run.summary()["generation"] == 1
    assert run.summary()["error"] is None


def test_a_last_save_that_fails_and_a_stream_that_breaks_are_in_the_summary() -> None:
    def broken() -> Iterator[ImageMessage]:
        yield image(1, 1)
        raise RramError("stream: reading failed")

    chip = Recorder()
    run = Adaptation(chip, AdaptOptions(), Path("folder"), lambda _: None)
    run.run(broken())
    assert run.summary()["error"] == "stream: reading failed"
    assert chip.saved_after == [1]
    chip.full = True
    run = Adaptation(chip, AdaptOptions(), Path("folder"), lambda _: None)
    run.run([image(1, 1)])
    assert run.summary()["error"] == "state: cannot save"


def test_a_signal_in_the_middle_of_a_message_ends_the_stream_after_it() -> None:
    done = []
    with Stopper() as stopper:
        for number in stopper.until_stopped(iter(range(10))):
            if number == 3:
                os.kill(os.getpid(), signal.SIGTERM)
            done.append(number)
    assert done == [0, 1, 2, 3]
    assert stopper.signal == signal.SIGTERM


def test_a_signal_while_waiting_ends_the_stream_at_once() -> None:
    read, write = os.pipe()

    def silent() -> Iterator[int]:
        yield 1
        os.kill(os.getpid(), signal.SIGINT)
        os.read(read, 1)  # nothing is ever written: only the signal ends this
        yield 2

    before = signal.getsignal(signal.SIGINT)
    with Stopper() as stopper:
        assert list(stopper.until_stopped(silent())) == [1]
    assert stopper.signal == signal.SIGINT
    assert signal.getsignal(signal.SIGINT) is before
    os.close(read)
    os.close(write)
