"""Which weights get an SRAM value: the mask, the same positions on every chip, chosen before any chip exists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from firmware_py.bundle import AnalogLayer, ProfileTables
from firmware_py.graph import Node
from host_tools import emulate
from host_tools.errors import HostError

CRITERIA = ("fisher-variance", "fisher", "magnitude", "random", "none")


@dataclass(frozen=True)
class MaskChoice:
    """How to choose: criterion; SRAM in per cent of the weights (values, gains, offsets together); draws of chips."""

    criterion: str = "fisher-variance"
    sram_percent: float = 2.34
    chips: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        if self.criterion not in CRITERIA:
            raise HostError(f"--mask: {self.criterion!r} is not one of {', '.join(CRITERIA)}")
        if not 0 <= self.sram_percent <= 100:
            raise HostError(f"--sram: {self.sram_percent} is not a percentage from 0 to 100")


def entries_for(percent: float, weights: int, columns: int) -> int:
    """Mask entries that fit into `percent` of the weights beside a gain and an offset a column; HostError if < 0."""
    entries = int(percent / 100 * weights + 1e-9) - 2 * columns
    if entries < 0:
        least = 200 * columns / weights
        raise HostError(f"--sram: {percent} % given, gains and offsets alone take {least:.2f} % of {weights} weights")
    return min(entries, weights)


def choose_mask(
    nodes: Sequence[Node],
    layers: Sequence[AnalogLayer],
    tables: ProfileTables,
    images: npt.NDArray[np.float32],
    labels: npt.NDArray[np.integer],
    choice: MaskChoice,
) -> list[npt.NDArray[np.bool_]]:
    """Masks bool [K, N] per layer: the global top of the criterion.

    'fisher-variance' is the expected loss that a cell's spread costs: Fisher x variance of the programmed weight, from
    gradients on `chips` draws of the cells (after SWIM, arXiv 2202.08395, weighted by the cell's variance); 'random' is
    RSA's mask (Mohanty, IEDM 2017); 'none' leaves gains and offsets only.
    """
    if choice.criterion == "none":
        return [np.zeros((layer.k, layer.n), bool) for layer in layers]
    count = entries_for(choice.sram_percent, sum(x.k * x.n for x in layers), sum(x.n for x in layers))
    scores = _scores(nodes, layers, tables, images, labels, choice)
    flat = np.concatenate([score.reshape(-1) for score in scores])
    chosen = np.zeros(flat.size, bool)
    chosen[np.argsort(-flat, kind="stable")[:count]] = True
    parts = np.split(chosen, np.cumsum([score.size for score in scores])[:-1])
    return [part.reshape(score.shape) for part, score in zip(parts, scores, strict=True)]


def _scores(nodes, layers, tables, images, labels, choice):  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(choice.seed)
    if choice.criterion == "random":
        return [rng.random((layer.k, layer.n)) for layer in layers]
    if choice.criterion == "magnitude":
        return [np.abs(tables.target[layer.levels[0]] - tables.target[layer.levels[1]]) * float(layer.w_step)
                + 1e-9 * rng.random((layer.k, layer.n)) for layer in layers]  # fmt: skip
    total = [np.zeros((layer.k, layer.n)) for layer in layers]
    parts = np.array_split(np.arange(len(images)), min(choice.chips, len(images)))
    for chip, part in enumerate(parts):
        weights = emulate.chip_weights(layers, tables, mask_seed(choice.seed, chip))
        run = emulate.forward(nodes, layers, weights, images[part])
        for sum_, f in zip(total, emulate.fisher(nodes, weights, run, labels[part]), strict=True):
            sum_ += f
    if choice.criterion == "fisher":
        return total
    return [f * weight_variance(layer, tables) for f, layer in zip(total, layers, strict=True)]


def mask_seed(seed: int, chip: int) -> int:
    """Seeds of chips that only export looks at, away from those that users and studies number from 0."""
    return (1 << 63) + (seed << 16) + chip


def weight_variance(layer: AnalogLayer, tables: ProfileTables) -> npt.NDArray[np.float64]:
    """Variance [K, N] of the effective weight, column gain included."""
    v = tables.var[layer.levels]
    variance: npt.NDArray[np.float64] = (v[0] + v[1]) * (float(layer.w_step) * layer.gain.astype(np.float64)) ** 2
    return variance
