"""One figure beside its bar, and how two things are timed in turns."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from firmware_py import bench


@dataclass(frozen=True)
class Figure:
    """value in `unit`; bar: at most so much, or, with `least`, at least; None: told, not judged."""

    name: str
    value: float
    unit: str
    bar: float | None = None
    least: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the value holds its bar."""
        if self.bar is None:
            return None
        return self.value >= self.bar if self.least else self.value <= self.bar

    def as_json(self) -> dict[str, Any]:
        """The keys of `--json`."""
        return {"name": self.name, "value": self.value, "unit": self.unit, "bar": self.bar, "met": self.met}

    def __str__(self) -> str:
        bar = "" if self.bar is None else f"{'at least' if self.least else 'at most'} {self.bar:g}"
        verdict = {None: "", True: "met", False: "NOT MET"}[self.met]
        return f"{self.name:64} {self.value:10.4g} {self.unit:10} {bar:14} {verdict}"


def say(text: str) -> None:
    """A line beside the result."""
    print(text, file=sys.stderr, flush=True)


def in_turns(runs: dict[str, Callable[[int], object]], rounds: int, seconds: float = 20.0) -> dict[str, Any]:
    """Microseconds [rounds] of each run, one after the other in each round; at most about so many seconds."""
    return {name: np.array(took) for name, took in bench.in_turns(runs, rounds, seconds).items()}


def ratio(took: dict[str, Any], above: str, below: str) -> float:
    """Median of the ratios of neighbours."""
    return round(float(np.median(took[above] / took[below])), 3)
