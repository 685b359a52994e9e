"""Orders of rows: a heuristic for any size, and an exact search that judges it on small ones."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from host_tools.errors import HostError
from host_tools.mapping.rows.cost import F64, group_of, order_cost

Order = npt.NDArray[np.int64]
STARTS = 24
EXACT_ROWS = 12
TINY = 1e-12


def reorder(q: F64, rows_active: int, seed: int = 0, starts: int = STARTS) -> Order:
    """An order of low cost for pair costs q [K, K]: the best of several descents by swapping two rows.

    The first descent starts from the rows as they are, so the result is never worse. Every swap taken is the best of
    all (Kernighan and Lin's gain, 1970); a descent ends where none helps.
    """
    rng = np.random.default_rng(seed)
    rows = np.arange(len(q))
    firsts = [rows, *(rng.permutation(rows) for _ in range(starts - 1))]
    found = [_descend(q, first, rows_active) for first in firsts]
    return min(found, key=lambda order: order_cost(q, order, rows_active))


def _descend(q: F64, order: npt.NDArray[np.integer], rows_active: int) -> Order:
    group = group_of(order, rows_active)
    apart = q + q.T - np.diag(2 * np.diag(q))  # symmetric, no cost of a row with itself
    member = np.eye(group.max() + 1)[group]
    rows, scale = np.arange(len(q)), TINY * max(float(np.abs(apart).sum()), 1.0)
    while True:
        to_group = apart @ member  # [K, groups]: what each row would pay in each group
        gain = to_group[:, group] - to_group[rows, group][:, None]  # row a to the group of row b
        change = gain + gain.T - 2 * apart
        change[group[:, None] == group[None, :]] = 0
        a, b = np.unravel_index(change.argmin(), change.shape)
        if change[a, b] > -scale:
            return np.argsort(group, kind="stable")
        group[[a, b]] = group[[b, a]]
        member[[a, b]] = member[[b, a]]


def exact_order(q: F64, rows_active: int) -> Order:
    """The order of least cost, by trying every way to form the groups. HostError above EXACT_ROWS rows."""
    if len(q) > EXACT_ROWS:
        raise HostError(f"exact order: {len(q)} rows given, expected at most {EXACT_ROWS}")
    best, least = np.arange(len(q)), np.inf
    short = len(q) % rows_active
    cost = {}
    for order in _partitions(tuple(range(len(q))), rows_active, short):
        total = 0.0
        for group in order:
            if group not in cost:
                cost[group] = float(q[np.ix_(group, group)].sum())
            total += cost[group]
        if total < least:
            full = [g for g in order if len(g) == rows_active] + [g for g in order if len(g) < rows_active]
            best, least = np.array([k for g in full for k in g]), total
    return best


def _partitions(rows: tuple[int, ...], size: int, short: int) -> Iterator[list[tuple[int, ...]]]:
    """Every way to part rows in groups of `size`, and one of `short` if that is not 0."""
    from itertools import combinations

    if not rows:
        yield []
        return
    head, rest = rows[0], rows[1:]
    for length in {size, short} - {0} if len(rows) >= size else {short}:
        for others in combinations(rest, length - 1):
            left = tuple(k for k in rest if k not in others)
            for tail in _partitions(left, size, 0 if length == short != size else short):
                yield [(head, *others), *tail]
