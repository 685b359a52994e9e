"""Learning from labels, one at a time: steps, updates of the correction, replay (docs/numerics.md, section 5)."""

from array import array
from math import sqrt

from rram_edge import kernels, largest
from rram_edge.backward import analog_backward, error_codes, gradients, softmax_error
from rram_edge.bundle import zeros
from rram_edge.cells import REPLAY, stream
from rram_edge.errors import RramError
from rram_edge.graph import JOINING, operator, share, size
from rram_edge.layer import Layer


class Learner:
    """Settings as in firmware_py.AdaptConfig; replay: (images kept, images learned again), or (0, 0).

    guard: None, or a dictionary of what shall differ from the defaults of rram_edge.guard.Watch.
    """

    def __init__(self, chip, optimizer="rms", lr=0.03, horizon=1000, floor=0.1, beta=0.9, replay=(64, 4),
                 guard=None, layers=None):  # fmt: skip
        if chip.nodes[-1].integer:
            raise RramError("learn: an integer network has no gains, offsets and SRAM values that could change")
        if any(layer.rank for layer in chip.layers):
            raise RramError("learn: the bundle's correction has a low-rank part, which learning does not change yet")
        if optimizer not in ("rms", "sgd", "sign"):
            raise RramError(f"adapt: optimizer: {optimizer!r} is not one of rms, sgd, sign")
        if not (0 < lr < 1e3 and horizon >= 1 and 0 <= floor <= 1 and 0 <= beta < 1 and min(replay) >= 0):
            raise RramError(f"adapt: lr {lr}, horizon {horizon}, floor {floor}, beta {beta}, replay {replay}: expected "
                            "lr > 0, horizon >= 1, floor in [0, 1], beta in [0, 1), replay from 0")  # fmt: skip
        if layers is not None and not 1 <= layers <= len(chip.layers):
            raise RramError(f"adapt: layers: {layers} given, expected from 1 to {len(chip.layers)}")
        if (replay[0] == 0) != (replay[1] == 0):
            raise RramError(f"replay: {replay[0]} images, {replay[1]} repeats: expected both, or 0 and 0")
        self.chip, self.optimizer, self.lr = chip, optimizer, lr
        self.horizon, self.floor, self.beta = horizon, floor, beta
        self.images, self.repeats = replay
        self.behind = _behind_learning(chip.nodes, 0 if layers is None else len(chip.layers) - layers)
        self.pixels = bytearray(self.images * size(chip.bundle.shape))
        self.labels = zeros("H", self.images)
        self.priors = [_prior(layer) for layer in chip.layers]
        self.seen = 0
        self.watch = None
        if guard is not None:
            from rram_edge.guard import Watch

            self.watch = Watch(self, **guard)

    def forget(self) -> None:
        """Empty the memory of labelled images, and what the guard has seen."""
        self.seen = 0
        if self.watch:
            self.watch.forget()

    def learn_one(self, x: array, label: int) -> int:
        """One label: a step with the new image, then some with images labelled before."""
        classes = len(self.chip.bundle.classes)
        if not isinstance(label, int) or not 0 <= label < classes:
            raise RramError(f"label: {label!r} is not a whole number from 0 to {classes - 1}")
        if self.watch:
            logits = self.chip.run(x, None)
            self.chip.read += 1
            if not self.watch.learns(logits, label):
                return largest(logits)
        logits = self.one_step(x, label)
        count, pixels = min(self.seen, self.images), len(x)
        drawn = zeros("I", self.repeats)
        kernels.words(drawn, stream(self.chip.seed, REPLAY, 0, self.chip.step), 0, self.repeats if count else 0)
        for word in drawn if count else ():
            slot = (self.seen - count + (word * count >> 32)) % self.images
            kept = memoryview(self.pixels)[slot * pixels : (slot + 1) * pixels]
            self.one_step(self.chip.image(kept), self.labels[slot])
        if self.images:
            self._keep(x, label)
        self.chip.step += 1
        if self.watch:
            self.watch.learned()
        return largest(logits)

    def _keep(self, x: array, label: int) -> None:
        slot = self.seen % self.images
        t, unit = array("f", [0]), array("f", [1 / 255])[0]
        for i, value in enumerate(x):
            t[0] = value / unit
            self.pixels[slot * len(x) + i] = round(t[0])
        self.labels[slot] = label
        self.seen += 1

    def one_step(self, x: array, label: int) -> array:
        """Forward, backward, update at the present read counter; returns the logits before."""
        chip, updates, before = self.chip, [], self.behind
        kept: dict = dict.fromkeys(before)
        logits = chip.run(x, kept)
        errors, index = {len(chip.nodes) - 1: softmax_error(logits, label)}, len(chip.layers)
        for i in range(len(chip.nodes) - 1, -1, -1):
            node = chip.nodes[i]
            index -= node.analog
            if i not in errors:
                continue
            delta = errors.pop(i)
            a, y, codes, s = kept.pop(i)
            wanted = any(source in before for source in node.sources)
            back = delta  # as it is through add, concat and flatten
            if node.analog:
                coded = error_codes(delta)
                if coded is None:
                    continue
                layer = chip.layers[index]
                updates.append((layer, self.priors[index], gradients(layer, codes, s, coded[0], coded[1])))
                if wanted:
                    back = analog_backward(layer, delta)
            elif wanted and node.op not in JOINING:
                back = operator(node.op).backward(node, a, y, delta)
            for part, source in enumerate(node.sources):
                if source in before:
                    _add_error(errors, source, share(node, back, part))
        for layer, prior, gradient in updates:
            self.update(layer, prior, gradient)
        chip.read += 1
        return logits

    def update(self, layer: Layer, prior: tuple, gradient: tuple) -> None:
        """Change gain, offset and values by one step, each scaled by its prior."""
        rate = self.lr * max(1 - self.chip.step / self.horizon, self.floor) / sqrt(1 + self.repeats)
        t = array("f", [0])
        for group, name in enumerate(("gain", "offset", "value")):
            numbers, sv, g = getattr(layer, name), prior[group], gradient[group]
            if not numbers:
                continue
            total = 0.0
            for i, value in enumerate(g):
                g[i] = value * sv[i]
                total += g[i] * g[i]
                if self.optimizer == "sign":
                    g[i] = (g[i] > 0) - (g[i] < 0)
            t[0] = rate
            if self.optimizer == "rms":
                mean, old = total / len(g), layer.ms[group]
                if mean - mean != 0:  # not finite: the group stays as it is
                    continue
                layer.ms[group] = mean if old == 0 else self.beta * old + (1 - self.beta) * mean
                t[0] = rate / (sqrt(layer.ms[group]) + 1e-12)
            factor = t[0]
            for i, value in enumerate(g):
                t[0] = sv[i] * value
                t[0] *= factor
                t[0] = numbers[i] - t[0]
                if t[0] - t[0] == 0:
                    numbers[i] = t[0]


def _prior(layer: Layer) -> tuple:
    """Step scales of gain, offset and value."""
    gain = layer.bundle.tensor(layer.name + ".gain", "F32", (layer.n,))
    offset = layer.bundle.tensor(layer.name + ".y_std", "F32", (layer.n,))
    exponents = layer.bundle.tensor(layer.name + ".mask.lr_exp", "I8", (len(layer.value),))
    tenth = array("f", [0.1])[0]
    return (array("f", [tenth * abs(value) for value in gain]), array("f", [tenth * value for value in offset]),
            array("f", [2.0 ** (exponent / 2) for exponent in exponents]))  # fmt: skip


def _behind_learning(nodes: list, frozen: int) -> set:
    """Nodes whose output depends on an analog layer that is none of the `frozen` first ones."""
    found: set = set()
    for i, node in enumerate(nodes):
        frozen -= node.analog
        if (node.analog and frozen < 0) or any(source in found for source in node.sources):
            found.add(i)
    return found


def _add_error(errors: dict, source: int, back) -> None:
    """Where several nodes take an output, their errors are added in float32; `back` may be another source's, too."""
    if source not in errors:
        errors[source] = back
        return
    total = errors[source][:]
    for i, value in enumerate(back):
        total[i] += value
    errors[source] = total
