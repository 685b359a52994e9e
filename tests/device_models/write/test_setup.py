"""Settings that cannot be are refused in one line that says what was given and what was expected."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from device_models import presets
from device_models.errors import ProfileError
from device_models.write.report import write_levels
from device_models.write.setup import Setup


@pytest.mark.parametrize(("settings", "said"), [
    ({"algorithm": "magic"}, "algorithm: 'magic' is not one of igvva, ispva, rvw, single, multipass"),
    ({"model": "magic"}, "model: 'magic' is not one of statistical"),
    ({"tolerance_uS": 0.0}, "tolerance: 0 uS is not > 0"),
    ({"tolerance_uS": float("nan")}, "tolerance: nan uS is not > 0"),
    ({"max_pulses": 0}, "max-pulses: 0 is not 1 to 100000"),
    ({"passes": 0}, "passes: 0 is not 1 to 100"),
    ({"reads": 0}, "reads: 0 is not 1 to 1000"),
    ({"levels": (100.0,)}, "levels: 100 uS alone is one level"),
    ({"levels": (100.0, 60.0)}, "levels: 100, 60 uS do not rise"),
    ({"levels": (100.0, float("inf"))}, "levels: inf uS is not > 0"),
    ({"levels": (40.0, 100.0)}, "40 uS is not within 50 to 225 uS"),
    ({"step_V": 0.0}, "gate step: 0 V is not > 0"),
    ({"early_uS": -1.0}, "early: -1 uS is not >= 0"),
    ({"model": "one-shot"}, "algorithm igvva: one-shot cells have no gate"),
    ({"algorithm": "rvw", "model": "pulse-response"}, "pulse_response: absent"),
])
def test_bad_settings(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ProfileError) as error:
        Setup(presets.load("milo-hfo2"), **{"algorithm": "igvva", **settings})
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_outside_is_allowed_when_told() -> None:
    setup = Setup(presets.load("milo-hfo2"), "igvva", levels=(40.0, 100.0), outside=True)
    report = write_levels(setup.cells, setup.build(), setup.levels_uS, 50)
    assert report.levels[0].mean_uS == pytest.approx(45, abs=10)


@pytest.mark.parametrize("cells", [0, 1, 10**9])
def test_too_few_and_too_many_cells(cells: int) -> None:
    setup = Setup(presets.load("milo-hfo2"), "single")
    with pytest.raises(ProfileError, match=f"cells: {cells} of each of 9 levels is not 2 to 222222"):
        write_levels(setup.cells, setup.build(), setup.levels_uS, cells)


@pytest.mark.parametrize("algorithm", ["igvva", "ispva", "rvw", "single", "multipass"])
def test_every_algorithm_runs_on_physical_cells(algorithm: str) -> None:
    setup = Setup(presets.load("milo-hfo2"), algorithm, model="filament", levels=(80.0, 140.0), max_pulses=60)  # type: ignore[arg-type]
    report = write_levels(setup.cells, setup.build(), setup.levels_uS, 40)
    low, high = report.levels
    assert low.mean_uS < high.mean_uS
    assert report.energy_pJ is not None
    assert report.energy_pJ > 0


def test_rvw_on_a_measured_pulse_response_needs_more_than_one_read() -> None:
    """With one noisy read a cell that comes by small steps stops at the first lucky read, short of its target."""
    short = []
    for reads in (1, 9):
        setup = Setup(presets.load("gong-reram"), "rvw", 2.0, reads=reads, max_pulses=3000, levels=(28.125, 71.875))
        report = write_levels(setup.cells, setup.build(), setup.levels_uS, 60)
        short.append(np.mean([abs(row.mean_uS - row.target_uS) for row in report.levels]))
        assert report.failed_percent == 0
    assert short[0] > 2 * short[1]
