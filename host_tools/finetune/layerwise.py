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
STALLED = 8  # rounds without a write: nothing is left to gain


@dataclass(frozen=True)
class Task:
    """Rows [n, K] that the chip's layer gets, and what it should answer, [n, M]."""

    rows: F32
    want: F32

    def column_start(self, chip: Chip, layer: int) -> F32:
        """The gain that the mapping gives."""
        return np.asarray(chip.clip[layer] * chip.network.layers[layer].gain, np.float32)


def task(chip: Chip, layer: int, images: F32, want: F32, tuning: Tuning, rng: np.random.Generator) -> Task:
    """The layer's task on this chip; `want` [n, M] are the ideal network's activations. At most tuning.vectors rows."""
    rows = chip.network.forward(images, chip.product, until=layer).rows[layer]
    if len(rows) > tuning.vectors:
        pick = np.sort(rng.permutation(len(rows))[: tuning.vectors])
        rows, want = rows[pick], want[pick]
    return Task(np.ascontiguousarray(rows), np.ascontiguousarray(want))


def rewrite_layer(chip: Chip, layer: int, given: Task, tuning: Tuning, budget: int) -> int:
    """Rewrite cells of one layer, at most about `budget` writes; the number of writes. Gain and offset are fitted."""
    port, technology = chip.layers[layer], chip.technology
    start, (rows_, columns_) = given.column_start(chip, layer), port.shape
    seen = Seen.of(given.rows, technology.read_sd)
    want = given.want - given.want.mean(axis=0)
    most = max(1, round(tuning.share * rows_))
    unseen = seen.unseen(float(np.mean(technology.sd**2)))[:, None]
    rounds = max(1, 1.3 * budget / (most * columns_))
    spent = idle = turn = 0
    while spent < budget and idle < STALLED:
        answers = port.read(given.rows)
        centred = answers - answers.mean(axis=0)
        gain = fitted_gain(centred, want, start, tuning.gain)
        asked = chip.asked[layer]
        prior, variance = technology.value[asked], chip.variance(layer)
        cells = Cells(seen.cells(answers, prior, variance), variance * unseen, seen.correlation(centred - want / gain))
        hope = tuning.hope_at(max(spent / budget, turn / rounds))
        where, level = plan(cells, seen.gram, technology.value, chip.rewrite.sd, hope, most)
        written = int(where.sum())
        if written:
            port.write(where, level)
            chip.asked[layer] = np.where(where, level, asked)
        spent, turn = spent + written, turn + 1
        idle = 0 if written else idle + 1
    fit_columns(chip, layer, given, tuning)
    return spent


def fit_columns(chip: Chip, layer: int, given: Task, tuning: Tuning) -> None:
    """Gain and offset of every column by least squares, the gain within wide limits."""
    answers = chip.layers[layer].read(given.rows)
    mean, want = answers.mean(axis=0), given.want.mean(axis=0)
    start = given.column_start(chip, layer)
    gain = fitted_gain(answers - mean, given.want - want, start, (0.1, max(3.0, tuning.gain[1])))
    chip.gain[layer] = gain
    chip.offset[layer] = np.asarray(want - gain * mean, np.float32)
