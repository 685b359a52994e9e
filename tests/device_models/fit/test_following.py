"""Later readings from the first: cells that all move by one law, and cells whose levels move each in its own way."""

from __future__ import annotations

import numpy as np
from scipy import stats

from device_models.fit.choice import choose
from device_models.fit.following import followed
from device_models.fit.groups import Groups

TARGETS = np.array([20.0, 40.0, 60.0, 80.0, 100.0, 120.0])
CELLS = 300


ALIKE, APART = (2.0,) * 6, (1.0, 9.0, 2.0, 14.0, 0.5, 6.0)  # uS: deviation of the levels' first readings


def table(own_way: float, sd: tuple[float, ...] = ALIKE) -> Groups:
    """G(0) normal; G(1 s) = 0.9 G(0) + own_way * (-1)^level + 4 uS of noise. Every fifth cell is not read later."""
    rng = np.random.default_rng(3)
    cells, first, later, seen = [], [], [], []
    for level, target in enumerate(TARGETS):
        g = target + sd[level] * rng.standard_normal(CELLS)
        moved = 0.9 * g + own_way * (-1) ** level + 4 * rng.standard_normal(CELLS)
        names = np.arange(CELLS) + 10_000 * level
        read = names % 5 > 0
        cells.append(names)
        first.append(g)
        later.append(moved[read])
        seen.append(names[read])
    values = tuple((a, b) for a, b in zip(first, later, strict=True))
    return Groups("made up", tuple(range(len(TARGETS))), (0.0, 1.0), values, tuple(zip(cells, seen, strict=True)))


def moved_by(groups: Groups, by_uS: np.ndarray) -> Groups:
    """The same cells with every level elsewhere, above zero."""
    values = tuple(tuple(np.maximum(x + d, 0.1) for x in row) for row, d in zip(groups.values, by_uS, strict=True))
    return Groups(groups.source, groups.levels, groups.times_s, values, groups.cells)


def distances(groups: Groups) -> list[float]:
    """Kolmogorov-Smirnov distance of each level's later values from the law that made them."""
    return [float(stats.kstest(row[1], stats.norm(0.9 * t, np.hypot(1.8, 4)).cdf).statistic)
            for t, row in zip(TARGETS, groups.values, strict=True)]


def test_followed_readings_are_nearer_to_the_law_than_the_readings_themselves() -> None:
    groups = table(own_way=0.0)
    assert np.mean(distances(followed(groups))) < 0.8 * np.mean(distances(groups))


def test_first_readings_and_sizes_stay() -> None:
    groups = table(own_way=0.0)
    other = followed(groups)
    assert [len(x) for row in other.values for x in row] == [len(x) for row in groups.values for x in row]
    assert all(a[0] is b[0] for a, b in zip(other.values, groups.values, strict=True))
    assert other.cells is groups.cells


def test_held_out_cells_decide() -> None:
    assert choose(table(own_way=0.0, sd=APART), TARGETS).pooling.follow
    one_place = np.full(len(TARGETS), 20.0)  # all levels in one place, and every second one moves the other way
    assert not choose(moved_by(table(own_way=6.0), 20 - TARGETS), one_place).pooling.follow


def test_conductances_stay_above_zero() -> None:
    low = moved_by(table(own_way=0.0), 3 - TARGETS)
    assert min(x.min() for row in followed(low).values for x in row) >= 0
