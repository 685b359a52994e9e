"""How long a pulse takes on 1,000,000 filament cells, and how many np.exp of as many float32 that is. Not a test.

    python benchmarks/filament.py [CELLS] [ROUNDS]
"""

from __future__ import annotations

import os
import sys
import time

import numpy as np

from device_models.filament import FilamentParameters, Filaments

# name: what brings the cells there (untimed), and the pulse that is timed: polarity, V, s, gate V
PULSES = {
    "SET from a fresh cell": ((), ("set", 1.8, 1e-6, 1.2)),
    "SET, 100 ns": ((), ("set", 2.0, 1e-7, 1.0)),
    "SET again (IGVVA step)": ((("set", 1.8, 1e-6, 1.2),), ("set", 1.8, 1e-6, 1.21)),
    "RESET, deep": ((("set", 1.8, 1e-6, 1.2),), ("reset", 1.4, 1e-6, 3.0)),
}


def exponentials(cells: int) -> float:
    """Seconds of one np.exp of `cells` float32 on one core."""
    values = np.linspace(-20, 1, cells, dtype=np.float32)
    start = time.perf_counter()
    np.exp(values)
    return time.perf_counter() - start


def measure(cells: int, threads: int, before: tuple, pulse: tuple) -> tuple[float, float]:
    """Wall and processor seconds of one pulse on all cells."""
    array = Filaments(FilamentParameters(), cells, seed=1, threads=threads)
    for polarity, volts, seconds, gate in before:
        array.pulse(polarity, volts, seconds, gate_V=gate)
    polarity, volts, seconds, gate = pulse
    wall, cpu = time.perf_counter(), time.process_time()
    array.pulse(polarity, volts, seconds, gate_V=gate)
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    """Print the best wall time of each pulse on one and two threads, its processor time, and the ratio."""
    cells = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    one_exp = min(exponentials(cells) for _ in range(10))
    print(f"{cells:,} cells, {os.cpu_count()} cores; np.exp of as many float32: {1e3 * one_exp:.2f} ms")
    print(f"{'pulse':<24} {'threads':>7} {'wall s':>7} {'cpu s':>7} {'np.exp':>7}")
    for name, (before, pulse) in PULSES.items():
        for threads in (1, 2):
            took = [measure(cells, threads, before, pulse) for _ in range(rounds)]
            wall, cpu = (min(times) for times in zip(*took, strict=True))
            print(f"{name:<24} {threads:>7} {wall:>7.3f} {cpu:>7.3f} {wall / one_exp:>7.0f}")


if __name__ == "__main__":
    main()
