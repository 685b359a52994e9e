"""What each effect of the macro costs: signal to noise of every layer after each stage of its way through the array.

Every layer gets the ideal network's own input, so that what it shows is its own; the last column is the way through all
layers, as they are. Signal is the variance of the ideal outputs over images, positions and columns, noise the mean
square of what a stage has changed so far; in dB. Stages in the order of docs/numerics.md, section 4:

    dac      inputs are codes
    cells    weights are what the cells became when they were programmed
    drift    and what they are at the chip's age; only where it has one
    disturb  and after the reads so far; only where there are such that count
    read     a read has noise
    adc      tiles are converted, rounded and clipped
    errors   each ADC has its gain and offset; only where the macro says so
    sram     the correction of the chip as it is now stands behind it (before: as at first boot)
    through  the same, with the inputs that the layers before give
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from firmware_py.aging import NEW, change_of
from firmware_py.bundle import AnalogLayer
from firmware_py.correction import LayerCorrection, initial_correction
from firmware_py.errors import RramError
from firmware_py.graph import spread_out
from firmware_py.integer import refuse_integer
from firmware_py.numpy_engine import (
    LayerTrace,
    NumpyEngine,
    correct,
    dac,
    digital_step,
    ideal_activations,
    level_weights,
    mask_matrix,
)
from firmware_py.walk import run

if TYPE_CHECKING:
    from firmware_py.chip import Chip

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
STAGES = ("dac", "cells", "drift", "disturb", "read", "adc", "errors", "sram", "through")
MOST_DB = 200.0  # what "no noise at all" is told as


@dataclass(frozen=True)
class LayerStages:
    """Signal to noise of one layer in dB, by stage; clipped: share of its conversions at the ADC's ends, per cent."""

    name: str
    db: dict[str, float]
    clipped: float


def explain(chip: Chip, x: npt.NDArray[np.uint8] | F32) -> list[LayerStages]:
    """Each analog layer's stages on images x [n, *input_shape]; the chip's counters and correction stay as they are."""
    bundle = chip.bundle
    refuse_integer(bundle.nodes, "explain")
    if len(x) == 0:
        raise RramError("explain: 0 images given, expected at least 1")
    images = (x / np.float32(255) if x.dtype == np.uint8 else x).astype(np.float32)
    oracle = _Oracle(chip)
    targets = ideal_activations(bundle, images)
    alone, through = _outputs(chip, images, targets, oracle.stages), _outputs(chip, images, None, oracle.whole)
    found: list[LayerStages] = []
    for layer, stages, end in zip(bundle.layers, alone, through, strict=True):
        y = targets[len(found)].astype(np.float64)
        clipped = stages.pop("clipped")
        db = {name: decibel(y, values.reshape(y.shape)) for name, values in (stages | end).items()}
        found.append(LayerStages(layer.name, db, 100 * float(clipped.mean())))
    return found


def decibel(y: F64, changed: F64) -> float:
    """Signal to noise of `changed` beside the ideal y, of one shape, in dB."""
    noise, signal = float(np.mean((changed - y) ** 2)), float(y.var())
    if signal == 0 or noise <= signal * 10 ** (-MOST_DB / 10):
        return 0.0 if signal == 0 else MOST_DB
    return 10 * float(np.log10(signal / noise))


class _Oracle:
    """The NumPy engine on the chip's cells, with and without read noise, and the correction as it was and is."""

    def __init__(self, chip: Chip) -> None:
        self.chip, bundle = chip, chip.bundle
        self.engine = self._without()
        aged, errors = chip.age != NEW, any(cells.adc for cells in self.engine.cells)
        self.new = self._without(drift=False, disturb=False) if aged else self.engine
        self.drifted = self._without(disturb=False) if aged else self.engine
        self.still = self._without(read_noise=False)
        self.exact = self._without(converter_errors=False) if errors else self.engine
        self.first = initial_correction(bundle).layers

    def _without(self, **off: bool) -> NumpyEngine:
        chip = self.chip
        return NumpyEngine(chip.bundle, chip.seed, replace(chip.effects, **off), chip.correction, chip.age)

    def stages(self, index: int, a: F32) -> dict[str, F64]:
        """Outputs [n, P, N] of layer `index` after each stage, for its inputs a; and which conversions are clipped."""
        bundle, layer = self.chip.bundle, self.chip.bundle.layers[index]
        codes = dac(layer, bundle.macro.dac_bits, a)
        inputs, scale = np.asarray(codes * float(layer.dac_lsb), np.float64), float(layer.w_step)
        rest = inputs @ mask_matrix(layer, self.first[index].value) + self.first[index].offset

        def out(weights: F64) -> F64:
            product: F64 = inputs @ spread_out(weights, layer.node) * self.first[index].gain + rest
            return product

        def of(engine: NumpyEngine) -> F64:
            return out(engine.cells[index].d.astype(np.float64) * scale)

        change = change_of(bundle, layer, self.chip.effects, self.chip.age)
        noise, ends = self._conversions(index, codes)
        read = self.chip.correction.read
        trace = self.engine.trace(index, a, read)
        exact = trace if self.exact is self.engine else self.exact.trace(index, a, read)
        return {
            "dac": out(level_weights(bundle, layer).astype(np.float64)),
            "cells": of(self.new),
            **({"drift": of(self.drifted)} if change and change.decades else {}),
            **({"disturb": of(self.engine)} if change and change.relative else {}),
            "read": of(self.engine) + noise * (scale * float(layer.dac_lsb)) * self.first[index].gain,
            "adc": _corrected(layer, self.first[index], exact),
            **({"errors": _corrected(layer, self.first[index], trace)} if self.engine.cells[index].adc else {}),
            "sram": _corrected(layer, self.chip.correction.layers[index], trace),
            "clipped": ends,
        }

    def _conversions(self, index: int, codes: F64) -> tuple[F64, F64]:
        """Read noise of all tiles together, in DAC codes times G steps [n, P, N]; which conversions are clipped."""
        read = self.chip.correction.read
        half = 1 << (self.chip.bundle.macro.adc_bits - 1)
        noisy, still = (engine.tiles(index, codes, read) for engine in (self.engine, self.still))
        adc = np.rint(self.engine.adc_codes(index, noisy))
        noise: F64 = (noisy.astype(np.float64) - still).sum(axis=0)
        return noise, ((adc <= -half) | (adc >= half - 1)).astype(np.float64)

    def whole(self, index: int, a: F32) -> dict[str, F64]:
        """Outputs with everything on."""
        trace = self.engine.trace(index, a, self.chip.correction.read)
        return {"through": _corrected(self.chip.bundle.layers[index], self.chip.correction.layers[index], trace)}


def _corrected(layer: AnalogLayer, correction: LayerCorrection, trace: LayerTrace) -> F64:
    return correct(layer, correction, trace).astype(np.float64)


def _outputs(
    chip: Chip, images: F32, targets: list[F32] | None, stages: Callable[[int, F32], dict[str, F64]]
) -> list[dict[str, F64]]:
    """What `stages` gives for each analog layer; the next layers see the ideal outputs, or else its own last one."""
    nodes, found = chip.bundle.nodes, list[dict[str, F64]]()

    def compute(i: int, a: F32) -> F32:
        node = nodes[i]
        if node.layer < 0:
            return digital_step(chip.bundle, a, node)
        found.append(stages(node.layer, a))
        y = next(reversed(found[-1].values())) if targets is None else targets[node.layer]
        return y.astype(np.float32).reshape(len(a), *node.out_shape)

    run(nodes, images, compute)
    return found
