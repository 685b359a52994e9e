"""The law of log time against cells that move by a known amount with every decade."""

from __future__ import annotations

import numpy as np
import pytest

from device_models.fit.relaxation import log_time_law
from tests.device_models.fit.tables import generator, groups

TIMES = (0.0, 0.1, 1.0, 100.0, 1e4)
DECADES = np.log10(TIMES[1:])
N = 60


def moving(mean: float, sd: float, start: float) -> list[np.ndarray]:
    """Cells at TIMES: G - G(0) has the mean 3 + mean per decade and the deviation 9 + sd per decade, exactly."""
    z = generator(1).normal(size=N)
    z = (z - z.mean()) / z.std()
    first = start + generator(2).normal(size=N) * 20  # its own spread says nothing of the movement
    return [first, *(first + 3 + mean * d + (9 + sd * d) * z for d in DECADES)]


def test_known_slopes_are_found() -> None:
    law = log_time_law(groups([moving(-1.5, 0.8, 200), moving(0.25, 2.0, 300)], TIMES))
    assert law is not None
    assert (law.from_s, law.to_s) == (0.1, 1e4)
    assert law.mean_per_decade_uS == pytest.approx((-1.5, 0.25), abs=1e-3)
    assert law.sd_per_decade_uS == pytest.approx((0.8, 2.0), rel=1e-3)


def test_a_cell_is_its_own_reference() -> None:
    """Cells that were not read at programming, and cells that were not read later, do not count."""
    rows = [moving(-1.5, 0.8, 200), moving(0.25, 2.0, 300)]
    law = log_time_law(groups(rows, TIMES))
    rows[0] = [rows[0][0], *(np.append(later, [900.0, 950.0]) for later in rows[0][1:])]
    rows[1] = [np.append(rows[1][0], [900.0]), *rows[1][1:]]
    assert log_time_law(groups(rows, TIMES)) == law


def test_two_times_after_programming_are_needed() -> None:
    rows = [moving(1, 1, 100), moving(1, 1, 200)]
    assert log_time_law(groups([row[:2] for row in rows], TIMES[:2])) is None
    assert log_time_law(groups([row[:3] for row in rows], TIMES[:3])) is not None
    assert log_time_law(groups([row[1:] for row in rows], TIMES[1:])) is None  # nothing was read at programming
