"""What a paper claims, and what was measured beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from host_tools.reproduce.kept import Kept


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
    are; retrain: take none that comes with the package; only: the data set whose rows are wanted (None: every one);
    fresh: take no figure that an earlier call has kept."""

    quick: bool
    seed: int
    figures: Path
    cache: Path
    data_dir: str | None = None
    workers: int | None = None
    retrain: bool = False
    tell: Callable[[str], None] = print
    only: str | None = None
    fresh: bool = False

    @cached_property
    def kept(self) -> Kept:
        """What earlier calls have finished, in the folder `reproduce` of the cache."""
        from host_tools.reproduce.kept import Kept

        return Kept(self.cache / "reproduce", self.fresh)

    def paper(self, name: str, made_of: Sequence[Any], measure: Callable[[Path], list[Claim]]) -> list[Claim]:
        """The claims of a paper as Kept.paper has them, of this setting's size and seed."""
        self.figures.mkdir(parents=True, exist_ok=True)
        return self.kept.paper(name, [self.quick, self.seed, *made_of], self.figures, measure)
