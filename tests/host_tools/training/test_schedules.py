"""The learning rate's one cycle at its corners, and through Keras' serialisation."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the host extra")

from host_tools.training.schedules import OneCycle


def test_the_cycle_rises_to_its_peak_and_ends_near_zero() -> None:
    rate = OneCycle(0.01, 1000, warm_share=0.25, start_share=0.04)
    values = np.array([float(rate(step)) for step in range(0, 1001, 25)])
    assert (
        values[0] == pytest.approx(0.0004) and values[10] == pytest.approx(0.01) and values[-1] == pytest.approx(1e-6)
    )
    assert np.all(np.diff(values[:11]) > 0) and np.all(np.diff(values[10:]) < 0)
    assert float(rate(625)) == pytest.approx(0.01 * (1e-4 + (1 - 1e-4) / 2), rel=1e-3), (
        "half a cosine is half way in the middle"
    )


def test_it_survives_serialisation() -> None:
    rate = OneCycle(0.01, 77)
    assert OneCycle.from_config(rate.get_config()).get_config() == rate.get_config()
