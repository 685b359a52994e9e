"""A hyper-parameter chosen by short trainings, judged on drawn chips of the validation part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from device_models.profile import DeviceProfile
from host_tools.data import Dataset
from host_tools.training.distill import distill
from host_tools.training.loop import Diverged
from host_tools.training.recipes import StudentRecipe

Axis = Literal["variation", "clip"]
CANDIDATES: dict[Axis, tuple[float, ...]] = {
    # Neither the least nor the largest is best (Krishnan et al., TC 2022): the search covers both sides of 1.
    "variation": (0.25, 0.5, 0.75, 1.0, 1.25),
    "clip": (0.5, 0.65, 0.8, 1.0, 1.4, 2.0),
}
SHARE = 0.25  # of the recipe's epochs, for each candidate


@dataclass(frozen=True)
class Tried:
    """One candidate: mean and least accuracy on validation chips, per cent."""

    value: float
    mean: float
    least: float


@dataclass(frozen=True)
class Search:
    """What was tried for `axis`, and the best of it by the mean over chips."""

    axis: Axis
    tried: tuple[Tried, ...]

    @property
    def best(self) -> float:
        """The best value; of equals the first."""
        return max(self.tried, key=lambda t: t.mean).value


def set_axis(recipe: StudentRecipe, axis: Axis, value: float) -> StudentRecipe:
    """The recipe with another value there."""
    return replace(recipe, variation=value) if axis == "variation" else replace(recipe, clip=value)


def search(
    axis: Axis, data: Dataset, teacher: Any, profile: DeviceProfile, recipe: StudentRecipe, seed: int,
    tell: Callable[[str], None], candidates: Sequence[float] | None = None, **options: Any,
) -> Search:
    """Train a student of a quarter of the epochs for each candidate of `axis`; the test part is not looked at.

    options: as for distill (start, masks). A candidate whose training diverges counts as 0 %.
    """  # fmt: skip
    tried = []
    for value in candidates or CANDIDATES[axis]:
        short = replace(set_axis(recipe, axis, value), epochs=max(1, round(SHARE * recipe.epochs)))
        try:
            _, record = distill(data, teacher, profile, short, seed, lambda amount, note: None, **options)
            chips = record["validation_on_chips"]
        except Diverged:
            chips = [0.0]
        tried.append(Tried(value, float(np.mean(chips)), float(np.min(chips))))
        tell(f"{axis} {value:g}: {tried[-1].mean:.2f} % on validation chips (lowest {tried[-1].least:.2f} %)")
    return Search(axis, tuple(tried))
