"""Every variant on the same chips: accuracy after calibration, chip by chip, on any number of cores."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from firmware_py.bundle import Bundle
from firmware_py.calibrate import calibrate
from firmware_py.chip import Chip
from host_tools.ablation.variants import Masks, Variant, apply, read_out_masks
from host_tools.mapping.mask import Scores


@dataclass(frozen=True)
class Bench:
    """What every variant is measured with: a bundle, images to calibrate on and to judge by, chips, Fisher scores."""

    bundle: Bundle
    vectors: npt.NDArray[np.uint8]
    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    chips: Sequence[int]
    fisher: Scores
    engine: str = "auto"


def measure(bench: Bench, variants: Sequence[Variant], workers: int | None = None,
            done: Callable[[], None] = lambda: None) -> dict[str, list[float]]:  # fmt: skip
    """Accuracy in per cent of every chip, by the variants' names; `done` is called after each chip."""
    workers = min(workers or os.cpu_count() or 1, len(bench.chips))
    found: list[list[float]] = []
    if workers <= 1:
        for chip in bench.chips:
            found.append(one_chip(bench, variants, chip))
            done()
    else:  # spawn: TensorFlow's threads in the parent do not survive a fork
        with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _keep, (bench, variants)) as pool:
            for values in pool.map(_job, bench.chips):
                found.append(values)
                done()
    return {variant.name: [values[i] for values in found] for i, variant in enumerate(variants)}


def one_chip(bench: Bench, variants: Sequence[Variant], chip: int) -> list[float]:
    """Accuracies in per cent of the variants on one chip: each starts from the same cells, uncorrected."""
    return [_accuracy(bench, variant, chip) for variant in variants]


def _accuracy(bench: Bench, variant: Variant, chip: int) -> float:
    masks: Masks = variant.masks
    if variant.chosen is not None:
        masks = read_out_masks(bench.bundle, bench.fisher, chip, variant.chosen)
    die = Chip(apply(bench.bundle, masks, variant.value_bits, variant.ranks), chip, engine=bench.engine)  # type: ignore[arg-type]
    if variant.kind != "none":
        vectors = bench.vectors[: variant.vectors].astype(np.float32) / np.float32(255)
        calibrate(die.bundle, die.engine, die.correction.layers, vectors, die.correction.read, variant.kind)
        die.correction.read += len(vectors)
    return float(100 * np.mean(die.predict_many(bench.images) == bench.labels))


_kept: list[tuple[Bench, Sequence[Variant]]] = []  # of a worker process: what it was started with


def _keep(bench: Bench, variants: Sequence[Variant]) -> None:
    _kept.append((bench, variants))


def _job(chip: int) -> list[float]:
    bench, variants = _kept[-1]
    return one_chip(bench, variants, chip)
