"""ADC ranges of whole cells: an integer sum survives where one ADC code stands for one cell and the range holds it.

A conversion sums at most rows_active rows of codes 0..h times +1 or -1: |sum| <= rows_active h, so an ADC of b bits
never loses anything if rows_active <= (2^(b-1) - 1) / h (5 bits, 2-bit codes: 5 rows). Beyond, sums that are too large
clip, or one code stands for several cells: what is lost is measured, never assumed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from device_models.macro import MacroConfig
from host_tools.integer.network import Analog, Codes, IntegerNetwork, Step, Thresholds, unfold

SAMPLE = 250  # images that a range is chosen on


@dataclass(frozen=True)
class WholeCells:
    """The converters of a macro: `cells` of one ADC code per analog layer. Call it as network.Adc."""

    bits: int
    rows_active: int
    cells: dict[str, int]

    def __call__(self, name: str, rows: Codes, weights: npt.NDArray[np.int8]) -> Codes:
        """Sums of ADC codes [n, P, N]: each conversion's sum in units of `cells`, rounded half to even, clipped."""
        m, low, high = self.cells[name], -(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1
        w = weights.astype(np.int32)
        total = np.zeros((*rows.shape[:2], w.shape[1]), np.int32)
        for start in range(0, len(w), self.rows_active):
            part = slice(start, start + self.rows_active)
            total += np.clip(divided(rows[..., part] @ w[part], m), low, high)
        return total


def divided(s: Codes, m: int) -> Codes:
    """s / m rounded to the nearest whole number, half to even, with integers alone."""
    quotient, rest = np.divmod(s, np.int32(m))
    up = (2 * rest > m) | ((2 * rest == m) & (quotient % 2 == 1))
    return (quotient + up).astype(np.int32)


def choose(network: IntegerNetwork, macro: MacroConfig, images: npt.NDArray[np.uint8]) -> WholeCells:
    """Per layer the whole cells of one ADC code that lose least (rms of the sums) on some images [n, H, W, C]."""
    cells = {layer.name: 1 for layer in network.analog}
    most = max(len(layer.weights) for layer in network.analog) * ((1 << network.bits) - 1)
    for step, a in network.inputs(images[:SAMPLE]):
        if isinstance(step, Analog):
            best: tuple[float, int] = (np.inf, 1)
            for m in range(1, most + 1):
                error = loss(step, a, WholeCells(macro.adc_bits, macro.rows_active, {step.name: m}))
                if error < best[0]:
                    best = (error, m)
                if best[0] == 0 or m > 2 * best[1] + 4:
                    break
            cells[step.name] = best[1]
    return WholeCells(macro.adc_bits, macro.rows_active, cells)


def loss(step: Analog, a: Codes, adc: WholeCells) -> float:
    """Root mean square of what the converters change in a layer's sums, in cells x codes."""
    rows, _ = unfold(step, a)
    exact = rows @ step.weights.astype(np.int32)
    return float(np.sqrt(np.mean((adc.cells[step.name] * adc(step.name, rows, step.weights) - exact) ** 2.0)))


def matched(network: IntegerNetwork, adc: WholeCells) -> IntegerNetwork:
    """The network with thresholds in ADC codes: those after a layer of m cells a code are divided by m and rounded up,
    which is the nearest step of a sum that is itself rounded to m cells."""
    steps: list[Step] = []
    m = 1
    for step in network.steps:
        if isinstance(step, Analog):
            m = adc.cells[step.name]
        if isinstance(step, Thresholds) and m > 1:
            step = Thresholds(step.name, (-(-step.values.astype(np.int64) // m)).astype(np.int32))
        steps.append(step)
    return network.with_steps(tuple(steps))


def loss_report(
    network: IntegerNetwork, adc: WholeCells, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64]
) -> dict[str, Any]:
    """JSON types: per layer rows, columns, cells of an ADC code and rms error of the sums (exact inputs); accuracy in
    per cent with exact sums and with this ADC, over `images`."""
    layers = []
    for step, a in network.inputs(images[:SAMPLE]):
        if isinstance(step, Analog):
            rows, columns = step.weights.shape
            layers.append({"layer": step.name, "rows": rows, "columns": columns,
                           "cells_per_code": adc.cells[step.name], "rms": loss(step, a, adc)})  # fmt: skip
    exact, found = network.classes(images), matched(network, adc).classes(images, adc)
    return {
        "layers": layers, "images": len(images), "accuracy_exact": 100 * float(np.mean(exact == labels)),
        "accuracy": 100 * float(np.mean(found == labels)),
    }  # fmt: skip
