"""Variants of one bundle's correction: other masks, ranks, bits, vectors; the network and the chips stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from firmware_py.bundle import Bundle
from firmware_py.cells import Effects, program
from host_tools.errors import HostError
from host_tools.mapping.kinds import coded, corrected_bits
from host_tools.mapping.mask import Masks, Scores, ideal_weights, top, with_mask


@dataclass(frozen=True)
class Variant:
    """One way to correct a chip.

    name; masks per layer; kind of calibration ('none': first boot); vectors; bits of a value; rank per layer (empty:
    none). chosen: this many mask entries, read out of each chip's own cells, instead of `masks`.
    """

    name: str
    masks: Masks
    kind: str = "full"
    vectors: int = 64
    value_bits: int = 32
    ranks: Sequence[int] = field(default_factory=tuple)
    chosen: int | None = None


def refuse_own_mask(bundle: Bundle) -> None:
    """HostError where a student's training held weights exactly: with another mask it is another network."""
    if any(np.any(layer.mask_value) for layer in bundle.layers):
        raise HostError(f"{bundle.path}: trained with a mask of its own, expected a student that knows none")


def apply(bundle: Bundle, masks: Masks, value_bits: int = 32, ranks: Sequence[int] = ()) -> Bundle:
    """The bundle with these masks, ranks and codes; nothing is written."""
    masked = [with_mask(layer, mask, bundle.tables) for layer, mask in zip(bundle.layers, masks, strict=True)]
    return replace(bundle, layers=tuple(coded(masked, bundle.tables, value_bits, ranks)))


def correction_bits(bundle: Bundle) -> int:
    """Bits of the bundle's correction without learning: values, their places, factors, gains and offsets."""
    return corrected_bits(bundle.layers, bundle.macro.rows)


def read_out_masks(bundle: Bundle, fisher: Scores, chip: int, entries: int) -> Masks:
    """Masks [K, N] for one chip alone: Fisher x the measured deviation squared of its programmed cells.

    A study on the workstation only: no board reads its cells out, and the addresses are another set on every chip.
    """
    scores = []
    for index, (layer, f) in enumerate(zip(bundle.layers, fisher, strict=True)):
        cells = program(layer, index, bundle, chip, Effects())
        measured = cells.d.astype(np.float64) * float(layer.w_step) * layer.gain
        scores.append(f * (measured - ideal_weights(layer, bundle.tables)) ** 2)
    return top(scores, entries)
