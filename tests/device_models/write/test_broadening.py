"""Relaxation after a write: closed forms, and the measured array A (half of the cells fit, the other half judge)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from device_models.write.broadening import Broadening
from device_models.write.loops import SinglePulse
from device_models.write.oneshot import OneShotCells
from device_models.write.port import Array
from device_models.write.report import write_levels
from device_models.write.setup import Setup
from tests.device_models.write.profiles import TARGETS_uS, from_cells, relaxing, technology_a, technology_b

TOLERANCE_uS = 3.75  # half the distance of A's levels


def test_moments_are_what_the_spreads_add() -> None:
    model = Broadening.from_profile(relaxing(1.0, {1.0: np.hypot(1, 2), 100.0: np.hypot(1, 4)}))
    assert model is not None
    age = np.array([0.0, 0.25, 1.0, 10.0, 100.0, 1e6])
    mean, variance = model.moments(np.full(6, 20.0), age)
    np.testing.assert_allclose(mean, 0, atol=1e-9)
    np.testing.assert_allclose(variance, [0, 1, 4, 10, 16, 16], atol=1e-6)  # linear in time below 1 s


def test_a_cell_that_was_never_verified_has_the_aged_spread() -> None:
    profile = relaxing(1.0, {1.0: 1.5, 1e4: 3.0})
    target = np.full(20_000, 20.0)
    cells = OneShotCells(profile, target, 5)
    SinglePulse(1.0).run(cells, target)
    for wait_s, sd in ((1.0, 1.5), (1e4 - 1, 3.0)):
        cells.wait(wait_s)
        assert stats.kstest(cells.conductance_uS(), stats.norm(20, sd).cdf).pvalue > 0.01


def test_waiting_twice_is_waiting_once() -> None:
    profile = relaxing(1.0, {1.0: 1.5, 1e4: 3.0})
    target, sds = np.full(20_000, 20.0), []
    for waits in ((1e4,), (0.3, 5.0, 1e4 - 5.3)):
        cells = OneShotCells(profile, target, 5)
        SinglePulse(1.0).run(cells, target)
        for wait_s in waits:
            cells.wait(wait_s)
        sds.append(cells.conductance_uS().std())
    assert sds[0] == pytest.approx(sds[1], rel=0.02)


@pytest.fixture(scope="module")
def half_b(shared_data: Path) -> tuple[Setup, dict[float, Array], Array]:
    """R-V-W on a profile of half a; of half b the conductance by time [cells of every time] and the level."""
    cells = technology_a(shared_data)
    fitted, judge = cells.half("a"), cells.half("b")
    times = (0.0, 1.0, 1e4)
    rows = [{int(c): (g, lv) for c, g, lv in zip(judge.cell[judge.time_s == t], judge.g_uS[judge.time_s == t],
                                                 judge.level[judge.time_s == t], strict=True)} for t in times]
    whole = sorted(set.intersection(*(set(row) for row in rows)))
    level = np.array([rows[0][c][1] for c in whole])
    g = {t: np.array([row[c][0] for c in whole]) for t, row in zip(times, rows, strict=True)}
    return Setup(from_cells(fitted), "rvw", TOLERANCE_uS), g, level


def test_the_spread_after_verify_broadens_as_measured(half_b: tuple[Setup, dict[float, Array], Array]) -> None:
    """Verified in the data: cells that lay within the tolerance at first. In the model: R-V-W with that tolerance."""
    setup, measured, level = half_b
    target = TARGETS_uS[level]
    passed = abs(measured[0.0] - target) <= TOLERANCE_uS
    for time_s in (1.0, 1e4):
        report = write_levels(setup.cells, setup.build(), setup.levels_uS, 200, time_s)
        assert report.relaxed_uS is not None
        model = np.array([_sd(row - t) for row, t in zip(report.relaxed_uS, TARGETS_uS, strict=True)])
        data = np.array([_sd((measured[time_s] - target)[passed & (level == i)]) for i in range(32)])
        verified = np.array([_sd(row) for row in report.written_uS])
        assert data.mean() > 1.5 * verified.mean()  # what verify gained is mostly lost
        assert model.mean() == pytest.approx(data.mean(), rel=0.06)
        assert np.corrcoef(model, data)[0, 1] > 0.7  # level by level: the low ones broaden most


def test_cells_that_pass_again_a_second_later_broaden_less(half_b: tuple[Setup, dict[float, Array], Array]) -> None:
    setup, measured, level = half_b
    target = TARGETS_uS[level]
    once = abs(measured[0.0] - target) <= TOLERANCE_uS
    twice = once & (abs(measured[1.0] - target) <= TOLERANCE_uS)
    aim = np.repeat(TARGETS_uS, 200)
    cells = setup.cells(aim)
    setup.build().run(cells, aim)
    cells.wait(1.0)
    stayed = abs(cells.conductance_uS() - aim) <= TOLERANCE_uS
    assert stayed.mean() == pytest.approx(twice.sum() / once.sum(), abs=0.05)
    cells.wait(1e4 - 1)
    final, levels = cells.conductance_uS() - aim, np.repeat(np.arange(32), 200)
    off = measured[1e4] - target
    data = [np.mean([_sd(off[group & (level == i)]) for i in range(32)]) for group in (once, twice)]
    model = [np.mean([_sd(final[group & (levels == i)]) for i in range(32)]) for group in (stayed | True, stayed)]
    assert model[1] / model[0] == pytest.approx(data[1] / data[0], rel=0.15)
    assert data[1] < data[0]


def test_technology_b_broadens_less_than_the_model_says(shared_data: Path) -> None:
    """A limit that docs/programming.md states: cells of B that could not be written well relax more than the others."""
    cells = technology_b(shared_data)
    fitted, judge = cells.half("a"), cells.half("b")
    targets = TARGETS_uS * 128 / 240
    setup = Setup(from_cells(fitted, targets), "rvw", 2.0)
    report = write_levels(setup.cells, setup.build(), setup.levels_uS, 200, 1e4)
    assert report.relaxed_uS is not None
    first = dict(zip(judge.cell[judge.time_s == 0].tolist(), judge.g_uS[judge.time_s == 0].tolist(), strict=True))
    late = judge.time_s == 1e4
    off = judge.g_uS[late] - targets[judge.level[late]]
    start = np.array([first.get(c, np.nan) for c in judge.cell[late].tolist()])
    passed = abs(start - targets[judge.level[late]]) <= 2.0
    data = np.mean([_sd(off[passed & (judge.level[late] == i)]) for i in range(32)])
    model = np.mean([_sd(row - t) for row, t in zip(report.relaxed_uS, targets, strict=True)])
    assert 1.1 < model / data < 1.5


def _sd(x: Array) -> float:
    low, high = np.quantile(x, [0.158655, 0.841345])
    return float(high - low) / 2
