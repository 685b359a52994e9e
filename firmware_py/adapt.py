"""Adapting on a stream: predict each image, learn when its label comes, keep score, save at intervals."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from firmware_py.errors import RramError
from firmware_py.stream import BadLine, ImageMessage, LabelMessage, Message

PRINTED_OF_A_KIND = 3
SECONDS_A_DAY = 86_400


class Learner(Protocol):
    """What can adapt; `firmware_py.Chip` is one."""

    def predict_one(self, x: npt.NDArray[Any]) -> int:
        """Class of one image."""

    def learn_one(self, x: npt.NDArray[Any], label: int) -> int:
        """Learn one label; the class predicted before."""

    def save(self, folder: str | Path) -> int:
        """Save the state; its generation."""


@dataclass(frozen=True)
class AdaptOptions:
    """How a run reports, saves and waits."""

    report_every: int = 100  # labels
    save_every: int = 500  # labels
    window: int = 200  # labels in the sliding accuracy
    waiting: int = 1000  # images kept for their labels


class Score:
    """Progressive accuracy, over all and over the last `window` labels; None before the first label."""

    def __init__(self, window: int) -> None:
        self.labels = self.right = 0
        self.window: deque[bool] = deque(maxlen=window)

    def add(self, right: bool) -> None:
        """One more prediction that can be judged."""
        self.labels += 1
        self.right += right
        self.window.append(right)

    @property
    def accuracy(self) -> float | None:
        """Per cent, over all labels."""
        return 100 * self.right / self.labels if self.labels else None

    @property
    def window_accuracy(self) -> float | None:
        """Per cent, over the window."""
        return 100 * sum(self.window) / len(self.window) if self.window else None


class Adaptation:
    """One run over a stream; `summary` says how it went, at any moment."""

    def __init__(self, chip: Learner, options: AdaptOptions, folder: Path | None, say: Callable[[str], None],
                 clock: Callable[[], float] = time.monotonic,
                 saved: Callable[[], object] | None = None) -> None:  # fmt: skip
        self._chip, self._options, self._folder, self._say = chip, options, folder, say
        self._clock, self._began, self.saves, self._saved = clock, clock(), 0, saved  # saved: called after each save
        self._waiting: OrderedDict[str | int, tuple[npt.NDArray[np.uint8], int]] = OrderedDict()
        self._unsaved = 0
        self.score = Score(options.window)
        self.skipped: Counter[str] = Counter()
        self.images = self.late = self.dropped = 0
        self.generation: int | None = None
        self.error: str | None = None

    def run(self, messages: Iterable[Message | BadLine]) -> None:
        """Work through the stream, then save. A stream that breaks, or a last save that fails, is kept in `error`."""
        try:
            for message in messages:
                self.take(message)
        except RramError as error:
            self.error = str(error)
        finally:
            self._save(last=True)

    def take(self, message: Message | BadLine) -> None:
        """One message."""
        if isinstance(message, BadLine):
            self._skip(message.kind, str(message))
        elif isinstance(message, LabelMessage):
            self._late_label(message)
        elif message.id in self._waiting:
            self._skip("duplicate id", f"image {message.id!r}: an image with this id still waits for its label")
        elif message.label is not None:
            self.images += 1
            self._learned(self._chip.learn_one(message.x, message.label), message.label)
        else:
            self.images += 1
            self._wait(message, self._chip.predict_one(message.x))

    def summary(self) -> dict[str, Any]:
        """The figures of this run; accuracies in per cent."""
        return {
            "images": self.images,
            "labels": self.score.labels,
            "accuracy": self.score.accuracy,
            "window_accuracy": self.score.window_accuracy,
            "window": len(self.score.window),
            "late": self.late,
            "waiting": len(self._waiting),
            "dropped": self.dropped,
            "skipped": dict(self.skipped),
            "generation": self.generation,
            "saves": self.saves,
            "saves_a_day": self.saves_a_day,
            "error": self.error,
        }

    @property
    def saves_a_day(self) -> float | None:
        """How often the state would be written in a day that goes on like this run; None before the first save."""
        seconds = self._clock() - self._began
        return self.saves / seconds * SECONDS_A_DAY if self.saves and seconds > 0 else None

    def wear(self) -> str:
        """One line: what this way of saving asks of the board's storage."""
        a_day = self.saves_a_day
        return "no save" if a_day is None else f"{self.saves} saves, {a_day:,.0f} a day at this rate; RRAM cells: none"

    def _wait(self, message: ImageMessage, prediction: int) -> None:
        if message.id is None or self._options.waiting == 0:
            return
        if len(self._waiting) >= self._options.waiting:
            self._waiting.popitem(last=False)
            self.dropped += 1
        self._waiting[message.id] = (message.x, prediction)

    def _late_label(self, message: LabelMessage) -> None:
        if message.id not in self._waiting:
            self._skip("unknown id", f"label of {message.id!r}: no image with this id waits for a label")
            return
        x, prediction = self._waiting.pop(message.id)
        self.late += 1
        self._chip.learn_one(x, message.label)
        self._learned(prediction, message.label)

    def _learned(self, prediction: int, label: int) -> None:
        self.score.add(prediction == label)
        self._unsaved += 1
        if self.score.labels % self._options.report_every == 0:
            self._say(self.report())
        if self._unsaved % self._options.save_every == 0:
            self._save(last=False)

    def report(self) -> str:
        """One line: where the run stands."""
        if not self.score.labels:
            return f"{self.images} images, no labels"
        text = f"{self.score.labels} labels: {self.score.accuracy:.2f} % right"
        text += f", {self.score.window_accuracy:.2f} % of the last {len(self.score.window)}"
        text += f"; {len(self._waiting)} waiting" if self._waiting else ""
        text += f"; {self.dropped} dropped" if self.dropped else ""
        return text + (f"; {sum(self.skipped.values())} lines skipped" if self.skipped else "")

    def _skip(self, kind: str, text: str) -> None:
        self.skipped[kind] += 1
        if self.skipped[kind] <= PRINTED_OF_A_KIND:
            more = ", further ones are only counted" if self.skipped[kind] == PRINTED_OF_A_KIND else ""
            self._say(f"skipped ({kind}{more}): {text}")

    def _save(self, last: bool) -> None:
        """Save what was learned since. A save that fails in the middle does not end the run: the next one may work."""
        if self._folder is None or not self._unsaved:
            return
        try:
            self.generation = self._chip.save(self._folder)
            self.saves += 1
            self._unsaved = 0
            if self._saved and not last:
                self._saved()
        except RramError as error:
            self._say(str(error))
            if last and self.error is None:
                self.error = str(error)
