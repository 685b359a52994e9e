"""The guard: labels that teach nothing good are not learned, and learning that makes things worse is undone.

Three rules, all by what the board knows; the thresholds are ours, chosen on validation images (docs/adaptation.md):

1. *Absurd labels.* While the chip and the labels agree in at least `trust` of the last `window` cases, a label of which
   the chip is sure that it is wrong (its probability below `absurd`, another's above `sure`) is not learned. Where they
   agree less often the chip may be the one that is wrong, since its input has changed: every label is learned then. So
   at most 1 - trust of the labels can be turned away, and not for longer than `window` labels.
2. *More of the same.* Where one class makes up more than `most_of_one` of the last `window` labels, a label of it that
   the chip told right teaches nothing: there is nothing to be learned from it but the class's frequency.
3. *Undo.* Every `every` labels the loss of the correction as it is and of the last good one are compared on what is at
   hand: the labelled images of the replay memory, and anchors, the bundle's calibration vectors with the classes that
   the ideal network gives them. If it rose by more than `margin`, the last good correction comes back; else it becomes
   the last good one. A single image's loss counts at most `cap`, so that wrong labels do not decide.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from firmware_py.activations import probabilities
from firmware_py.errors import RramError

if TYPE_CHECKING:
    from firmware_py.chip import Chip
    from firmware_py.correction import LayerCorrection

F32 = npt.NDArray[np.float32]
Kept = list[list[npt.NDArray[Any]]]
Verdict = Literal["learn", "absurd", "known"]
HEARD = 16  # labels before agreement means anything


@dataclass(frozen=True)
class Guard:
    """The thresholds above; `every` 0: no comparison, nothing is undone."""

    window: int = 64
    trust: float = 0.6
    absurd: float = 0.01
    sure: float = 0.9
    most_of_one: float = 0.5
    every: int = 64
    margin: float = 0.05
    cap: float = 3.0

    @property
    def text(self) -> str:
        """All thresholds in one short word, in the order above."""
        return ":".join(f"{number:g}" for number in vars(self).values())

    def __post_init__(self) -> None:
        shares = (self.trust, self.absurd, self.sure, self.most_of_one)
        if not (self.window >= HEARD and self.every >= 0 and self.margin >= 0 and self.cap > 0
                and all(0 <= share <= 1 for share in shares)):  # fmt: skip
            expected = f"expected shares from 0 to 1, window >= {HEARD}, every >= 0, margin >= 0, cap > 0"
            raise RramError(f"guard: {self}: {expected}")


class Watch:
    """What the guard of one chip remembers. absurd, known, undone: how often each rule has spoken."""

    def __init__(self, options: Guard) -> None:
        self.options = options
        self.absurd = self.known = self.undone = 0
        self._agreed: deque[bool] = deque(maxlen=options.window)
        self._labels: deque[int] = deque(maxlen=options.window)
        self._good: Kept | None = None
        self._since = 0

    def __str__(self) -> str:
        return f"{self.absurd} labels not believed, {self.known} known already, {self.undone} times undone"

    def clear(self) -> None:
        """Forget what was seen; the correction as it is becomes the last good one when a label comes."""
        self._agreed.clear()
        self._labels.clear()
        self._good, self._since = None, 0

    def verdict(self, logits: F32, label: int) -> Verdict:
        """Whether a label is to be learned, by the logits [classes] before it."""
        p = probabilities(logits)
        right = int(logits.argmax()) == label
        trusted = len(self._agreed) >= HEARD and np.mean(self._agreed) >= self.options.trust
        common = Counter(self._labels)[label] > self.options.most_of_one * self.options.window
        self._agreed.append(right)
        self._labels.append(label)
        if trusted and p[label] < self.options.absurd and p.max() > self.options.sure:
            self.absurd += 1
            return "absurd"
        if common and right:
            self.known += 1
            return "known"
        return "learn"

    def before(self, chip: Chip) -> None:
        """A label is about to be learned: the first time, the correction as it is is the last good one."""
        if self._good is None:
            self._good = _copied(chip)

    def learned(self, chip: Chip) -> None:
        """A label has been learned: every so many, keep the correction, or undo."""
        self._since += 1
        if not self.options.every or self._since < self.options.every or self._good is None:
            return
        self._since = 0
        now = self._loss(chip)
        changed = _copied(chip)
        _put(chip, self._good)
        if now > self._loss(chip) + self.options.margin:
            self.undone += 1
            return
        _put(chip, changed)
        self._good = changed

    def _loss(self, chip: Chip) -> float:
        """Mean of the capped losses of labelled images and of anchors, each half."""
        parts = [part for part in (chip.replay.all(), chip.anchors) if len(part[1])]
        losses = []
        for images, labels in parts:
            p = probabilities(chip.logits_many(images))[np.arange(len(labels)), labels]
            losses.append(float(np.mean(np.minimum(-np.log(np.maximum(p, 1e-30)), self.options.cap))))
        return float(np.mean(losses)) if losses else 0.0


def _copied(chip: Chip) -> Kept:
    """All numbers and the optimiser's state of all layers."""
    return [[part.copy() for part in _parts(layer)] for layer in chip.correction.layers]


def _put(chip: Chip, kept: Kept) -> None:
    for layer, parts in zip(chip.correction.layers, kept, strict=True):
        for mine, part in zip(_parts(layer), parts, strict=True):
            mine[...] = part


def _parts(layer: LayerCorrection) -> list[npt.NDArray[Any]]:
    numbers = [layer.gain, layer.offset, layer.value, layer.a, layer.b]
    return [*numbers, layer.ms, layer.velocity, layer.covariance]
