"""Groups of cells by level and time, against tables made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from device_models.errors import ProfileError
from device_models.fit.groups import MAX_TIMES, MIN_CELLS, enough, group
from device_models.measured.cells import MeasuredCells
from tests.device_models.fit.tables import groups


def made(rows: list[tuple[int, int, float, float]]) -> MeasuredCells:
    cell, level, time, g = zip(*rows, strict=True)
    return MeasuredCells("by hand", np.array(cell), np.array(level), np.array(time, dtype=float), np.array(g))


def test_every_reading_is_in_the_group_of_its_level_and_time() -> None:
    some = group(made([(7, 4, 0, 40.0), (3, 1, 0, 10.0), (9, 4, 0, 41.0), (3, 1, 100, 11.0), (7, 4, 100, 42.0),
                       (5, 1, 100, 12.0)]))
    assert (some.source, some.levels, some.times_s) == ("by hand", (1, 4), (0.0, 100.0))
    assert [[x.tolist() for x in row] for row in some.values] == [[[10], [11, 12]], [[40, 41], [42]]]
    assert [[x.tolist() for x in row] for row in some.cells] == [[[3], [3, 5]], [[7, 9], [7]]]
    assert some.medians(0).tolist() == [10, 40.5]
    assert some.medians(1).tolist() == [11.5, 42]


def test_some_cells_are_chosen_by_their_number() -> None:
    odd = group(made([(1, 0, 0, 10.0), (2, 0, 0, 11.0), (3, 1, 0, 20.0), (4, 1, 0, 21.0)])).where(lambda c: c % 2 == 1)
    assert [[x.tolist() for x in row] for row in odd.values] == [[[10]], [[20]]]
    assert [[x.tolist() for x in row] for row in odd.cells] == [[[1]], [[3]]]


def test_one_level_is_refused() -> None:
    with pytest.raises(ProfileError, match=r"^by hand: one level only \(5\), expected at least 2$"):
        group(made([(1, 5, 0, 10.0), (2, 5, 0, 11.0)]))


def test_clock_times_are_no_nominal_ones() -> None:
    rows = [(i, i % 2, float(i), 10.0) for i in range(MAX_TIMES)]
    assert len(group(made(rows)).times_s) == MAX_TIMES
    with pytest.raises(ProfileError, match="^by hand: 65 different times, expected at most 64 nominal ones: name the "
                                           "column of nominal times$"):
        group(made([*rows, (64, 0, 64.0, 10.0)]))


def test_few_cells_at_programming_are_refused_and_later_their_time_is_left_out() -> None:
    counts = np.array([[MIN_CELLS, 50, MIN_CELLS - 1, 30], [40, 31, 60, 30]])
    some = groups([[np.full(n, 10.0 + level) for n in row] for level, row in enumerate(counts)], (0, 1, 10, 100))
    kept = enough(some)
    assert kept.times_s == (0, 1, 100)
    assert [[len(x) for x in row] for row in kept.values] == [[len(x) for x in row] for row in kept.cells] == [
        [MIN_CELLS, 50, 30], [40, 31, 30]]
    with pytest.raises(ProfileError, match="^made: level 1 has 29 cells at 0 s, expected at least 30$"):
        enough(groups([[np.full(30, 10.0)], [np.full(29, 20.0)]]))
