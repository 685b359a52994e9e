"""Chips of measured cells: their levels hold the means and spreads of the cells themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("click", reason="needs the host extra")

from device_models.compile import programming_distribution
from device_models.measured.cells import MeasuredCells
from device_models.profile import DeviceProfile
from host_tools.reproduce.measured import FILE, from_cells, unseen_half

SHARED = Path(__file__).parents[4] / "shared" / "data"


def test_the_quantiles_are_those_of_the_cells_of_each_level() -> None:
    rng = np.random.default_rng(0)
    level = np.repeat([0, 16, 31], 4000)
    g = np.exp(rng.normal(np.log([4.0, 60.0, 120.0])[np.repeat([0, 1, 2], 4000)], 0.2))
    cells = MeasuredCells("made", np.arange(12000), level, np.zeros(12000), g, None, ())
    profile = from_cells(DeviceProfile.load("techB"), cells, (2.0, 66.0, 126.0))
    assert profile.levels.conductance_uS == (2.0, 66.0, 126.0) and profile.name == "techB-half-b"
    for i, own in enumerate((0, 16, 31)):
        spread = programming_distribution(profile, i)
        assert spread.mean == pytest.approx(g[level == own].mean(), rel=0.01)
        assert spread.var**0.5 == pytest.approx(g[level == own].std(), rel=0.03)


def test_technology_b_is_as_wide_as_was_found() -> None:
    if not (SHARED / FILE).exists():
        pytest.skip(f"{FILE} is not beside this checkout")
    profile = unseen_half(SHARED)
    mean = [programming_distribution(profile, i).mean for i in range(10)]
    relative = [programming_distribution(profile, i).var ** 0.5 / mean[i] for i in range(10)]
    assert mean[0] == pytest.approx(29.5, abs=4) and mean[-1] == pytest.approx(113.5, abs=3)  # of all cells together
    assert relative[0] == pytest.approx(1.5, abs=0.15) and 0.05 < min(relative) < 0.2
