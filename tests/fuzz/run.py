"""Runs a target for minutes in a process of its own, which may die, hang or eat memory: that is a finding like any."""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.fuzz.coverage import Lines, summary

MEMORY = 6 << 30  # bytes of address space: what wants more raises MemoryError, and is found
PATIENCE = 60.0  # seconds for one file
SLICE = 120.0  # seconds of one process
EVERY = 8  # so many executions between two whose lines are recorded, which makes them slow

Case = Callable[[int, Path], str]  # (number, folder) -> what became of it; raises what it finds


def worker(case: Case, folder: Path, first: int, seconds: float) -> None:
    """Executions first, first + 1, ... for so many seconds; writes down how far it is, and one line per finding."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    end, number, seen = time.monotonic() + seconds, first, Lines()
    counts: Counter[str] = Counter()
    while time.monotonic() < end:
        (folder / "at").write_text(str(number))
        try:
            with seen if number % EVERY == 0 else Lines.off():
                counts[case(number, folder)] += 1
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(place.filename).name}:{place.lineno}"
            print(f"FOUND {number} {type(error).__name__} at {where}: {str(error)[:300]!r}", flush=True)
            counts["found"] += 1
        number += 1
    print("COUNTS " + json.dumps(counts), flush=True)
    print("LINES " + json.dumps(seen.found()), flush=True)


def supervise(module: str, seed: int, seconds: float, folder: Path) -> int:
    """Workers one after the other until the time is up; a dead or silent one is reported with the number it was at."""
    end, first, findings = time.monotonic() + seconds, 0, 0
    counts: Counter[str] = Counter()
    lines: dict[str, set[int]] = {}
    while (left := end - time.monotonic()) > 0:
        command = [sys.executable, "-m", module, "--worker", str(first), "--seconds", str(min(left, SLICE)),
                   "--seed", str(seed), "--folder", str(folder)]  # fmt: skip
        code, out, errors = _run(command, min(left, SLICE) + PATIENCE)
        at = int((folder / "at").read_text() or 0)
        for line in out.splitlines():
            word, _, rest = line.partition(" ")
            if word == "COUNTS":
                counts.update(json.loads(rest))
            elif word == "LINES":
                lines = {name: lines.get(name, set()) | set(more) for name, more in json.loads(rest).items()}
            else:
                print(line, flush=True)
                findings += word == "FOUND"
        if code != 0:
            print(f"FOUND {at} " + ("hangs" if code is None else f"ends its process: {code}, {errors!r}"), flush=True)
            findings += 1
        first = at + 1
    print(f"{first} executions of seed {seed}: {dict(counts)}; {findings} findings")
    print(summary(lines))
    return 1 if findings else 0


def _run(command: list[str], patience: float) -> tuple[int | None, str, str]:
    """Exit code (None: did not end), what it printed, the end of its errors."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=patience, check=False)
    except subprocess.TimeoutExpired as error:
        return None, (error.stdout or b"").decode(), ""
    return done.returncode, done.stdout, done.stderr[-300:]


def main(module: str, make: Callable[[int], Case], folder: Path) -> int:
    """The command line of a target."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=sys.modules["__main__"].__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="how long (default 10)")
    parser.add_argument("--seed", type=int, default=0, help="of the whole run: number N of a seed is always one file")
    parser.add_argument("--number", type=int, help="only this one, with its traceback; its file stays")
    parser.add_argument("--folder", type=Path, default=folder, help=f"where files go (default {folder})")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    case = make(options.seed)
    if options.worker is not None:
        worker(case, options.folder, options.worker, options.seconds)
        return 0
    if options.number is not None:
        print(case(options.number, options.folder))
        return 0
    return supervise(module, options.seed, 60 * options.minutes, options.folder)
