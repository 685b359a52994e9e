"""Stuck-at rates from repeated readings: cells that never left one end of the range, whatever they were programmed to.

    rates = stuck_rates(cells, g_max_uS=240)
    rates.low.probability, rates.low.interval

Definition. With a window w (share of G_max) a cell is stuck low where every reading of it is at most w G_max, stuck
high where every reading is at least (1 - w) G_max. Only cells that were meant to be elsewhere can show it: levels whose
median lies beyond twice the window. A cell that programming missed by so much is counted too: where the cells were
programmed once the rates are upper bounds, the more so the wider the spread; bakes, each after a programming of its
own, tell more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from device_models.errors import ProfileError
from device_models.measured.cells import MeasuredCells

MIN_READINGS = 2  # of a cell

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class StuckRate:
    """Cells stuck at one end. Arrays [L] over the levels that can show it; intervals: Clopper and Pearson, 95 %.

    `conductance_uS`: median of their readings, None where no cell is stuck.
    """

    probability: float
    interval: tuple[float, float]
    n_stuck: int
    n_cells: int
    conductance_uS: float | None
    level: Integers
    level_cells: Integers
    level_stuck: Integers
    level_interval: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class StuckRates:
    """Both ends, the window (share of G_max) and how often the cells were read."""

    low: StuckRate
    high: StuckRate
    window: float
    g_max_uS: float
    median_readings: float


def stuck_rates(cells: MeasuredCells, g_max_uS: float, window: float = 0.05) -> StuckRates:
    """Rates of cells stuck at either end; `window` is a share of G_max, above 0 and below 0.25."""
    if not 0 < window < 0.25:
        raise ProfileError(f"stuck-at window: {window:g} is not above 0 and below 0.25 (a share of G_max)")
    if not 0 < g_max_uS < np.inf:
        raise ProfileError(f"stuck-at rates: a G_max of {g_max_uS:g} uS is not > 0")
    order = np.lexsort((cells.g_uS, cells.cell))
    first = np.concatenate([[0], np.flatnonzero(np.diff(cells.cell[order])) + 1])
    readings = np.diff(np.append(first, len(order)))
    lowest, highest = cells.g_uS[order[first]], cells.g_uS[order[first + readings - 1]]
    level = cells.level[order[first]]
    often = readings >= MIN_READINGS
    if not often.any():
        raise ProfileError(f"{cells.source}: every cell is read once, expected at least {MIN_READINGS} readings "
                           "of a cell")
    medians = {int(one): float(np.median(cells.g_uS[cells.level == one])) for one in np.unique(cells.level)}
    middle = np.array([medians[one] for one in level.tolist()])
    is_low, is_high = highest <= window * g_max_uS, lowest >= (1 - window) * g_max_uS
    shows_low, shows_high = middle > 2 * window * g_max_uS, middle < (1 - 2 * window) * g_max_uS
    typical = cells.g_uS[order[first + readings // 2]]
    return StuckRates(
        _rate(cells.source, level, typical, is_low, often & shows_low),
        _rate(cells.source, level, typical, is_high, often & shows_high),
        window, g_max_uS, float(np.median(readings[often])))


def _rate(
    source: str, level: Integers, typical: Floats, stuck: npt.NDArray[np.bool_], counts: npt.NDArray[np.bool_]
) -> StuckRate:
    if not counts.any():
        raise ProfileError(f"{source}: no level lies far enough from the end of the range to show cells stuck there")
    levels, index = np.unique(level[counts], return_inverse=True)
    n = np.bincount(index).astype(np.int64)
    k = np.bincount(index, stuck[counts]).astype(np.int64)
    both = stuck & counts
    intervals = tuple(_interval(int(a), int(b)) for a, b in zip(k, n, strict=True))
    return StuckRate(float(k.sum() / n.sum()), _interval(int(k.sum()), int(n.sum())), int(k.sum()), int(n.sum()),
                     float(np.median(typical[both])) if both.any() else None, levels, n, k, intervals)


def _interval(k: int, n: int) -> tuple[float, float]:
    from scipy.stats import binomtest

    interval = binomtest(k, n).proportion_ci(0.95, method="exact")
    return float(interval.low), float(interval.high)
