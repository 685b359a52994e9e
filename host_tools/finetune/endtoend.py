"""Guidance by the network's own error: forward on the chip, back by transposed reads, all layers at once.

The error is distillation's in the limit of a high temperature, where it is the squared distance of the logits from the
ideal network's (Hinton et al., 2015, section 2.1), or the labels' cross-entropy. One more pass back, from random
signs, measures the columns' curvature [M, M] (Martens and Grosse, 2015: K-FAC's second factor). A gradient divided by
it is a change of the layer's answers that would mend the error, spread over the columns; every layer is asked for its
part of it. So a gradient becomes what I/O guidance has: answers that a layer should give.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from host_tools.finetune.chip import Bool, Chip, Level
from host_tools.finetune.estimate import Seen
from host_tools.finetune.plan import Cells, plan
from host_tools.finetune.tuning import Tuning
from host_tools.passes import Pass, rows_of

F32 = NDArray[np.float32]
DAMPING = 0.1  # of the mean curvature of a layer's columns, added to all
MOST = 0.1     # by which a gain changes at once
FLOOR = 0.05   # curvature of every logit beside the cross-entropy's, which vanishes where the chip is sure


@dataclass(frozen=True)
class Lesson:
    """Images [n, H, W, C] and what their logits [n, classes] should be: the ideal network's, or (labels) one-hot."""

    images: F32
    wanted: F32
    labels: bool = False

    def gradients(self, logits: F32, rng: np.random.Generator) -> tuple[F32, F32]:
        """Gradient at the logits, and a random one whose mean square is the curvature."""
        signs = rng.choice(np.array([-1, 1], np.float32), logits.shape)
        if not self.labels:
            off = logits - self.wanted
            return off - off.mean(axis=1, keepdims=True), signs
        p = softmax(logits)
        drawn = (p.cumsum(axis=1) > rng.random((len(p), 1), dtype=np.float32)).argmax(axis=1)
        own = p - np.eye(p.shape[1], dtype=np.float32)[drawn] + np.float32(FLOOR**0.5) * signs
        return p - self.wanted, own


def softmax(logits: F32) -> F32:
    """Probabilities of logits [n, classes]."""
    z = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(z / z.sum(axis=1, keepdims=True), np.float32)


@dataclass(frozen=True)
class Ask:
    """What one layer is asked: its rows [n, K] (a sample), and the change [n, M] of its answers."""

    rows: F32
    change: F32


def asks(chip: Chip, lesson: Lesson, tuning: Tuning, rng: np.random.Generator) -> list[Ask]:
    """One forward pass and two backward passes of the whole lesson."""
    done = chip.network.forward(lesson.images, chip.product)
    gradient, random = lesson.gradients(done.logits, rng)
    wanted = chip.network.backward(done, gradient, chip.transposed)
    own = chip.network.backward(done, random, chip.transposed)
    return [_ask(chip, done, i, wanted[i], own[i], tuning, rng) for i in range(len(chip.layers))]


def _ask(chip: Chip, done: Pass, layer: int, wanted: F32, own: F32, tuning: Tuning, rng: np.random.Generator) -> Ask:
    place = chip.network.place(layer)
    rows = rows_of(chip.network.nodes[place], done.inputs[place])
    curvature = (own.T @ own).astype(np.float64) / len(own)
    places = len(own) // len(done.logits)  # of an image at which the kernel acts: each is asked for its part
    damping = DAMPING * np.trace(curvature) / len(curvature) + 1e-12
    if len(rows) > tuning.vectors:
        pick = np.sort(rng.permutation(len(rows))[: tuning.vectors])
        rows, wanted = rows[pick], wanted[pick]
    change = -wanted @ np.linalg.inv(curvature + damping * np.eye(len(curvature))) / (places * len(chip.layers))
    return Ask(np.ascontiguousarray(rows), change.astype(np.float32))


def rewrite_network(chip: Chip, lesson: Lesson, tuning: Tuning, budgets: list[int], rounds: int, seed: int) -> int:
    """Rounds over the whole network, with about `budgets` writes a layer in equal parts; the number of writes."""
    rng = np.random.default_rng([seed, 2])
    spent = 0
    for turn in range(rounds):
        for layer, ask in enumerate(asks(chip, lesson, tuning, rng)):
            part = budgets[layer] * (turn + 1) // rounds - budgets[layer] * turn // rounds
            if part:
                most = -(-part // chip.layers[layer].shape[1])
                spent += _rewrite(chip, layer, ask, tuning, most, part, tuning.gradient_hope)
        for layer, ask in enumerate(asks(chip, lesson, tuning, rng)):
            _nudge(chip, layer, ask)
    return spent


def _rewrite(chip: Chip, layer: int, ask: Ask, tuning: Tuning, most: int, budget: int, hope: float) -> int:
    port, technology, asked = chip.layers[layer], chip.technology, chip.asked[layer]
    seen = Seen.of(ask.rows, technology.read_sd)
    slope = -seen.correlation(ask.change - ask.change.mean(axis=0)) / chip.gain[layer]
    if tuning.step == "sign":
        where, level = _by_sign(slope, asked, most, len(technology.value))
    else:
        prior, variance = technology.value[asked], chip.variance(layer)
        unseen = seen.unseen(float(np.mean(technology.sd**2)))[:, None]
        cells = Cells(seen.cells(port.read(ask.rows), prior, variance), variance * unseen, slope)
        where, level = plan(cells, seen.gram, technology.value, chip.rewrite.sd, hope, most)
    _trim(where, np.abs(slope), budget)
    if where.any():
        port.write(where, level)
        chip.asked[layer] = np.where(where, level, asked)
    return int(where.sum())


def _by_sign(slope: F32, asked: Level, most: int, levels: int) -> tuple[Bool, Level]:
    """The `most` steepest cells of each column, one level against their slope where there is one."""
    level = np.clip(asked - np.sign(slope).astype(np.int64), 0, levels - 1)
    steep = np.where(level != asked, np.abs(slope), -1)
    where = np.zeros(slope.shape, bool)
    rows = np.argpartition(-steep, min(most, len(steep)) - 1, axis=0)[:most]
    np.put_along_axis(where, rows, True, axis=0)
    return where & (steep > 0), level


def _trim(where: Bool, worth: F32, budget: int) -> None:
    """Leave out the least steep cells beyond the budget."""
    chosen = np.flatnonzero(where)
    if len(chosen) > budget:
        order = np.argsort(-worth.reshape(-1)[chosen], kind="stable")
        where.reshape(-1)[chosen[order[budget:]]] = False


def _nudge(chip: Chip, layer: int, ask: Ask) -> None:
    """Gain and offset of each column move to the asked change, by least squares."""
    answers = chip.layers[layer].read(ask.rows)
    mean = answers.mean(axis=0)
    centred = answers - mean
    gain = (centred * ask.change).mean(axis=0) / np.maximum((centred * centred).mean(axis=0), 1e-30)
    limit = MOST * np.abs(chip.gain[layer])
    gain = np.clip(gain, -limit, limit)
    chip.gain[layer] = np.asarray(chip.gain[layer] + gain, np.float32)
    chip.offset[layer] = np.asarray(chip.offset[layer] + ask.change.mean(axis=0) - gain * mean, np.float32)
