"""Running tools on the board, and saying what happens."""

from __future__ import annotations

import os
import re
import subprocess

BLAME = re.compile(r"(?i)error\b|\w+error:|FAIL\b|rram-edge:|build_core:")
FULL = ("No space left on device", "Disk quota exceeded", "File too large")


class Failure(Exception):
    """What is wrong, in one line."""


class NoSpace(Failure):
    """The disk is full, or too small."""


def step(text: str) -> None:
    """One line of progress. Fails when the connection was cut, so that nothing is switched behind the user's back."""
    print(f"step: {text}", flush=True)


def quiet(command: list, **environment: str) -> subprocess.CompletedProcess:
    """Run a command without input, with more environment; its output is kept, not shown."""
    return subprocess.run(
        [str(word) for word in command],
        env={**os.environ, **environment},
        cwd="/",  # python -m and -c would take modules from the folder in which the user happens to be
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )


def says_full(output: str) -> bool:
    """Whether a tool's output says that it met a full disk, a quota or a size limit."""
    return any(word in output for word in FULL)


def last_line(output: str) -> str:
    """The line of a tool's output that says what went wrong."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if BLAME.match(line) or says_full(line)]
    return (errors or lines or ["no output"])[-1]
