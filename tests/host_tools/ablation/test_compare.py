"""Paired comparison: against Student's interval where it holds, and at the edges."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from host_tools.ablation.compare import paired
from host_tools.errors import HostError


def test_the_interval_is_students_for_normal_differences() -> None:
    rng = np.random.default_rng(0)
    common = rng.normal(90, 5, 200)  # chips differ far more than the two variants do on one
    a, b = common + rng.normal(0.5, 0.3, 200), common
    found = paired("a", a.tolist(), "b", b.tolist())
    low, high = stats.t.interval(0.95, 199, np.mean(a - b), stats.sem(a - b))
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.01)
    assert found.mean == pytest.approx(np.mean(a) - np.mean(b))
    assert "a less b: +0." in str(found)


def test_equal_differences_have_no_width() -> None:
    found = paired("a", [2.0, 3.0, 4.0], "b", [1.0, 2.0, 3.0])
    assert (found.mean, found.low, found.high) == (1.0, 1.0, 1.0)


def test_one_chip_or_other_chips_are_refused() -> None:
    for b in ([1.0], [1.0, 2.0]):
        with pytest.raises(HostError, match="expected the same, at least 2$"):
            paired("a", [1.0], "b", b)
