"""What a paper claims, and what was measured beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Claim:
    """One line of the table: the paper's number and ours.

    value and std: mean and standard deviation over `chips` (std None where there is one value only). met: whether ours
    holds the claim; None where there is nothing to hold, as for a figure that is only reported. paper_value None: the
    paper (its abstract is all that was at hand) gives no number. goal: ours, where we set one; least: the lowest chip.
    """

    paper: str
    claim: str
    paper_value: float | None
    value: float
    std: float | None
    setting: str
    met: bool | None
    chips: int = 1
    unit: str = "%"
    goal: float | None = None
    least: float | None = None

    def as_json(self) -> dict[str, Any]:
        """The keys of `rram reproduce --json`."""
        return asdict(self)


@dataclass(frozen=True)
class Setting:
    """How much work: quick (minutes, small data and few chips) or the whole; where figures, data and trained networks
    are; retrain: take none that comes with the package; only: the data set whose rows are wanted (None: every one)."""

    quick: bool
    seed: int
    figures: Path
    cache: Path
    data_dir: str | None = None
    workers: int | None = None
    retrain: bool = False
    tell: Callable[[str], None] = print
    only: str | None = None
