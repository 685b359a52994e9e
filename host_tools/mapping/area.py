"""How large a correction is beside its macros, and how many mask entries fit into so much area."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from device_models.cost import Arithmetic, Components, LayerSize, SramBits, correction_area_um2, macro_area_um2
from device_models.macro import MacroConfig
from firmware_py.bundle import AnalogLayer, Bundle
from firmware_py.sram import Code, LayerSram, count_bits
from host_tools.errors import HostError

NUMBER_BITS = 16  # of gains and offsets, where values are codes


@dataclass(frozen=True)
class AreaModel:
    """What the area is counted with: the macro, bits of a value, the table of components.

    Counted are values, their addresses, gains and offsets (SRAM and its periphery) and as many multiply-adds as keep up
    with the slowest array (device_models.cost.Arithmetic); not the optimiser's state.
    """

    macro: MacroConfig = field(default_factory=MacroConfig)
    value_bits: int = 8
    components: Components = field(default_factory=lambda: Components.load("65nm"))

    @property
    def number_bits(self) -> int:
        """Of gains and offsets: float32 beside float32 values, else codes."""
        return 32 if self.value_bits == 32 else NUMBER_BITS

    @property
    def arithmetic(self) -> Arithmetic:
        """The multiply-adds that keep up with the array."""
        return Arithmetic(self.value_bits, self.number_bits, keep_up=True)

    def sram(self, layers: Sequence[LayerSize]) -> SramBits:
        """Bits of the correction of `layers` with their numbers of corrected weights and ranks."""
        code, number = Code(self.value_bits), Code(self.number_bits)
        codes = [LayerSram(code, number, number, layer.rank, code, code) for layer in layers]
        shapes = [(layer.rows, layer.cols) for layer in layers]
        bits = count_bits(codes, shapes, [layer.corrected for layer in layers], self.macro.rows)
        bits["values"] += bits.pop("low_rank")
        return SramBits(**bits)

    def percent(self, layers: Sequence[LayerSize]) -> float:
        """Area of the correction in per cent of that of the RRAM macros with their periphery (unused cells too)."""
        own = correction_area_um2(self.components, self.macro, layers, self.sram(layers), self.arithmetic)
        return 100 * sum(own.values()) / macro_area_um2(self.components, self.macro, layers)


def macro_of(bundle: Bundle) -> MacroConfig:
    """The macro that a bundle was made for."""
    own = bundle.macro
    return MacroConfig(rows=own.rows, cols=own.cols, rows_active=own.rows_active, dac_bits=own.dac_bits,
                       adc_bits=own.adc_bits)  # fmt: skip


def layer_sizes(layers: Sequence[AnalogLayer]) -> list[LayerSize]:
    """Sizes of a bundle's layers, with their mask entries and ranks."""
    return [LayerSize(layer.name, layer.k, layer.n, layer.node.positions, int(layer.mask_rows.size), layer.sram.rank,
                      layer.node.groups) for layer in layers]  # fmt: skip


def entries_for_area(
    percent: float, layers: Sequence[LayerSize], model: AreaModel, ranked: npt.NDArray[np.integer] | None = None
) -> int:
    """The most mask entries whose correction takes at most `percent` of the macros' area.

    ranked [weights]: index of the layer that each weight is of, most important first, which is the order in which they
    get values; None: in random order (RSA's), so that every layer has its share. HostError if gains and offsets alone
    take more.
    """
    sizes = [layer.weights for layer in layers]
    if ranked is None:
        ranked = np.random.default_rng(0).permutation(np.repeat(np.arange(len(sizes)), sizes))

    def area(entries: int) -> float:
        counts = np.bincount(ranked[:entries], minlength=len(sizes))
        return model.percent([replace(x, corrected=int(n)) for x, n in zip(layers, counts, strict=True)])

    least = area(0)
    if least > percent:
        raise HostError(f"--area: {percent} % given, gains and offsets alone take {least:.2f} % of the macros' area")
    low, high = 0, sum(sizes) + 1  # `low` fits, `high` does not; area rises with the entries
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if area(middle) <= percent else (low, middle)
    return low
