"""Which weights get an SRAM value: the mask, the same positions on every chip, chosen before any chip exists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from device_models.macro import MacroConfig
from firmware_py.bundle import AnalogLayer, ProfileTables
from firmware_py.graph import Node
from firmware_py.sram import VALUE_BITS
from host_tools import emulate
from host_tools.errors import HostError
from host_tools.mapping.area import AreaModel, entries_for_area, layer_sizes

CRITERIA = ("fisher-variance", "fisher", "gradient-weight", "magnitude", "random", "none")
Scores = list[npt.NDArray[np.float64]]
Masks = list[npt.NDArray[np.bool_]]


@dataclass(frozen=True)
class MaskChoice:
    """How to choose: criterion; how many; draws of chips for gradients.

    sram_percent: numbers (values, gains and offsets together) per cent of the weights. area_percent, where given,
    instead: area of the correction per cent of the macros'. value_bits: 32, float32 numbers, or 4, 6, 8 or 16, codes.
    """

    criterion: str = "fisher-variance"
    sram_percent: float = 2.34
    chips: int = 8
    seed: int = 0
    area_percent: float | None = None
    value_bits: int = 32

    def __post_init__(self) -> None:
        if self.criterion not in CRITERIA:
            raise HostError(f"--mask: {self.criterion!r} is not one of {', '.join(CRITERIA)}")
        if not 0 <= self.sram_percent <= 100:
            raise HostError(f"--sram: {self.sram_percent} is not a percentage from 0 to 100")
        if self.area_percent is not None and not 0 <= self.area_percent <= 100:
            raise HostError(f"--area: {self.area_percent} is not a percentage from 0 to 100")
        if self.value_bits not in VALUE_BITS:
            raise HostError(f"--value-bits: {self.value_bits} is not one of {', '.join(map(str, VALUE_BITS))}")

    def area_model(self, macro: MacroConfig | None = None) -> AreaModel:
        """What area is counted with, on `macro` (by default 128 x 128 pairs)."""
        return AreaModel(macro or MacroConfig(), self.value_bits)


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
    macro: MacroConfig | None = None,
) -> Masks:
    """Masks bool [K, N] per layer: the global top of the criterion, as many as fit into the SRAM or the area.

    'fisher-variance' is the expected loss that a cell's spread costs: Fisher x variance of the programmed weight, from
    gradients on `chips` draws of the cells (after SWIM, arXiv 2202.08395, weighted by the cell's variance); 'fisher' is
    SWIM's; 'gradient-weight' the mean of |gradient x weight|; 'magnitude' |weight|; 'random' is RSA's mask (Mohanty,
    IEDM 2017); 'none' leaves gains and offsets only. `macro` is what area is measured by.
    """
    if choice.criterion == "none":
        return [np.zeros((layer.k, layer.n), bool) for layer in layers]
    scores = score_weights(nodes, layers, tables, images, labels, choice)
    return top(scores, chosen_entries(layers, scores, choice, macro))


def chosen_entries(
    layers: Sequence[AnalogLayer], scores: Scores, choice: MaskChoice, macro: MacroConfig | None = None
) -> int:
    """How many of the highest scores fit into the SRAM or the area that `choice` gives; 0 where it wants no mask."""
    if choice.criterion == "none":
        return 0
    if choice.area_percent is None:
        return entries_for(choice.sram_percent, sum(x.k * x.n for x in layers), sum(x.n for x in layers))
    of_layer = np.repeat(np.arange(len(layers)), [x.k * x.n for x in layers])[ranking(scores)]
    bare = [replace(size, corrected=0) for size in layer_sizes(layers)]
    return entries_for_area(choice.area_percent, bare, choice.area_model(macro), of_layer)


def ranking(scores: Scores) -> npt.NDArray[np.int64]:
    """Places of all weights (layer after layer, row-major), the highest score first; of equal ones the first."""
    return np.argsort(-np.concatenate([score.reshape(-1) for score in scores]), kind="stable")


def top(scores: Scores, count: int) -> Masks:
    """Masks of the `count` highest scores of the whole network, shapes as the scores'."""
    chosen = np.zeros(sum(score.size for score in scores), bool)
    chosen[ranking(scores)[:count]] = True
    parts = np.split(chosen, np.cumsum([score.size for score in scores])[:-1])
    return [part.reshape(score.shape) for part, score in zip(parts, scores, strict=True)]


def score_weights(
    nodes: Sequence[Node],
    layers: Sequence[AnalogLayer],
    tables: ProfileTables,
    images: npt.NDArray[np.float32],
    labels: npt.NDArray[np.integer],
    choice: MaskChoice,
) -> Scores:
    """The criterion's score of each weight, [K, N] per layer."""
    rng = np.random.default_rng(choice.seed)
    if choice.criterion == "random":
        return [rng.random((layer.k, layer.n)) for layer in layers]
    if choice.criterion == "magnitude":
        return [size + 1e-9 * rng.random(size.shape) for size in weight_sizes(layers, tables)]
    power = 1 if choice.criterion == "gradient-weight" else 2
    total: Scores = [np.zeros((layer.k, layer.n)) for layer in layers]
    parts = np.array_split(np.arange(len(images)), min(choice.chips, len(images)))
    for chip, part in enumerate(parts):
        weights = emulate.chip_weights(layers, tables, mask_seed(choice.seed, chip))
        run = emulate.forward(nodes, layers, weights, images[part])
        for sum_, f in zip(total, emulate.fisher(nodes, weights, run, labels[part], power), strict=True):
            sum_ += f
    if choice.criterion == "fisher":
        return total
    if choice.criterion == "gradient-weight":
        return [g * size for g, size in zip(total, weight_sizes(layers, tables), strict=True)]
    return [f * weight_variance(layer, tables) for f, layer in zip(total, layers, strict=True)]


def weight_sizes(layers: Sequence[AnalogLayer], tables: ProfileTables) -> Scores:
    """Magnitudes [K, N] of the weights that the levels stand for, column gains included, per layer."""
    return [np.abs(ideal_weights(layer, tables)) for layer in layers]


def ideal_weights(layer: AnalogLayer, tables: ProfileTables) -> npt.NDArray[np.float64]:
    """Weights [K, N] that the levels stand for, column gain included."""
    return layer.weights_of(tables.target[layer.levels]) * layer.gain


def with_mask(
    layer: AnalogLayer,
    mask: npt.NDArray[np.bool_],
    tables: ProfileTables,
    exact: npt.NDArray[np.float32] | None = None,
) -> AnalogLayer:
    """The layer with a mask [K, N]: by column, rows rising.

    First values make up for what levels lack of the weights that training held exactly, `exact` [K, N]; else 0.
    """
    cols, rows = np.nonzero(mask.T)
    value = np.zeros(len(rows), np.float32)
    if exact is not None:
        value = ((exact - layer.weights_of(tables.target[layer.levels])) * layer.gain)[rows, cols].astype(np.float32)
    exponent = rate_exponents(layer, tables, rows, cols)
    indptr = np.concatenate([[0], np.cumsum(mask.sum(axis=0))]).astype(np.int32)
    return replace(layer, mask_indptr=indptr, mask_rows=rows.astype(np.uint16), mask_value=value, mask_lr_exp=exponent)


def rate_exponents(
    layer: AnalogLayer, tables: ProfileTables, rows: npt.NDArray[np.integer], cols: npt.NDArray[np.integer]
) -> npt.NDArray[np.int8]:
    """Learning-rate exponents of mask values: log2 of the variance of the weights that they correct, rounded."""
    variance = weight_variance(layer, tables)[rows, cols]
    exponents: npt.NDArray[np.int8] = np.rint(np.log2(np.maximum(variance, 2.0**-120))).astype(np.int8)
    return exponents


def mask_seed(seed: int, chip: int) -> int:
    """Seeds of chips that only export looks at, away from those that users and studies number from 0."""
    return (1 << 63) + (seed << 16) + chip


def weight_variance(layer: AnalogLayer, tables: ProfileTables) -> npt.NDArray[np.float64]:
    """Variance [K, N] of the effective weight, column gain included."""
    v = tables.var[layer.levels]
    variance: npt.NDArray[np.float64] = (v[0] + v[1]) * (float(layer.w_step) * layer.gain.astype(np.float64)) ** 2
    return variance
