"""kill -9 and power cuts during a save: what is restored is the newest state or the one before, never anything else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import firmware_py
from firmware_py.state import StateHeader, load_state, save_state

HEADER = StateHeader(digest="ab" * 32, seed=1)
ROUNDS = 100

# One interpreter, which has imported everything already, forks a writer per round: so kills hit saves and not imports.
WRITERS = """
import os, sys
import numpy as np
from firmware_py.state import StateHeader, save_state

header = StateHeader("ab" * 32, 1)
for line in sys.stdin:
    number = int(line)
    pid = os.fork()
    while pid == 0:
        number += 1
        saved = save_state(sys.argv[1], header, {"value": np.full(5000, number, np.float32)})
        os.write(1, b"saved %d\\n" % saved)
    os.write(1, b"pid %d\\n" % pid)
    os.waitpid(pid, 0)
    os.write(1, b"dead 0\\n")
"""


def restored(folder: Path) -> int:
    """Generation of the restored state, all of whose values must be that number; 0 if nothing was saved yet."""
    loaded = load_state(folder, HEADER.digest, HEADER.seed)
    if loaded is None:
        return 0
    found, info = loaded
    np.testing.assert_array_equal(found["value"], np.full(5000, info.generation, np.float32))
    return info.generation


def test_kill_9_a_hundred_times_during_save(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    package = str(Path(firmware_py.__file__).parents[1])  # the copy under test, which may be an installed one
    environment = os.environ | {"PYTHONPATH": package, "OPENBLAS_NUM_THREADS": "1"}
    generation = interrupted = 0
    with subprocess.Popen(
        [sys.executable, "-c", WRITERS, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
    ) as writers:  # fmt: skip
        assert writers.stdin is not None
        assert writers.stdout is not None
        for _ in range(ROUNDS):
            reported, word = generation, ""
            writers.stdin.write(f"{generation}\n")
            writers.stdin.flush()
            while word != "dead":
                word, number = writers.stdout.readline().split()
                if word == "pid":
                    time.sleep(rng.uniform(0, 0.01))
                    os.kill(int(number), signal.SIGKILL)
                elif word == "saved":
                    reported = int(number)
            interrupted += bool(list(tmp_path.glob("*.tmp")))
            generation = restored(tmp_path)
            assert generation in (reported, reported + 1)  # a save may end just before it could be reported
        writers.stdin.close()
    assert generation > 0
    assert interrupted > 0, "no kill hit a save: the test shows nothing"


class PowerCut(BaseException):
    """Stands for the end of the world at one system call."""


@pytest.mark.parametrize("call", range(20))
def test_a_power_cut_before_any_system_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int) -> None:
    """What was not synced is lost at a power cut: a file then holds nothing of what was written to it since."""
    for number in (1, 2):
        save_state(tmp_path, HEADER, {"value": np.full(5000, number, np.float32)})
    unsynced: set[str] = set()
    calls = 0

    def counted(name: str) -> None:
        original = getattr(os, name)

        def replacement(*arguments: Any, **options: Any) -> Any:
            nonlocal calls
            if calls == call:
                raise PowerCut
            calls += 1
            path = os.readlink(f"/proc/self/fd/{arguments[0]}") if name in ("write", "fsync") else ""
            if name == "write":
                unsynced.add(path)
            elif name == "fsync":
                unsynced.discard(path)
            elif name == "replace" and str(arguments[0]) in unsynced:
                unsynced.add(str(arguments[1]))
            return original(*arguments, **options)

        monkeypatch.setattr(os, name, replacement)

    for name in ("open", "write", "fsync", "replace", "close"):
        counted(name)
    try:
        save_state(tmp_path, HEADER, {"value": np.full(5000, 3, np.float32)})
        finished = True
    except PowerCut:
        finished = False
    monkeypatch.undo()
    for path in unsynced:
        Path(path).write_bytes(b"")
    assert restored(tmp_path) == 3 if finished else restored(tmp_path) in (2, 3)
