"""Steps of the SRAM's codes, layer by layer, from what is expected of the numbers before any chip exists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from firmware_py.bundle import AnalogLayer, ProfileTables
from firmware_py.calibrate import PRIOR_GAIN, PRIOR_OFFSET
from firmware_py.sram import MOST_EXPONENT, Code, LayerSram, step_exponent
from host_tools.mapping.area import NUMBER_BITS
from host_tools.mapping.mask import weight_variance

VALUE_SD = 4.0  # a mask value may lie so many prior standard deviations from first boot's; what is beyond is clipped
ROOMY = 8  # from so many bits on, rounding is small wherever the ends are
NUMBER_SD = 16.0  # gains and offsets likewise: 16 bits have room for learning
FACTOR_SD = 10.0  # entries of B likewise, against the largest of a random matrix's singular vectors


def layer_codes(layer: AnalogLayer, tables: ProfileTables, value_bits: int, rank: int = 0) -> LayerSram:
    """Codes of one layer: the least power of two whose codes reach as far as the priors say; 32 bits: float32.

    Values: |first boot| + 4 sd of the programmed weight; of fewer than 8 bits: what errs least (finest_exponent). Gains
    and offsets: |first boot| + 16 sd of calibration's priors, in 16 bits. Low rank: A within 1, B within
    10 (1 / sqrt(K) + 1 / sqrt(N)) sd of the widest weight, twice: the largest singular value of a matrix of such
    numbers is near sqrt(K) + sqrt(N), its vectors' largest entries near 3 / sqrt(K) and 3 / sqrt(N). Our own choice.
    """
    if value_bits == 32:
        return LayerSram(rank=rank)
    variance = weight_variance(layer, tables)
    sd = np.sqrt(variance[layer.mask_rows, layer.mask_cols])
    gain = np.abs(layer.gain).max(initial=0) * (1 + NUMBER_SD * PRIOR_GAIN)
    offset = (np.abs(layer.offset) + NUMBER_SD * PRIOR_OFFSET * layer.y_std).max(initial=0)
    factor = 2 * FACTOR_SD * (layer.k**-0.5 + layer.n**-0.5) * float(np.sqrt(variance.max()))
    value = step_exponent(float((np.abs(layer.mask_value) + VALUE_SD * sd).max(initial=0)), value_bits)
    if value_bits < ROOMY:
        value = finest_exponent(layer.mask_value, sd, value_bits, value)
    return LayerSram(
        value=Code(value_bits, value),
        gain=Code(NUMBER_BITS, step_exponent(float(gain), NUMBER_BITS)),
        offset=Code(NUMBER_BITS, step_exponent(float(offset), NUMBER_BITS)),
        rank=rank,
        a=Code(value_bits, 1 - value_bits),
        b=Code(value_bits, step_exponent(factor, value_bits)),
    )


def finest_exponent(
    mean: npt.NDArray[np.floating[Any]], sd: npt.NDArray[np.floating[Any]], bits: int, widest: int
) -> int:
    """The exponent e, `widest` or up to 8 below it, for which codes of `bits` bits times 2^e err least.

    The values are taken as normal, mean [E] and sd [E]: rounding errs by step^2 / 12, clipping at an end a by
    sd^2 [(1 + t^2)(1 - Phi(t)) - t phi(t)], t = (a - mean) / sd; the sum over all values decides. Closed form, ours.
    """
    if not len(mean):
        return widest

    def beyond(t: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return (1 + t * t) * ndtr(-t) - t * np.exp(-t * t / 2) / np.sqrt(2 * np.pi)

    def error(exponent: int) -> float:
        step, most = 2.0**exponent, 1 << (bits - 1)
        s = np.maximum(np.float64(sd), 1e-30)
        clipped = beyond(((most - 1) * step - mean) / s) + beyond((mean + most * step) / s)
        return float((step * step / 12 + s * s * clipped).sum())

    return min(range(widest, max(widest - 9, -MOST_EXPONENT - 1), -1), key=error)


def correction_document(layers: Sequence[AnalogLayer]) -> dict[str, Any]:
    """The bundle's key `correction` (docs/bundle.md) for layers whose codes are set."""
    first = layers[0].sram
    exponents = {layer.name: {"value": layer.sram.value.exponent, "gain": layer.sram.gain.exponent,
                              "offset": layer.sram.offset.exponent} for layer in layers}  # fmt: skip
    for layer in layers:
        if layer.sram.rank:
            exponents[layer.name] |= {"rank": layer.sram.rank, "a": layer.sram.a.exponent, "b": layer.sram.b.exponent}
    return {"value_bits": first.value.bits, "number_bits": first.gain.bits, "layers": exponents}
