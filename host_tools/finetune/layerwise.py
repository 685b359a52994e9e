"""I/O guidance: a layer's cells are rewritten until its answers are the ideal network's activations.

Each round reads the layer's answers to known rows, believes what they say of the cells (estimate.py), plans a few
rewrites a column (plan.py) and writes them. A cell that turned out well asks for nothing and is left alone; one whose
draw was bad shows in its column's error and is planned again. The rows are the chip's own: what earlier layers of
this very chip gave, so a layer also mends what those before it left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from host_tools.finetune.chip import Chip
from host_tools.finetune.columns import fitted_gain
from host_tools.finetune.estimate import Seen
from host_tools.finetune.plan import Cells, plan
from host_tools.finetune.tuning import Tuning

F32 = NDArray[np.float32]
LEAST_HOPE = 1e-3  # below it nothing is left to gain
REPAIR = 0.1       # share of the writes that is kept for the bad draws of the others


@dataclass(frozen=True)
class Task:
    """Rows [n, K] that the chip's layer gets, and what it should answer, [n, M]."""

    rows: F32
    want: F32

    def column_start(self, chip: Chip, layer: int) -> F32:
        """The gain that the mapping gives."""
        ideal = chip.network.layers[layer]
        return np.asarray(ideal.clip * ideal.gain, np.float32)


def task(chip: Chip, layer: int, images: F32, want: F32, tuning: Tuning, rng: np.random.Generator) -> Task:
    """The layer's task on this chip; `want` [n, M] are the ideal network's activations. At most tuning.vectors rows."""
    rows = chip.network.rows(layer, images, chip.product)
    if len(rows) > tuning.vectors:
        pick = np.sort(rng.permutation(len(rows))[: tuning.vectors])
        rows, want = rows[pick], want[pick]
    return Task(np.ascontiguousarray(rows), np.ascontiguousarray(want))


def rewrite_layer(chip: Chip, layer: int, given: Task, tuning: Tuning, budget: int) -> int:
    """Rewrite cells of one layer, at most about `budget` writes; the number of writes. Gain and offset are fitted."""
    rewriting = Rewriting(chip, layer, given, tuning)
    spent = rewriting.rounds(int((1 - REPAIR) * budget), tuning.hope)
    spent += rewriting.rounds(budget - spent, (1.0, 1.0))
    fit_columns(chip, layer, given, tuning)
    return spent


class Rewriting:
    """The rounds of one layer."""

    def __init__(self, chip: Chip, layer: int, given: Task, tuning: Tuning) -> None:
        self._chip, self._layer, self._given, self._tuning = chip, layer, given, tuning
        self._port, technology = chip.layers[layer], chip.technology
        self._start = given.column_start(chip, layer)
        self._seen = Seen.of(given.rows, technology.read_sd)
        self._unseen = self._seen.unseen(float(np.mean(technology.sd**2)))[:, None]
        self._most = max(1, round(tuning.share * self._port.shape[0]))
        self._want = given.want - given.want.mean(axis=0)

    def rounds(self, budget: int, hope: tuple[float, float]) -> int:
        """Rounds until `budget` is spent, while `hope` goes from first to last in equal ratios; the number of writes.

        A round that plans nothing at its hope makes the next ones hope for half: the last may plan nothing either.
        """
        first, last = hope
        spent, ease = 0, 1.0
        while spent < budget and (now := ease * first * (last / first) ** (spent / budget)) > min(LEAST_HOPE, last):
            written = self._round(now)
            spent += written
            if not written:
                ease /= 2 if first > last else np.inf
        return spent

    def _round(self, hope: float) -> int:
        chip, port, seen = self._chip, self._port, self._seen
        answers = port.read(self._given.rows)
        centred = answers - answers.mean(axis=0)
        off = centred - self._want / fitted_gain(centred, self._want, self._start, self._tuning.gain)
        asked, variance = chip.asked[self._layer], chip.variance(self._layer)
        cells = Cells(seen.cells(answers, chip.technology.value[asked], variance), variance * self._unseen,
                      seen.correlation(off))  # fmt: skip
        where, level = plan(cells, seen.gram, chip.technology.value, chip.rewrite.sd, hope, self._most)
        if where.any():
            port.write(where, level)
            chip.asked[self._layer] = np.where(where, level, asked)
        return int(where.sum())


def fit_columns(chip: Chip, layer: int, given: Task, tuning: Tuning) -> None:
    """Gain and offset of every column by least squares, the gain within wide limits."""
    answers = chip.layers[layer].read(given.rows)
    mean, want = answers.mean(axis=0), given.want.mean(axis=0)
    start = given.column_start(chip, layer)
    gain = fitted_gain(answers - mean, given.want - want, start, (0.1, max(3.0, tuning.gain[1])))
    chip.gain[layer] = gain
    chip.offset[layer] = np.asarray(want - gain * mean, np.float32)
