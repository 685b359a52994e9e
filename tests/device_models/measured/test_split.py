"""The halves: SplitMix64 against its published output, and that no level, parity or block leans to one side."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest, chi2

from device_models.measured.split import half_of, splitmix64
from tests.device_models.measured.files import array


@pytest.mark.parametrize(("seed", "output"), [(0, 0xE220A8397B1DCDAF), (1234567, 6457827717110365317)])
def test_hash_is_the_published_generator(seed: int, output: int) -> None:
    """The first outputs of the reference implementation for these seeds."""
    assert int(splitmix64(np.array([seed]))[0]) == output


def test_half_does_not_depend_on_the_rows_around() -> None:
    cells = np.arange(1000, dtype=np.int64)
    assert np.array_equal(half_of(cells)[::-7], half_of(cells[::-7]))


def test_halves_have_alike_parities_blocks_and_levels() -> None:
    cells = np.arange(80_000, 96_384, dtype=np.int64)
    half = half_of(cells)
    assert binomtest(int(half.sum()), len(half)).pvalue > 1e-3
    for groups in (cells % 2, cells % 32, (cells - 80_000) // 512):
        n, k = np.bincount(groups), np.bincount(groups, half)
        n, k = n[n > 0], k[n > 0]
        statistic = ((k - n / 2) ** 2 / (n / 4)).sum()
        assert 1e-3 < chi2.sf(statistic, len(n)) < 1 - 1e-3


def test_both_halves_are_all_cells_and_share_none() -> None:
    cells = array("A")
    a, b = cells.half("a"), cells.half("b")
    assert len(a) + len(b) == len(cells) and a.n_cells + b.n_cells == cells.n_cells == 16_384
    assert not np.intersect1d(a.cell, b.cell).size
