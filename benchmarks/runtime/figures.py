"""The figures: speed beside LiteRT, PyTorch and aihwkit, growth, memory, start, a million labels, size of the code."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial, update_wrapper
from pathlib import Path

from benchmarks.runtime import growth, long_run, peers
from benchmarks.runtime.bundles import lenet5, resnet8
from benchmarks.runtime.figure import Figure, say
from firmware_py.bench import bench
from firmware_py.bundle import Bundle
from firmware_py.chip import Chip
from firmware_py.correction import AdaptConfig

Part = Callable[[], list[Figure]]
KB = 1024


def all_parts(root: Path, folder: Path, steps: int, plot: Path | None) -> list[Part]:
    """What to run, in order; each may raise ImportError, for what it needs and is not there."""
    small = lenet5(root)
    parts: list[Callable[..., list[Figure]]] = []

    def add(function: Callable[..., list[Figure]], *arguments: object) -> None:
        parts.append(update_wrapper(partial(function, *arguments), function))

    add(alone, "LeNet-5", small.path, 1.0, 256, True)
    add(larger, root, folder)
    add(peers.pytorch, small)
    add(peers.aihwkit, small)
    add(growth.growth, small, plot)
    add(long_run.long_run, small, steps)
    for script in ("core_size.py", "c_example.py"):
        add(told_by, root / "benchmarks" / script)
    return parts


def larger(root: Path, folder: Path) -> list[Figure]:
    """ResNet-8."""
    return alone("ResNet-8", resnet8(root, folder).path, 1.5, 512, False)


def alone(name: str, path: Path, bar: float, arena: float, whole: bool) -> list[Figure]:
    """One bundle: time beside the ideal network on LiteRT, a label beside an image, arena; `whole`: memory, start."""
    told = bench(path)
    for note in told["notes"]:
        say(f"{name}: {note}")
    found = [Figure(f"{name}, batch 1, {told['instructions']}", told["predict_us"], "us")]
    if told["ratio_litert"] is not None:
        found.append(Figure(f"{name}, batch 1, all effects, against LiteRT's ideal network", told["ratio_litert"],
                            "times", bar))  # fmt: skip
    found.append(Figure(f"{name}, learn_one against predict_one", told["ratio_learn"], "times", 3.0))
    if told["arena_bytes"] is not None:
        found.append(Figure(f"{name}, arena", round(told["arena_bytes"] / KB, 1), "KB", arena))
        fixed = Chip.open(path, engine="c", learning=False).engine.arena_bytes  # type: ignore[attr-defined]
        found.append(Figure(f"{name}, arena without learning", round(fixed / KB, 1), "KB", arena))
        if told["arena_bytes"] > arena * KB:
            found += _last_layers(name, path, arena)
    if whole and told["rss_mb"] is not None:
        bare = _bare_python_mb()
        found += [Figure("rram-edge predict, resident above a bare Python", round(told["rss_mb"] - bare, 1), "MB", 40),
                  Figure("start to first prediction, Python, warm files", told["start_s"], "s", 0.25)]  # fmt: skip
    return found


def _last_layers(name: str, path: Path, bar: float) -> list[Figure]:
    """The most of the last layers that learn in the memory of `bar` KB, which all of them exceed."""
    bundle = Bundle.open(path)
    for layers in range(len(bundle.layers) - 1, 0, -1):
        chip = Chip(bundle, engine="c", adapt=AdaptConfig(layers=layers))
        needed = chip.engine.arena_bytes / KB  # type: ignore[attr-defined]
        if needed <= bar:
            title = f"{name}, arena where the last {layers} of {len(bundle.layers)} layers learn"
            return [Figure(title, round(needed, 1), "KB", bar)]
    return []


def _bare_python_mb() -> float:
    command = "print([l for l in open('/proc/self/status') if l.startswith('VmHWM')][0].split()[1])"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    return int(done.stdout) * KB / 1e6


def told_by(script: Path) -> list[Figure]:
    """The figures that another script of this folder prints."""
    if not script.exists():
        return []
    done = subprocess.run([sys.executable, str(script), "--json"], capture_output=True, text=True, check=False)
    for line in done.stderr.splitlines():
        say(f"{script.name}: {line}")
    if done.returncode != 0:
        return []
    told: Sequence[dict[str, object]] = json.loads(done.stdout)["figures"]
    return [Figure(str(f["name"]), float(str(f["value"])), str(f["unit"]),
                   None if f["bar"] is None else float(str(f["bar"]))) for f in told]  # fmt: skip
