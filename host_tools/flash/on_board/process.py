"""Running tools on the board, and saying what happens."""

from __future__ import annotations

import re
import subprocess

FULL = ("No space left on device", "Disk quota exceeded", "File too large")


class Failure(Exception):
    """What is wrong, in one line."""


class NoSpace(Failure):
    """The disk is full, or too small."""


def step(text: str) -> None:
    """One line of progress. Fails when the connection was cut, so that nothing is switched behind the user's back."""
    print(f"step: {text}", flush=True)


def quiet(command: list) -> subprocess.CompletedProcess:
    """Run a command without input; its output is kept, not shown."""
    return subprocess.run(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
    )  # fmt: skip


def says_full(output: str) -> bool:
    """Whether a tool's output says that it met a full disk, a quota or a size limit."""
    return any(word in output for word in FULL)


def last_line(output: str) -> str:
    """The line of a tool's output that says what went wrong."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"(?i)error\b|\w+error:|FAIL\b|rram-edge:", line) or says_full(line)]
    return (errors or lines or ["no output"])[-1]
