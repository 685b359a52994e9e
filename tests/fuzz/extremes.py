"""The worst of many chips, by their seeds: python -m tests.fuzz.extremes BUNDLE --chips 10000.

Worst tile: the largest root mean square of its weights' errors, relative to the root mean square of its weights.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

import numpy as np

from firmware_py import Chip
from firmware_py.bundle import Bundle
from firmware_py.numpy_engine import ideal_activations

KEPT = 5  # of the worst, and of the best


def tiles(chip: Chip) -> Iterator[tuple[float, str]]:
    """Relative error of each tile's weights, and the tile's name."""
    macro = chip.bundle.macro
    for layer, cells in zip(chip.bundle.layers, chip.engine.cells, strict=True):
        plus, minus = chip.bundle.tables.target[layer.levels].astype(np.int64)
        ideal = plus - minus
        for row in range(0, layer.k, macro.rows):
            for column in range(0, layer.n, macro.cols):
                part = slice(row, row + macro.rows), slice(column, column + macro.cols)
                size = max(float(np.sqrt(np.mean(ideal[part] ** 2.0))), 1.0)
                error = float(np.sqrt(np.mean((cells.d[part] - ideal[part]) ** 2.0)))
                yield error / size, f"{layer.name} from row {row}, column {column}"


def worst_tiles(bundle: Bundle, chips: int) -> list[tuple[float, str, int]]:
    """For each of chips 0, 1, ...: (error, tile, seed) of its worst tile; the worst chip first."""
    return sorted([(*max(tiles(Chip(bundle, seed))), seed) for seed in range(chips)], reverse=True)


def agreement(chip: Chip) -> float:
    """Per cent of the bundle's calibration vectors that get the ideal network's class."""
    x = chip.bundle.calibration_x
    ideal = ideal_activations(chip.bundle, x.astype(np.float32) / np.float32(255))[-1].argmax(axis=1)
    return 100 * float(np.mean(chip.predict_many(x) == ideal))


def main() -> int:
    """Find them, and say how they do before and after calibration."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.extremes", description=__doc__)
    parser.add_argument("bundle", help="bundle file")
    parser.add_argument("--chips", type=int, default=10000, help="how many (default 10000)")
    options = parser.parse_args()
    bundle = Bundle.open(options.bundle)
    ranked = worst_tiles(bundle, options.chips)
    middle = len(ranked) // 2
    for what, some in (("worst", ranked[:KEPT]), ("middle", ranked[middle : middle + KEPT]), ("best", ranked[-KEPT:])):
        for error, tile, seed in some:
            chip = Chip(bundle, seed)
            before = agreement(chip)
            chip.calibrate()
            print(f"{what:>6}: chip {seed:5}, error {error:.3f} in {tile}: {before:.1f} % as the ideal network, "
                  f"{agreement(chip):.1f} % after calibration")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
