"""Prints how fast a bundle runs here: `python benchmarks/ratios.py lenet5.rram.safetensors`.

Every instruction set of the core by itself, then the NumPy engine, each against the ideal network on LiteRT (where one
is installed), in turns on one thread. Figures are medians; ratios are medians of the ratios of neighbours.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from firmware_py import Effects, c_engine
from firmware_py.bundle import Bundle
from firmware_py.correction import initial_correction
from firmware_py.errors import RramError
from firmware_py.numpy_engine import NumpyEngine
from firmware_py.reference import Reference


def engines(bundle: Bundle) -> dict[str, c_engine.CEngine | NumpyEngine]:
    """Every engine that this machine has, by name."""
    found: dict[str, c_engine.CEngine | NumpyEngine] = {}
    for variant in reversed(c_engine.variants() if c_engine.available() else []):
        found[f"c {variant}"] = c_engine.CEngine(bundle, 0, Effects(), initial_correction(bundle), variant)
    found["numpy"] = NumpyEngine(bundle, 0, Effects(), initial_correction(bundle))
    return found


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--rounds", type=int, default=300)
    options = parser.parse_args()
    bundle = Bundle.open(options.bundle)
    images = bundle.golden_x if len(bundle.golden_x) else np.zeros((1, *bundle.input_shape), np.uint8)
    floats = images.astype(np.float32) / np.float32(255)
    try:
        reference = Reference(bundle)
        ideal = [reference.prepared(image) for image in images]
        print(f"ideal network: {reference.name}")
    except RramError as error:
        ideal = []
        print(error)
    print(f"{'engine':<16} {'us/image':>10} {'us ideal':>10} {'ratio':>8}")
    for name, engine in engines(bundle).items():
        took = []
        for i in range(options.rounds if name != "numpy" else max(5, options.rounds // 20)):
            k = i % len(images)
            start = time.perf_counter_ns()
            if ideal:
                ideal[k]()
            middle = time.perf_counter_ns()
            engine.logits(floats[k : k + 1], i)
            took.append(((middle - start) / 1000, (time.perf_counter_ns() - middle) / 1000))
        ours, theirs = np.median([b for _, b in took]), np.median([a for a, _ in took])
        ratio = f"{np.median([b / a for a, b in took]):8.2f}" if ideal else f"{'-':>8}"
        print(f"{name:<16} {ours:>10.1f} {theirs:>10.1f} {ratio}")


if __name__ == "__main__":
    main()
