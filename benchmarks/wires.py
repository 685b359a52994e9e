"""Wire resistance of 256 x 256 cells: the exact solution and the fast form, with badcrossbar beside them if installed.

    python benchmarks/wires.py          # times are this machine's; compare the ratios
"""

from __future__ import annotations

import importlib
import logging
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from device_models.array.wires import Wires, effective_conductance, fast_conductance, output_currents

CASES = ((0.1, 30.0), (1.0, 100.0), (10.0, 300.0))  # ohm a segment, highest conductance in uS
LINES = 256


def best(function: Callable[[], Any], times: int) -> tuple[float, Any]:
    """Shortest of `times` runs in seconds, and the last result."""
    seconds, result = [], None
    for _ in range(times):
        start = time.perf_counter()
        result = function()
        seconds.append(time.perf_counter() - start)
    return min(seconds), result


def measured(ohm: float, highest: float, peer: Any) -> str:
    """One case as a line; `peer` is badcrossbar or None."""
    rng = np.random.Generator(np.random.Philox(key=0))
    cells, inputs, wires = rng.uniform(1, highest, (LINES, LINES)), rng.random((1, LINES)), Wires(ohm, ohm)
    one, current = best(lambda: output_currents(cells, inputs, wires), 5)
    every, _ = best(lambda: effective_conductance(cells, wires), 1)
    fast, found = best(lambda: fast_conductance(cells, wires), 2)
    line = (f"{ohm:g} ohm, 1 to {highest:g} uS: one input exactly {1e3 * one:.0f} ms; every input exactly "
            f"{1e3 * every:.0f} ms; every input by the fast form {1e3 * fast:.0f} ms "
            f"(error {100 * found.error:.1g} %)")
    if peer is None:
        return line
    keys = {"node_voltages": False, "all_currents": False}
    theirs, solution = best(lambda: peer.compute(inputs.T, 1e6 / cells, ohm, **keys), 1)
    apart = float(np.abs(current / (1e6 * solution.currents.output) - 1).max())
    return f"{line}; badcrossbar {theirs:.1f} s, {theirs / one:.0f} times one input, {apart:.0e} apart"


def main() -> None:
    """Print a line a case."""
    try:
        peer: Any = importlib.import_module("badcrossbar")
    except ImportError:
        peer = None
        print("badcrossbar is not installed: no ratios")
    logging.disable(logging.INFO)
    for ohm, highest in CASES:
        print(measured(ohm, highest, peer), flush=True)


if __name__ == "__main__":
    main()
