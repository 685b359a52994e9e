"""The fine-tuning of one chip, by any strategy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from host_tools.finetune.chip import Chip
from host_tools.finetune.endtoend import Lesson, rewrite_network
from host_tools.finetune.layerwise import fit_columns, rewrite_layer, task
from host_tools.finetune.tuning import Tuning

F32 = NDArray[np.float32]


def budgets(chip: Chip, tuning: Tuning) -> list[int]:
    """Writes of each layer: tuning.writes times the chip's cells, shared by the square root of a layer's cells, because
    a small layer's cells count for more of the error and cost little."""
    sizes = np.array([port.shape[0] * port.shape[1] for port in chip.layers], np.float64)
    open_ = np.ones(len(sizes))
    if tuning.scope == "last":
        open_[:-1] = 0
    if tuning.scope == "none":
        return [0] * len(sizes)
    weight = np.sqrt(sizes) * open_
    return [int(b) for b in tuning.writes * sizes.sum() * weight / weight.sum()]


def fine_tune(chip: Chip, images: F32, labels: NDArray[np.int64], tuning: Tuning, seed: int) -> int:
    """Rewrite cells of `chip` until it answers as its ideal network does; the number of rewrites.

    images float32 [n, H, W, C]; labels [n] are looked at by guide "labels" only. Every choice is a function of `seed`
    and of what the chip answered.
    """
    ideal = chip.network.forward(images)
    everything = budgets(chip, tuning)
    lesson = Lesson(images, ideal.logits)
    if tuning.guide != "io":
        if tuning.guide == "labels":
            lesson = Lesson(images, np.eye(ideal.logits.shape[1], dtype=np.float32)[labels], labels=True)
        return rewrite_network(chip, lesson, tuning, everything, 2 * tuning.kd_rounds, seed)
    rng = np.random.default_rng([seed, 1])
    kept = 1 - tuning.kd_writes if tuning.kd else 1.0
    spent = left = 0
    for layer in range(len(chip.layers)):
        given = task(chip, layer, images, chip.network.answers(layer, ideal), tuning, rng)
        budget = int(kept * everything[layer]) + left
        if budget == 0:
            fit_columns(chip, layer, given, tuning)
            continue
        used = rewrite_layer(chip, layer, given, tuning, budget)
        spent, left = spent + used, max(0, budget - used)
    if tuning.kd:
        late = [max(0, int(b * tuning.kd_writes)) for b in everything]
        spent += rewrite_network(chip, lesson, tuning, late, tuning.kd_rounds, seed)
    return spent
