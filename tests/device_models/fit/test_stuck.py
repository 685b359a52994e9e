"""Stuck-at rates: cells that were made stuck, intervals by the beta distribution, and the measured arrays."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta

from device_models.errors import ProfileError
from device_models.fit.stuck import stuck_rates
from device_models.measured import MeasuredCells
from tests.device_models.fit.noises import generator
from tests.device_models.measured.files import bakes

LEVELS = np.array([1.0, 30.0, 60.0, 99.0])  # uS of G_max 100
PER_LEVEL = 500


def cells(stuck_low: int = 0, stuck_high: int = 0) -> MeasuredCells:
    """Three readings of 2000 cells; the first cells of level 1 are stuck low, the first of level 2 high."""
    rng = generator(1)
    level = np.tile(np.arange(4), PER_LEVEL)
    g = LEVELS[level] + rng.normal(size=(3, len(level))) * 0.2
    g[:, np.flatnonzero(level == 1)[:stuck_low]] = 2.5
    g[:, np.flatnonzero(level == 2)[:stuck_high]] = 103.0
    n = len(level)
    return MeasuredCells("test", np.tile(np.arange(n), 3), np.tile(level, 3), np.repeat([0.0, 1.0, 10.0], n), g.ravel())


def test_stuck_cells_are_counted_where_they_show() -> None:
    """Levels 1, 2 and 3 can show a cell stuck low, 0, 1 and 2 one stuck high."""
    rates = stuck_rates(cells(7, 4), g_max_uS=100)
    assert (rates.low.n_stuck, rates.low.n_cells, rates.low.level.tolist()) == (7, 1500, [1, 2, 3])
    assert (rates.high.n_stuck, rates.high.n_cells, rates.high.level.tolist()) == (4, 1500, [0, 1, 2])
    assert rates.low.level_stuck.tolist() == [7, 0, 0] and rates.high.level_stuck.tolist() == [0, 0, 4]
    assert rates.low.probability == pytest.approx(7 / 1500)
    assert (rates.low.conductance_uS, rates.high.conductance_uS) == (2.5, 103.0)
    assert rates.median_readings == 3


def test_intervals_are_clopper_and_pearsons() -> None:
    rate = stuck_rates(cells(7, 0), g_max_uS=100)
    assert rate.low.interval == pytest.approx((beta.ppf(0.025, 7, 1494), beta.ppf(0.975, 8, 1493)))
    assert rate.high.interval == pytest.approx((0, beta.ppf(0.975, 1, 1500))) and rate.high.conductance_uS is None
    assert rate.low.level_interval[0] == pytest.approx((beta.ppf(0.025, 7, 494), beta.ppf(0.975, 8, 493)))


def test_a_cell_that_left_once_is_not_stuck() -> None:
    measured = cells(7, 4)
    g = measured.g_uS.copy()
    g[4000 + 1] = 31.0  # third reading of the first stuck cell
    moved = MeasuredCells("test", measured.cell, measured.level, measured.time_s, g)
    assert stuck_rates(moved, g_max_uS=100).low.n_stuck == 6


def test_a_cell_read_once_tells_nothing() -> None:
    measured = cells(7, 4)
    rows = (measured.time_s == 0) | (measured.cell != 1)
    rates = stuck_rates(measured.where(rows), g_max_uS=100)
    assert (rates.low.n_stuck, rates.low.n_cells) == (6, 1499)
    with pytest.raises(ProfileError, match="every cell is read once"):
        stuck_rates(measured.where(measured.time_s == 0), g_max_uS=100)


@pytest.mark.parametrize(("g_max", "window", "message"), [
    (100, 0.0, "window: 0 is not"), (100, 0.25, "window: 0.25 is not"), (0, 0.05, "a G_max of 0 uS"),
    (np.nan, 0.05, "a G_max of nan uS"), (1e6, 0.05, "no level lies far enough")])
def test_what_makes_no_sense_is_refused(g_max: float, window: float, message: str) -> None:
    with pytest.raises(ProfileError, match=message):
        stuck_rates(cells(), g_max, window)


def test_hardly_a_measured_cell_is_stuck_over_five_programmings() -> None:
    """Counted by hand-written loops over the bakes: cells of levels whose targets lie between."""
    for technology, g_max in (("A", 240.0), ("B", 128.0)):
        read = bakes(technology)
        rates = stuck_rates(read, g_max)
        table = np.full((65_536 * 2, 10), np.nan)
        seen = np.zeros(len(table), dtype=int)
        for cell, g in zip(read.cell.tolist(), read.g_uS.tolist(), strict=True):
            table[cell, seen[cell]] = g
            seen[cell] += 1
        target = (np.arange(len(table)) // (1 if technology == "A" else 2) % 32 + 0.5) / 32
        full = seen == 10
        assert rates.low.n_stuck == (full & (table.max(axis=1) <= 0.05 * g_max) & (target > 0.1)).sum()
        assert rates.high.n_stuck == (full & (table.min(axis=1) >= 0.95 * g_max) & (target < 0.9)).sum()
        assert rates.median_readings == 10 and rates.low.probability < 1e-3 and rates.high.probability < 1e-3
