"""Confusion of levels against counts by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from device_models.check.confusion import bin_edges, measured_shares, model_shares, total_variation
from device_models.distributions import Normal


def test_bins_meet_halfway() -> None:
    assert bin_edges(np.array([10.0, 20, 60])).tolist() == [15, 40]


def test_cells_are_counted_in_their_bins() -> None:
    shares = measured_shares(np.array([1.0, 14.9, 15.0, 15.1, 39, 40, 41, 500]), np.array([15.0, 40]))
    assert shares.tolist() == [3 / 8, 3 / 8, 2 / 8]  # an edge belongs to the lower bin, as P(G <= edge) has it
    assert measured_shares(np.array([50.0]), np.array([15.0, 40])).tolist() == [0, 0, 1]


def test_a_law_has_its_probability_in_each_bin() -> None:
    law = stats.norm(22, 9)
    expected = [law.cdf(15), law.cdf(40) - law.cdf(15), law.sf(40)]
    np.testing.assert_allclose(model_shares(Normal(22, 9), np.array([15.0, 40])), expected)


def test_total_variation_by_hand() -> None:
    a, b = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.3, 0.5])
    assert total_variation(a, b) == pytest.approx(0.3)
    assert total_variation(a, a) == 0
    assert total_variation(np.array([1.0, 0]), np.array([0, 1.0])) == 1
