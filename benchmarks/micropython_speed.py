"""Prints what a bundle costs under MicroPython: `MICROPYPATH=firmware_py/micropython micropython THIS BUNDLE`.

Milliseconds of opening, one prediction, one label without replay: the least of some, of the processor's own time
where the port counts it (the unix port does), else by the clock. Bytes of the heap when all garbage is gone.
A copy of rram_edge without viper.py runs in bytecode. On a board: put its path in below, `mpremote run` it.
"""

import gc
import sys
import time

BUNDLE = sys.argv[1] if len(sys.argv) > 1 else "digits.rram.safetensors"
REPEATS = 10

gc.collect()
start = gc.mem_alloc()  # type: ignore[attr-defined]


def milliseconds() -> float:
    """The processor's time of this process, or the clock's."""
    return 1000 * time.clock() if hasattr(time, "clock") else time.ticks_us() / 1000  # type: ignore[attr-defined]


def least(work) -> float:  # type: ignore[no-untyped-def]
    """Milliseconds of the quickest of REPEATS calls."""
    best = 1e9
    for _ in range(REPEATS):
        before = milliseconds()
        work()
        best = min(best, milliseconds() - before)
    return best


def held() -> int:
    """Bytes of the heap in use, beyond those at the start."""
    gc.collect()
    return gc.mem_alloc() - start  # type: ignore[attr-defined]


before = milliseconds()
from rram_edge import Chip, kernels  # noqa: E402  # the import is part of the time, and of the memory

code = held()
chip = Chip(BUNDLE, replay=(0, 0))
opened, pixels = milliseconds() - before, 1
for length in chip.bundle.shape:
    pixels *= length
image = bytes([i * 37 & 255 for i in range(pixels)])
print(f"{BUNDLE}: kernels {kernels.NAME}; import, open and draw all cells {opened:.0f} ms")
print(f"memory: code {code:,} bytes, code and chip {held():,} bytes")
predicting = least(lambda: chip.predict_one(image))
learning = least(lambda: chip.learn_one(image, 1))
print(f"predict_one {predicting:.1f} ms; learn_one, no replay {learning:.1f} ms")
