"""The guard: labels that teach nothing good are not learned, and learning that makes things worse is undone.

Rules and thresholds are those of firmware_py/guard.py (docs/adaptation.md); in memory only where it is asked for.
"""

from array import array
from math import exp, log

from rram_edge import largest
from rram_edge.errors import RramError
from rram_edge.graph import size
from rram_edge.ideal import classes

HEARD = 16  # labels before agreement means anything
GROUPS = ("gain", "offset", "value", "ms")


class Watch:
    """What the guard remembers. absurd, known, undone: how often each rule has spoken; `every` 0: nothing is undone."""

    def __init__(self, learner, window=64, trust=0.6, absurd=0.01, sure=0.9, most_of_one=0.5, every=64, margin=0.05,
                 cap=3.0):  # fmt: skip
        shares = (trust, absurd, sure, most_of_one)
        if not (window >= HEARD and every >= 0 and margin >= 0 and cap > 0 and all(0 <= one <= 1 for one in shares)):
            given = f"window {window}, shares {shares}, every {every}, margin {margin}, cap {cap}"
            expected = f"shares from 0 to 1, window >= {HEARD}, every >= 0, margin >= 0, cap > 0"
            raise RramError(f"guard: {given}: expected {expected}")
        self.learner, self.window, self.trust, self.limits = learner, window, trust, (absurd, sure)
        self.most_of_one, self.every, self.margin, self.cap = most_of_one, every, margin, cap
        self.absurd = self.known = self.undone = 0
        self.anchors = array("H")  # classes that the ideal network gives the calibration vectors, once asked for
        self.forget()

    def forget(self) -> None:
        """Forget what was seen; the correction as it is becomes the last good one when a label comes."""
        self.agreed: list = []
        self.labels: list = []
        self.good: list = []
        self.since = 0

    def learns(self, logits: array, label: int) -> bool:
        """Whether a label is to be learned, by the logits before it."""
        p, right = probabilities(logits), largest(logits) == label
        trusted = len(self.agreed) >= HEARD and sum(self.agreed) / len(self.agreed) >= self.trust
        common = self.labels.count(label) > self.most_of_one * self.window
        self.agreed, self.labels = (self.agreed + [right])[-self.window :], (self.labels + [label])[-self.window :]
        if trusted and p[label] < self.limits[0] and max(p) > self.limits[1]:
            self.absurd += 1
            return False
        if common and right:
            self.known += 1
            return False
        if not self.good:
            self.good = self._copied()
        return True

    def learned(self) -> None:
        """A label has been learned: every so many, keep the correction, or undo."""
        self.since += 1
        if not self.every or self.since < self.every:
            return
        self.since = 0
        now, changed = self._loss(), self._parts()
        self._put(self.good)
        if now > self._loss() + self.margin:
            self.undone += 1
            self._put(self._copied())
            return
        self._put(changed)
        self.good = []  # makes room
        self.good = self._copied()

    def _parts(self) -> list:
        return [[getattr(layer, key) for key in GROUPS] for layer in self.learner.chip.layers]

    def _copied(self) -> list:
        return [[part[:] for part in parts] for parts in self._parts()]

    def _put(self, kept: list) -> None:
        for layer, parts in zip(self.learner.chip.layers, kept):
            for key, part in zip(GROUPS, parts):
                setattr(layer, key, part)

    def _loss(self) -> float:
        """Mean of the capped losses of labelled images and of anchors, each half."""
        learner, bundle = self.learner, self.learner.chip.bundle
        if not self.anchors:
            self.anchors = classes(learner.chip)
        pixels = size(bundle.shape)
        kept, losses = memoryview(learner.pixels), []
        count = min(learner.seen, learner.images)
        if count:
            images = (kept[i * pixels : (i + 1) * pixels] for i in range(count))
            losses.append(self._mean(images, learner.labels, count))
        if self.anchors:
            losses.append(self._mean(bundle.images("calibration.x"), self.anchors, len(self.anchors)))
            bundle.forget()
        return sum(losses) / len(losses) if losses else 0.0

    def _mean(self, images, labels, count: int) -> float:
        total = 0.0
        for image, label in zip(images, labels):
            p = probabilities(self.learner.chip.logits_one(image))
            total += min(-log(max(p[label], 1e-30)), self.cap)
        return total / count


def probabilities(logits: array) -> list:
    """Softmax, not rounded yet."""
    most, total = max(logits), 0.0
    e = [exp(value - most) for value in logits]
    for value in e:
        total += value
    return [value / total for value in e]
