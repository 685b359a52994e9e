"""kill -9 while a chip learns and saves: python -m tests.fuzz.kills --kills 1000.

A chip's SRAM after N labels is a function of its seed and of the labels, so what is restored after a kill is held, bit
for bit, against a chip that learned as many labels and was never interrupted.
"""

from __future__ import annotations

import argparse
import mmap
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import firmware_py
from firmware_py import AdaptConfig, Chip
from firmware_py.bundle import Bundle
from firmware_py.replay import NO_REPLAY
from tests.fuzz.pack import seeds

LABELS = 3  # between two saves
SAVES = 4.0  # that a writer can do before it is killed, at most

# One interpreter, which has imported everything, forks a writer for each kill: so kills hit learning and saves.
WRITERS = """
import mmap, os, sys
from tests.fuzz.kills import chip_of, learn, restored, LABELS
bundle, folder, place = sys.argv[1:]
phase = mmap.mmap(os.open(place, os.O_RDWR), 1)
chip = chip_of(bundle)
for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        restored(chip, folder)
        while True:
            phase[0] = 1
            learn(chip, LABELS)
            phase[0] = 2
            generation = chip.save(folder)
            phase[0] = 3
            os.write(1, b"saved %d\\n" % generation)
    os.write(1, b"pid %d\\n" % pid)
    os.waitpid(pid, 0)
    os.write(1, b"dead 0\\n")
"""


def chip_of(path: str | Path) -> Chip:
    """The chip that learns; no replay, because the images kept for it are no part of a state."""
    return Chip(Bundle.open(path), 5, adapt=AdaptConfig(replay=NO_REPLAY, guard=None))


def learn(chip: Chip, labels: int) -> None:
    """So many labels more; which image comes next follows from how many were learned."""
    for _ in range(labels):
        step = chip.correction.step
        image = np.random.default_rng(step % 64).integers(0, 256, chip.bundle.input_shape).astype(np.uint8)
        chip.learn_one(image, step % len(chip.bundle.classes))


def restored(chip: Chip, folder: str | Path) -> int:
    """Restore, and return the generation; 0 where nothing was saved yet."""
    found = chip.restore(folder)
    return 0 if found is None else found.generation


@contextmanager
def writers(*arguments: Any) -> Iterator[Any]:
    """The process that forks writers."""
    root = Path(__file__).resolve().parents[2]
    package = Path(firmware_py.__file__).parents[1]  # the copy under test, which may be an installed one
    environment = os.environ | {"PYTHONPATH": f"{package}:{root}", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", WRITERS, *map(str, arguments)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as running:
        yield running
        assert running.stdin is not None
        running.stdin.close()


def start(running: Any) -> tuple[int, int]:
    """Start a writer; its process, and what it reported before that could be said."""
    running.stdin.write("go\n")
    running.stdin.flush()
    reported, word = 0, ""
    while word != "pid":
        word, number = running.stdout.readline().split()
        reported = int(number) if word == "saved" else reported
    return int(number), reported


def time_of_a_save(running: Any) -> float:
    """Seconds that this machine takes now to learn and save once, from the start of a writer to its fifth save."""
    begin = time.monotonic()
    process, _ = start(running)
    for _ in range(5):
        running.stdout.readline()
    seconds = (time.monotonic() - begin) / 5
    kill(running, process)
    return seconds


def kill(running: Any, process: int) -> int:
    """Kill the writer; the last generation that it reported, 0 for none."""
    os.kill(process, signal.SIGKILL)
    reported, word = 0, ""
    while word != "dead":
        word, number = running.stdout.readline().split()
        if word == "saved":
            reported = int(number)
    return reported


def kills(count: int, seed: int, folder: Path) -> Counter[str]:
    """Kill so many writers; after each, the state must be the last one reported or the one after it, bit for bit."""
    (folder / "bundle").write_bytes(seeds()[1])
    (folder / "phase").write_bytes(b"\0")
    rng, counts, generation = np.random.default_rng(seed), Counter[str](), 0
    whole, torn = chip_of(folder / "bundle"), chip_of(folder / "bundle")
    files = [folder / name for name in ("bundle", "state", "phase")]
    with open(files[2], "r+b") as file, mmap.mmap(file.fileno(), 1) as phase, writers(*files) as running:
        longest = SAVES * time_of_a_save(running)
        generation = restored(torn, folder / "state")
        for _ in range(count):
            phase[0] = 0
            process, reported = start(running)
            time.sleep(rng.uniform(0, longest))
            reported = max(kill(running, process), reported, generation)
            counts[("while starting", "while learning", "while saving", "just after a save")[phase[0]]] += 1
            counts["left half a file"] += bool(list((folder / "state").glob("*.tmp")))
            generation = restored(torn, folder / "state")
            assert generation in (reported, reported + 1), f"generation {generation} after {reported} was reported"
            counts["newer than reported"] += generation == reported + 1
            learn(whole, LABELS * generation - whole.correction.step)
            same(torn, whole, generation)
    counts["saves"] = generation
    return counts


def same(torn: Chip, whole: Chip, generation: int) -> None:
    """Every number of the two chips' SRAM, and how many labels and reads it has seen."""
    expected = whole.correction.arrays(whole.bundle)
    for name, array in torn.correction.arrays(torn.bundle).items():
        assert np.array_equal(array, expected[name]), f"generation {generation}: {name} is not what was saved"


def main() -> int:
    """Kill, and print what was hit."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=1000, help="how many (default 1000)")
    parser.add_argument("--seed", type=int, default=0, help="of the delays before each")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        counts = kills(options.kills, options.seed, Path(folder))
    for what, count in sorted(counts.items()):
        print(f"{count:6} {what}")
    print(f"{options.kills:6} kills: each time the last state that was reported, or the one after it, bit for bit")
    return 0


if __name__ == "__main__":
    sys.exit(main())
