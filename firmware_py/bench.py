"""What `rram-edge bench` measures: time of one image and of one label, beside the ideal network, and memory.

Times are taken in turns (predict, ideal network, learn; and again), and a ratio is the median of the ratios of
neighbours: it holds on a busy machine, where the microseconds do not. One thread each.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from firmware_py.bundle import Bundle
from firmware_py.chip import Chip, EngineName
from firmware_py.correction import AdaptConfig
from firmware_py.errors import RramError
from firmware_py.reference import Reference
from firmware_py.replay import NO_REPLAY

Images = npt.NDArray[np.uint8]

WARM_UP = 5  # rounds that are not counted
STARTS = 3  # fresh processes

# A board's first second: open the bundle, make the chip, predict. Prints the memory that this took.
_START = """
import json, sys
import numpy as np
from firmware_py.chip import Chip
chip = Chip.open(sys.argv[1], engine=sys.argv[2])
chip.predict_one(chip.bundle.golden_x[0] if len(chip.bundle.golden_x) else np.zeros(chip.bundle.input_shape, np.uint8))
from firmware_py.bench import resident_mb
print(json.dumps(resident_mb()))
"""


def bench(path: str | Path, engine: EngineName = "auto", seed: int = 0, rounds: int = 400,
          seconds: float = 20.0) -> dict[str, Any]:  # fmt: skip
    """Measure a bundle: microseconds, ratios, arena bytes, MB and seconds; None where 'notes' says why.

    Learning is one step; a label with replay takes 1 + repeats of them. At most `rounds` rounds and about `seconds` of
    measuring. RramError: the bundle is not valid.
    """
    bundle = Bundle.open(path)
    chip = Chip(bundle, seed, engine, adapt=AdaptConfig(replay=NO_REPLAY, guard=None))
    notes: list[str] = []
    images = _images(bundle)
    ideal = _ideal(bundle, images, notes)
    runs: dict[str, Callable[[int], object]] = {"predict": lambda i: chip.predict_one(images[i % len(images)])}
    if ideal:
        runs["litert"] = lambda i: ideal[i % len(images)]()
    if bundle.nodes[-1].integer:
        notes.append("learn_us, ratio_learn: an integer network does not learn on the board")
    else:
        runs["learn"] = lambda i: chip.learn_one(images[i % len(images)], i % len(bundle.classes))
    took = in_turns(runs, rounds, seconds)
    arena = getattr(chip.engine, "arena_bytes", None)
    if arena is None:
        notes.append(f"arena_bytes: the {chip.engine.name} engine has no arena")
    rss, start = _fresh_start(path, chip.engine.name, notes)
    return {
        "engine": chip.engine.name,
        "instructions": getattr(chip.engine, "variant", None),
        "predict_us": _median(took, "predict"),
        "litert_us": _median(took, "litert"),
        "ratio_litert": _ratio(took, "predict", "litert"),
        "learn_us": _median(took, "learn"),
        "ratio_learn": _ratio(took, "learn", "predict"),
        "arena_bytes": arena,
        "rss_mb": rss,
        "start_s": start,
        "rounds": len(took["predict"]),
        "notes": notes,
    }


def resident_mb() -> float | None:
    """Most memory that this process had resident, in MB (10^6 bytes); None where the system does not say."""
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return round(int(line.split()[1]) * 1024 / 1e6, 2)
    except OSError:
        pass
    return None


def _images(bundle: Bundle) -> Images:
    """Images of the bundle, as a camera gives them."""
    for stored in (bundle.golden_x, bundle.calibration_x):
        if len(stored):
            return np.array(stored)
    return np.zeros((1, *bundle.input_shape), np.uint8)


def _ideal(bundle: Bundle, images: Images, notes: list[str]) -> list[Callable[[], object]]:
    """Runs of the ideal network, one for each image; none, with a note, where no interpreter or no network is there."""
    try:
        reference = Reference(bundle)
    except RramError as error:
        notes.append(f"litert_us, ratio_litert: {error}")
        return []
    if reference.name != "ai_edge_litert":
        notes.append(f"litert_us: measured with {reference.name}")
    return [reference.prepared(image) for image in images]


def in_turns(runs: dict[str, Callable[[int], object]], rounds: int, seconds: float) -> dict[str, list[float]]:
    """Microseconds of each run, one after the other in each round."""
    took: dict[str, list[float]] = {name: [] for name in runs}
    for i in range(WARM_UP):
        for run in runs.values():
            run(i)
    end = time.perf_counter() + seconds
    for i in range(rounds):
        for name, run in runs.items():
            start = time.perf_counter_ns()
            run(i)
            took[name].append((time.perf_counter_ns() - start) / 1000)
        if time.perf_counter() > end:
            break
    return took


def _median(took: dict[str, list[float]], name: str) -> float | None:
    return round(float(np.median(took[name])), 2) if name in took else None


def _ratio(took: dict[str, list[float]], above: str, below: str) -> float | None:
    if above not in took or below not in took:
        return None
    return round(float(np.median(np.array(took[above]) / np.array(took[below]))), 3)


def _fresh_start(path: str | Path, engine: str, notes: list[str]) -> tuple[float | None, float | None]:
    """(resident MB, seconds from nothing to the first prediction) of fresh processes; the files are warm."""
    took = []
    for _ in range(STARTS):
        start = time.perf_counter()
        command = [sys.executable, "-c", _START, str(path), engine]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        took.append(time.perf_counter() - start)
        if done.returncode != 0:
            notes.append(f"rss_mb, start_s: a fresh process failed: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
            return None, None
    rss = json.loads(done.stdout)
    if rss is None:
        notes.append("rss_mb: this system has no /proc/self/status")
    return rss, round(float(np.median(took)), 3)
