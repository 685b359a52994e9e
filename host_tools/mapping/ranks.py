"""How much rank each layer's low-rank correction gets: where a number in SRAM repairs most of the expected loss."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from firmware_py.bundle import AnalogLayer, ProfileTables
from host_tools import emulate
from host_tools.mapping.mask import Scores, ideal_weights, mask_seed

CHIPS = 4


def choose_ranks(layers: Sequence[AnalogLayer], tables: ProfileTables, fisher: Scores, budget: int,
                 seed: int = 0) -> list[int]:  # fmt: skip
    """Rank of each layer, K + N numbers a rank and at most `budget` numbers in all.

    On a few chips that only the workstation looks at, the cells' deviations outside the mask are weighted by the
    Fisher information (taken as a product of rows and columns); a squared singular value is the loss that one more rank
    repairs. Ranks are bought by loss a number, the dearest that still fit last; convolutions with groups have none.
    Our own way: DoRA-RIMC (arXiv 2504.03763) gives every layer one rank.
    """
    gains = [np.zeros(min(layer.k, layer.n)) for layer in layers]
    ideal = [ideal_weights(layer, tables) for layer in layers]
    for chip in range(CHIPS):
        drawn = emulate.chip_weights(layers, tables, mask_seed(seed, chip))
        for gain, layer, weights, aim, f in zip(gains, layers, drawn, ideal, fisher, strict=True):
            deviation = weights - aim
            deviation[layer.mask_rows, layer.mask_cols] = 0
            scale = np.sqrt(np.outer(f.sum(axis=1), f.sum(axis=0)) / max(float(f.sum()), 1e-300))
            gain += np.linalg.svd(deviation * scale, compute_uv=False) ** 2 / CHIPS
    offers = sorted(((-gain[q] / (layer.k + layer.n), i, layer.k + layer.n)
                     for i, (gain, layer) in enumerate(zip(gains, layers, strict=True)) for q in range(len(gain))
                     if layer.node.groups == 1))
    ranks = [0] * len(layers)
    for _, i, cost in offers:
        if cost <= budget and (ranks[i] + 1) * cost <= layers[i].k * layers[i].n:
            ranks[i] += 1
            budget -= cost
    return ranks
