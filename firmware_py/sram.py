"""How the SRAM holds the correction: codes of few bits times a power of two, and what their places cost.

A bundle without the key `correction` holds float32 numbers, as a bundle did from the start. With it, what first boot,
calibration and saving leave in SRAM lies on the grid of these codes, so what is counted is what is emulated.
(A shifter after the SRAM, programmable by layer: the idea of Krishnan et al., TCAD 2022, 10.1109/tcad.2022.3197516.)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from reprlib import repr as shorten
from typing import Any

import numpy as np
import numpy.typing as npt

from firmware_py.errors import RramError

F32 = npt.NDArray[np.float32]
VALUE_BITS = (4, 6, 8, 16, 32)  # of mask values and low-rank factors
GAIN_BITS = (8, 16, 32)  # of gains and offsets
MOST_EXPONENT = 60  # of two; with 16 bits all codes are exact in float32, and products of them stay finite


@dataclass(frozen=True)
class Code:
    """Two's complement codes of `bits` bits, each worth 2^exponent; 32 bits are float32 numbers as they are."""

    bits: int = 32
    exponent: int = 0

    def round(self, values: npt.NDArray[Any]) -> F32:
        """The nearest numbers that the SRAM can hold (ties to even, clipped at the ends), float32 of any shape."""
        if self.bits == 32:
            return np.asarray(values, np.float32)
        step, most = 2.0**self.exponent, 1 << (self.bits - 1)
        codes = np.clip(np.rint(np.asarray(values, np.float64) / step), -most, most - 1)
        return (codes * step).astype(np.float32)

    def move(self, numbers: F32, step: F32, uniform: npt.NDArray[np.float64] | None) -> F32:
        """numbers - step on the grid, clipped at the ends, float32; a step that is not finite is none.

        The nearest code where `uniform` is None; else the one below or above by numbers drawn from [0, 1), so that the
        mean is exact (stochastic rounding: Gupta et al., ICML 2015, arXiv 1502.02551).
        """
        worth, most = 2.0**self.exponent, 1 << (self.bits - 1)
        exact = (numbers.astype(np.float64) - step) / worth
        codes = np.clip(np.rint(exact) if uniform is None else np.floor(exact + uniform), -most, most - 1)
        return np.where(np.isfinite(step), codes * worth, numbers).astype(np.float32)


@dataclass(frozen=True)
class LayerSram:
    """Codes of one layer's correction: mask values, gains, offsets; factors A [K, rank] and B [rank, N] if rank > 0."""

    value: Code = Code()
    gain: Code = Code()
    offset: Code = Code()
    rank: int = 0
    a: Code = Code()
    b: Code = Code()

    @property
    def packed(self) -> bool:
        """Whether any number is a code: float32 corrections are counted as the runtime keeps them."""
        return any(code.bits < 32 for code in (self.value, self.gain, self.offset))


def step_exponent(most: float, bits: int) -> int:
    """The least exponent e for which codes of `bits` bits times 2^e reach from -most to most; `most` >= 0."""
    if bits == 32:
        return 0
    least = max(most, 2.0**-MOST_EXPONENT) / ((1 << (bits - 1)) - 1)
    return min(max(math.ceil(math.log2(least) - 1e-12), -MOST_EXPONENT), MOST_EXPONENT)


def index_bits(k: int, n: int, entries: int, tile_rows: int) -> int:
    """Bits that say where a layer's `entries` values sit among its K x N cells, on tiles of `tile_rows` rows.

    The smaller of two, chosen layer by layer: one bit a cell, or, for each column of each tile, how many entries it has
    (0 to its rows) and their rows within the tile. A layer without entries costs nothing. Our reading: the papers do
    not say how they address.
    """
    if entries == 0:
        return 0
    full, rest = divmod(k, tile_rows)
    counts = full * n * math.ceil(math.log2(tile_rows + 1)) + (n * math.ceil(math.log2(rest + 1)) if rest else 0)
    row = math.ceil(math.log2(min(k, tile_rows)))
    return min(k * n, counts + row * entries)


def parse_sram(document: Any, shapes: dict[str, tuple[int, int]], fail: Callable[[str], RramError]) -> list[LayerSram]:
    """Codes of each layer (name -> (K, N), in order) from the bundle's key `correction`; None: float32 throughout."""
    if document is None:
        return [LayerSram()] * len(shapes)
    value_bits, number_bits = document.get("value_bits"), document.get("number_bits")
    for key, bits, known in (("value_bits", value_bits, VALUE_BITS), ("number_bits", number_bits, GAIN_BITS)):
        if type(bits) is not int or bits not in known:
            raise fail(f"correction.{key}: {shorten(bits)} given, expected one of {', '.join(map(str, known))}")
    layers = document.get("layers")
    if not isinstance(layers, dict) or layers.keys() != shapes.keys():
        given = sorted(layers) if isinstance(layers, dict) else layers
        raise fail(f"correction.layers: {shorten(given)} given, expected the analog layers {shorten(sorted(shapes))}")
    return [_layer(name, layers[name], shape, value_bits, number_bits, fail) for name, shape in shapes.items()]


def _layer(name: str, given: Any, shape: tuple[int, int], value_bits: int, number_bits: int,
           fail: Callable[[str], RramError]) -> LayerSram:  # fmt: skip
    exponents = {}
    for key in ("value", "gain", "offset", "a", "b"):
        exponent = given.get(key, 0) if isinstance(given, dict) else None
        if type(exponent) is not int or abs(exponent) > MOST_EXPONENT:
            expected = f"expected an exponent of two from -{MOST_EXPONENT} to {MOST_EXPONENT}"
            raise fail(f"correction.layers.{name}.{key}: {shorten(exponent)} given, {expected}")
        exponents[key] = exponent
    rank = given.get("rank", 0)
    if type(rank) is not int or not 0 <= rank <= min(shape):
        raise fail(f"correction.layers.{name}.rank: {shorten(rank)} given, expected 0 to {min(shape)}")
    bits = {"value": value_bits, "gain": number_bits, "offset": number_bits, "a": value_bits, "b": value_bits}
    return LayerSram(rank=rank, **{key: Code(bits[key], exponents[key]) for key in bits})


def count_bits(codes: Sequence[LayerSram], shapes: Sequence[tuple[int, int]], entries: Sequence[int],
               tile_rows: int) -> dict[str, int]:  # fmt: skip
    """Bits of a packed correction without learning: values, low rank, indices, gains, offsets."""
    parts = {"values": 0, "low_rank": 0, "indices": 0, "gains": 0, "offsets": 0}
    for code, (k, n), count in zip(codes, shapes, entries, strict=True):
        parts["values"] += code.value.bits * count
        parts["low_rank"] += code.rank * (k * code.a.bits + n * code.b.bits)
        parts["indices"] += index_bits(k, n, count, tile_rows)
        parts["gains"] += code.gain.bits * n
        parts["offsets"] += code.offset.bits * n
    return parts
