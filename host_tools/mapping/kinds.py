"""Kinds of correction that take equal SRAM: values at the mask, low-rank factors, or half and half."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from firmware_py.bundle import AnalogLayer, ProfileTables
from firmware_py.sram import count_bits
from host_tools.errors import HostError
from host_tools.mapping.codes import ROOMY, layer_codes
from host_tools.mapping.mask import Masks, Scores, top, with_mask
from host_tools.mapping.ranks import choose_ranks

Kind = Literal["sparse", "low-rank", "both"]
KINDS: tuple[Kind, ...] = ("sparse", "low-rank", "both")


@dataclass(frozen=True)
class Correction:
    """Where the numbers in SRAM go: masks bool [K, N] and ranks, one of each a layer."""

    masks: Masks
    ranks: list[int]


@dataclass(frozen=True)
class Room:
    """What a correction shares out: the SRAM of `entries` mask values of `value_bits` bits, and of their places.

    layers: without a mask. scores: of every weight, for the mask; fisher: for the ranks.
    """

    layers: Sequence[AnalogLayer]
    tables: ProfileTables
    scores: Scores
    fisher: Scores
    entries: int
    value_bits: int
    macro_rows: int
    seed: int = 0

    def shared(self, kind: Kind) -> Correction:
        """The correction of this kind: sparse is the top of the scores; the others take no more bits than it does.

        Low rank is DoRA-RIMC's idea (arXiv 2504.03763); how it is shared out is our own choice. HostError: bits too few
        for factors.
        """
        sparse = top(self.scores, self.entries)
        if kind == "sparse":
            return Correction(sparse, [0] * len(self.layers))
        if self.value_bits < ROOMY:
            raise HostError(f"--value-bits: {self.value_bits} given, --correction {kind} expects at least {ROOMY}")
        masks = top(self.scores, self.entries // 2 if kind == "both" else 0)
        left = self._bits(sparse) - self._bits(masks)
        masked = [with_mask(layer, mask, self.tables) for layer, mask in zip(self.layers, masks, strict=True)]
        return Correction(masks, choose_ranks(masked, self.tables, self.fisher, left // self.value_bits, self.seed))

    def _bits(self, masks: Sequence[npt.NDArray[np.bool_]]) -> int:
        masked = [with_mask(layer, mask, self.tables) for layer, mask in zip(self.layers, masks, strict=True)]
        return corrected_bits(coded(masked, self.tables, self.value_bits), self.macro_rows)


def coded(
    layers: Sequence[AnalogLayer], tables: ProfileTables, value_bits: int, ranks: Sequence[int] = ()
) -> list[AnalogLayer]:
    """The layers with the codes of their SRAM; `ranks`: none where it is empty."""
    ranks = ranks or [0] * len(layers)
    return [replace(layer, sram=layer_codes(layer, tables, value_bits, rank))
            for layer, rank in zip(layers, ranks, strict=True)]  # fmt: skip


def corrected_bits(layers: Sequence[AnalogLayer], macro_rows: int) -> int:
    """Bits of a correction without learning: values, their places, factors, gains and offsets."""
    shapes = [(layer.k, layer.n) for layer in layers]
    entries = [int(layer.mask_rows.size) for layer in layers]
    return sum(count_bits([layer.sram for layer in layers], shapes, entries, macro_rows).values())
