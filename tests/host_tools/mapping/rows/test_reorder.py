"""Orders of rows: the heuristic against an exact search, and that against an integer program of SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

from host_tools.errors import HostError
from host_tools.mapping.rows.cost import group_of, order_cost
from host_tools.mapping.rows.reorder import exact_order, reorder


def costs(rows: int, seed: int) -> np.ndarray:
    """Pair costs of correlated inputs: symmetric, rising with activity."""
    rng = np.random.default_rng(seed)
    x = np.maximum(rng.normal(size=(50, rows)) + rng.normal(size=(50, 3)) @ rng.normal(size=(3, rows)), 0)
    return np.asarray(x.T @ x / 50)


def least_by_program(q: np.ndarray, size: int) -> float:
    """The least cost of groups of `size`: y_klg >= z_kg + z_lg - 1 for binary z."""
    n = len(q)
    groups = -(-n // size)
    pairs = [(k, m) for k in range(n) for m in range(k)]
    count = n * groups + len(pairs) * groups
    c, rows, low = np.zeros(count), [], []
    for p, (k, m) in enumerate(pairs):
        for g in range(groups):
            y = n * groups + p * groups + g
            c[y] = q[k, m] + q[m, k]
            row = np.zeros(count)
            row[[y, k * groups + g, m * groups + g]] = [1, -1, -1]
            rows.append(row)
            low.append(-1.0)
    one, full = np.zeros((n, count)), np.zeros((groups, count))
    for k in range(n):
        one[k, k * groups : (k + 1) * groups] = 1
        full[range(groups), k * groups + np.arange(groups)] = 1
    sizes = np.array([min(size, n - g * size) for g in range(groups)], float)
    constraints = [LinearConstraint(np.array(rows), np.array(low), np.inf), LinearConstraint(one, 1, 1),
                   LinearConstraint(full, sizes, sizes)]  # fmt: skip
    found = milp(c, constraints=constraints, integrality=np.ones(count), bounds=Bounds(0, 1))
    assert found.success
    return float(found.fun + np.trace(q))


@pytest.mark.parametrize(("rows", "size"), [(6, 3), (7, 3), (8, 4), (5, 2), (4, 4), (5, 8)])
def test_the_exact_search_is_that_of_an_integer_program(rows: int, size: int) -> None:
    q = costs(rows, rows)
    order = exact_order(q, size)
    assert sorted(order) == list(range(rows))
    assert order_cost(q, order, size) == pytest.approx(least_by_program(q, size))


@pytest.mark.parametrize(("rows", "size"), [(12, 4), (12, 3), (11, 4), (10, 5)])
def test_the_heuristic_comes_within_one_per_cent_of_the_best(rows: int, size: int) -> None:
    for seed in range(3):
        q = costs(rows, seed)
        order, best = reorder(q, size, seed), exact_order(q, size)
        assert sorted(order) == list(range(rows))
        assert order_cost(q, order, size) <= 1.01 * order_cost(q, best, size)
        assert order_cost(q, np.arange(rows), size) > order_cost(q, best, size)


def test_it_is_never_worse_than_the_rows_as_they_are_and_depends_on_the_seed_alone() -> None:
    q = costs(30, 1)
    orders = [reorder(q, 4, 7, starts=1) for _ in range(2)]
    np.testing.assert_array_equal(*orders)
    assert order_cost(q, orders[0], 4) < order_cost(q, np.arange(30), 4)


def test_the_cost_is_that_of_the_groups_one_by_one() -> None:
    q, order = costs(7, 2), np.array([4, 2, 0, 6, 1, 3, 5])
    expected = sum(q[np.ix_(g, g)].sum() for g in (order[:3], order[3:6], order[6:]))
    assert order_cost(q, order, 3) == pytest.approx(expected)
    assert group_of(order, 3).tolist() == [0, 1, 0, 1, 0, 2, 1]


def test_too_many_rows_for_an_exact_search_are_refused() -> None:
    with pytest.raises(HostError, match="13 rows given, expected at most 12"):
        exact_order(np.eye(13), 4)
