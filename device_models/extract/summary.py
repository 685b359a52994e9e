"""Raw cells in, the answer out: levels told apart at stated errors, and the spread under every convention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from device_models.errors import ProfileError
from device_models.extract.conventions import KINDS, MEANING, Spread, level_cells, spreads, statistics
from device_models.extract.counts import LevelCounts
from device_models.extract.separate import Separation, most_levels, most_levels_worst, separations, wrong_shares
from device_models.measured.split import half_of


@dataclass(frozen=True)
class Told:
    """The answer at one error: levels told apart with at most that mean share of cells in a wrong bin.

    interval: number of levels in 5 to 95 % of bootstrap samples of the cells. worst: the most levels of which none
    exceeds the error. held_out: as many levels chosen on one half of the cells and judged on the other (mean of both
    ways), which is free of the optimism of choosing and judging on the same cells.
    """

    error: float
    choice: Separation
    interval: tuple[int, int]
    worst: Separation
    held_out: float


@dataclass(frozen=True)
class LevelRow:
    """Cells of one level: number, mean, median, plain and robust (IQR / 1.349) standard deviation in uS."""

    level: int
    cells: int
    mean_uS: float
    median_uS: float
    sd_uS: float
    robust_sd_uS: float


@dataclass(frozen=True)
class Extraction:
    """cells: readings used. least_error: for k = 1, 2, ... levels the least mean share of cells in a wrong bin."""

    cells: int
    levels: tuple[LevelRow, ...]
    least_error: tuple[float, ...]
    told: tuple[Told, ...]
    spreads: tuple[Spread, ...]

    def spread(self, convention: str, kind: str = "plain") -> Spread:
        """One convention of conventions.MEANING, 'plain' or 'robust'."""
        for one in self.spreads:
            if (one.convention, one.kind) == (convention, kind):
                return one
        raise ProfileError(f"spread: {convention} {kind} is not one of {', '.join(MEANING)}, {' or '.join(KINDS)}")


def extract(
    level: npt.NDArray[Any], g_uS: npt.NDArray[Any], *, errors: Sequence[float] = (0.01, 0.05, 0.10),
    cell: npt.NDArray[Any] | None = None, samples: int = 200, seed: int = 0,
) -> Extraction:
    """From target level [n] (integers) and conductance [n] (uS, > 0), one reading a cell.

    errors: shares of cells in a wrong bin, above 0 and below 1/2. cell [n]: numbers of the cells, whose hash makes the
    halves of `Told.held_out` (default: their position). samples: bootstrap samples. The answer never has more levels
    than were programmed. ProfileError for errors or conductances out of range, fewer than two levels, 30 cells of one.
    """
    for error in errors:
        if not 0 < error < 0.5:
            raise ProfileError(f"error: {error:g} is not > 0 and < 0.5")
    if not (np.isfinite(g_uS) & (np.asarray(g_uS) > 0)).all():
        raise ProfileError("a conductance is not finite and > 0")
    rng = np.random.Generator(np.random.Philox(key=seed))
    counts = LevelCounts.of(level, g_uS)
    best = separations(counts)
    drawn = [separations(counts.resampled(rng)) for _ in range(samples)]
    in_b = half_of(np.arange(len(level)) if cell is None else np.asarray(cell, dtype=np.int64))
    halves = [(separations(LevelCounts.of(level[part], g_uS[part], least=1)), ~part) for part in (in_b, ~in_b)]
    told = []
    for error in errors:
        numbers = np.quantile([most_levels(one, error).count for one in drawn], [0.05, 0.95], method="nearest")
        choice = most_levels(best, error)
        others = [wrong_shares(_of_count(made, choice.count), level[rest], g_uS[rest]).mean() for made, rest in halves]
        told.append(Told(error, choice, (int(numbers[0]), int(numbers[1])), most_levels_worst(counts, error),
                         float(np.mean(others))))
    cells = level_cells(level, g_uS, counts.index)
    rows = []
    for one, g in zip(counts.index, cells, strict=True):
        (mean, sd, _), (median, robust, _) = statistics(g, "plain"), statistics(g, "robust")
        rows.append(LevelRow(int(one), len(g), float(mean), float(median), float(sd), float(robust)))
    return Extraction(len(level), tuple(rows), tuple(one.error for one in best), tuple(told),
                      tuple(spreads(cells, rng, samples)))


def _of_count(found: Sequence[Separation], count: int) -> Separation:
    return found[min(count, len(found)) - 1]
