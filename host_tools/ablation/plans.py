"""Which variants an ablation compares: masks of every size and criterion; kinds of correction in equal SRAM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from firmware_py.bundle import Bundle
from host_tools.ablation.run import Bench
from host_tools.ablation.variants import Variant, apply
from host_tools.data import Dataset, scaled
from host_tools.errors import HostError
from host_tools.mapping.area import entries_for_area, layer_sizes, macro_of
from host_tools.mapping.kinds import KINDS, Room
from host_tools.mapping.mask import CRITERIA, MaskChoice, Masks, Scores, entries_for, ranking, score_weights, top

READ_OUT = "fisher-deviation"
SHOWN = (*(c for c in CRITERIA if c != "none"), READ_OUT)
FISHER_IMAGES = 2000
IMPORTANCE, RSA = ("fisher-variance", 2.34), ("random", 5.0)  # DoRA-RIMC's per cent; JxCDC 2020's


@dataclass(frozen=True)
class Source:
    """A bundle whose student knows no mask, held-out training images in a fixed order, and which are vectors."""

    bundle: Bundle
    held_out: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    seed: int = 0
    known: dict[str, Scores] = field(default_factory=dict, repr=False, compare=False)

    @property
    def weights(self) -> int:
        """Number of weights."""
        return sum(layer.k * layer.n for layer in self.bundle.layers)

    @property
    def columns(self) -> int:
        """Number of columns."""
        return sum(layer.n for layer in self.bundle.layers)

    def scores(self, criterion: str) -> Scores:
        """A criterion's score of every weight, from held-out training images; the bundle's own mask is not in it."""
        if criterion not in self.known:
            bare = apply(self.bundle, self.no_mask())
            x, y = scaled(self.held_out[:FISHER_IMAGES]), self.labels[:FISHER_IMAGES]
            choice = MaskChoice(criterion, seed=self.seed)
            self.known[criterion] = score_weights(bare.nodes, bare.layers, bare.tables, x, y, choice)
        return self.known[criterion]

    def no_mask(self) -> Masks:
        """No entry anywhere."""
        return [np.zeros((layer.k, layer.n), bool) for layer in self.bundle.layers]


def source_of(path: Path, data: Dataset, seed: int) -> Source:
    """A bundle as the source of variants; HostError where it was made for other data, or its student knows a mask."""
    from host_tools.ablation.variants import refuse_own_mask

    bundle = Bundle.open(path)
    if bundle.input_shape != data.shape or bundle.classes != data.classes:
        raise HostError(f"{path}: made for images {list(bundle.input_shape)} and {len(bundle.classes)} classes,"
                        f" data set {data.name} has {list(data.shape)} and {len(data.classes)}")  # fmt: skip
    refuse_own_mask(bundle)
    _, held_out, labels = data.validation()
    order = np.random.default_rng(seed).permutation(len(held_out))
    return Source(bundle, held_out[order], labels[order], seed)


def bench_of(source: Source, data: Dataset, chips: Sequence[int], images: int | None, validate: bool,
             most: int) -> Bench:  # fmt: skip
    """The bench: the test set, or with `validate` the held-out images that are no vectors (`most` of them are)."""
    x, y = (source.held_out[most:], source.labels[most:]) if validate else (data.x_test, data.y_test)
    if len(source.held_out) < most or len(x) == 0:
        raise HostError(f"--vectors: {most} given, data set {data.name} has {len(source.held_out)} held-out images")
    return Bench(source.bundle, source.held_out[:most], x[:images], y[:images], chips, source.scores("fisher"))


def mask_variants(source: Source, criteria: Sequence[str], sizes: Sequence[float], vectors: int,
                  value_bits: int) -> list[Variant]:  # fmt: skip
    """First boot, gains alone, then every criterion at every size (per cent of the weights with a value)."""
    none = source.no_mask()
    variants = [Variant("untouched", none, "none", value_bits=value_bits),
                Variant("gains", none, "gains", vectors, value_bits)]  # fmt: skip
    for criterion in criteria:
        read_out = criterion == READ_OUT
        scores = source.scores("fisher" if read_out else criterion)
        for size in sizes:
            count = round(size / 100 * source.weights)
            variant = Variant(named(criterion, size), none if read_out else top(scores, count), "full", vectors,
                              value_bits, chosen=count if read_out else None)  # fmt: skip
            variants.append(variant)
    return variants


def area_variants(source: Source, percent: float, vectors: int, value_bits: int) -> list[Variant]:
    """Importance sampling and RSA with as many entries as `percent` of the macros' area holds, beside gains alone."""
    model = MaskChoice(value_bits=value_bits).area_model(macro_of(source.bundle))
    sizes = layer_sizes(apply(source.bundle, source.no_mask()).layers)
    of_layer = np.repeat(np.arange(len(sizes)), [size.weights for size in sizes])
    variants = []
    for criterion in (IMPORTANCE[0], RSA[0]):
        scores = source.scores(criterion)
        count = entries_for_area(percent, sizes, model, of_layer[ranking(scores)])
        masks = top(scores, count)
        variants.append(Variant(f"{criterion}, {percent:g} % area", masks, "full", vectors, value_bits))
    return variants


def named(criterion: str, size: float) -> str:
    """Name of a variant: criterion and per cent of the weights."""
    return f"{criterion} {size:g} %"


def pair_variants(source: Source, vectors: int, value_bits: int) -> tuple[Variant, Variant]:
    """Importance sampling with 2.34 % of the weights in SRAM, gains and offsets among them, and RSA with 5 % beside."""
    criterion, percent = IMPORTANCE
    count = entries_for(percent, source.weights, source.columns)
    masks = top(source.scores(criterion), count)
    importance = Variant(f"importance sampling, {percent} % SRAM", masks, "full", vectors, value_bits)
    criterion, percent = RSA
    masks = top(source.scores(criterion), round(percent / 100 * source.weights))
    return importance, Variant(f"RSA, {percent:g} % of weights", masks, "full", vectors, value_bits)


def kind_variants(source: Source, sram_percent: float, vectors: Sequence[int], value_bits: int) -> list[Variant]:
    """Kinds of correction and calibration: sparse, low-rank and both in the SRAM that the sparse one takes."""
    none = source.no_mask()
    bare = apply(source.bundle, none)
    room = Room(
        bare.layers, bare.tables, source.scores(IMPORTANCE[0]), source.scores("fisher"),
        entries_for(sram_percent, source.weights, source.columns), value_bits, bare.macro.rows, source.seed,
    )  # fmt: skip
    kinds = {kind: room.shared(kind) for kind in KINDS}
    variants = [Variant("untouched", none, "none", value_bits=value_bits)]
    for n in vectors:
        each = [Variant("moments", none, "moments"), Variant("gains", none, "gains"),
                *(Variant(kind, it.masks, ranks=it.ranks) for kind, it in kinds.items())]  # fmt: skip
        variants += [replace(v, name=f"{v.name}, {n} vectors", vectors=n, value_bits=value_bits) for v in each]
    return variants
