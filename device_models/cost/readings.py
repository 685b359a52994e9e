"""'7.86 % area': what a share of weights in SRAM costs beside the RRAM, under each reading of that sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from device_models.cost.components import Components
from device_models.cost.macro import cell_columns, macro_cost
from device_models.cost.network import LayerSize, SramBits
from device_models.errors import ProfileError
from device_models.macro import MacroConfig

INDEX_BITS = 16  # the row of a corrected weight; a column start of 32 bits is counted with the columns
NUMBER_BITS = 32  # a gain, an offset, a column start
OPTIMIZER_BITS = 3 * 64  # mean squares of three groups, a layer
COUNTER_BITS = 2 * 64  # labels learned and images read


def correction_bits(layers: Sequence[LayerSize], value_bits: int = NUMBER_BITS) -> SramBits:
    """Bits of the correction of `layers`, counted as a bundle counts them (firmware_py.correction.count_sram)."""
    values = sum(layer.corrected for layer in layers)
    columns = sum(layer.cols for layer in layers)
    return SramBits(values=value_bits * values, indices=INDEX_BITS * values + NUMBER_BITS * (columns + len(layers)),
                    gains=NUMBER_BITS * columns, offsets=NUMBER_BITS * columns,
                    optimizer=OPTIMIZER_BITS * len(layers) + COUNTER_BITS)


@dataclass(frozen=True)
class Reading:
    """One reading: area of the SRAM = fixed + slope x share of the weights, as a share of what it is measured by."""

    key: str
    text: str
    fixed: float
    slope: float

    def overhead_percent(self, weights_percent: float) -> float:
        """SRAM's area in per cent, for so many per cent of the weights in SRAM."""
        return 100 * self.fixed + self.slope * weights_percent

    def weights_percent(self, overhead_percent: float) -> float | None:
        """Per cent of the weights that this area holds; None where it does not even hold the fixed part."""
        share = (overhead_percent - 100 * self.fixed) / self.slope
        return share if share >= 0 else None


def overhead_readings(parts: Components, macro: MacroConfig, layers: Sequence[LayerSize], *,
                      value_bits: int) -> list[Reading]:
    """The readings, narrowest first, for values of `value_bits` bits in SRAM.

    a: bits of the values against the RRAM cells, cell by cell. b: with their 16-bit row indices. c: and with the SRAM's
    own periphery. d: the same against the whole macro. e: all that a bundle counts, with gains, offsets,
    column starts, optimiser state and multiply-adds, against the whole macro of these layers, unused cells included.
    """
    if not 1 <= value_bits <= 64:
        raise ProfileError(f"readings: value_bits: {value_bits} is not 1 to 64")
    bit = parts.sram_bit_um2.value
    cells = cell_columns(macro) / macro.weights_per_row * parts.rram_cell_um2.value  # of one weight, full tile
    entry = value_bits + INDEX_BITS
    share = parts.sram_array_share.value
    weights = sum(layer.weights for layer in layers)
    plain = [replace(layer, corrected=0) for layer in layers]
    cost = macro_cost(parts, macro, plain, correction_bits(plain), mean_uS=1.0)  # its energy is not used
    per_weight = cost.macro_um2 / weights
    return [
        Reading("a", "values' bit cells / RRAM cells", 0.0, value_bits * bit / cells),
        Reading("b", "values and indices, bit cells / RRAM cells", 0.0, entry * bit / cells),
        Reading("c", "the same SRAM with its periphery / RRAM cells", 0.0, entry * bit / share / cells),
        Reading("d", "the same SRAM / RRAM macro with periphery", 0.0, entry * bit / share / per_weight),
        Reading("e", "all that is counted, and its logic / RRAM macro", cost.correction_um2 / cost.macro_um2,
                entry * bit / share / per_weight),
    ]
