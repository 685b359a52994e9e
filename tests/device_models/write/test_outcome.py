"""What was written is a profile: it compiles, and a board that draws it has the reported cells."""

from __future__ import annotations

import numpy as np
import pytest

from device_models import presets
from device_models.compile import compile_profile
from device_models.draws import draw_cells
from device_models.profile import DeviceProfile
from device_models.write.outcome import outcome
from device_models.write.report import WriteReport, write_levels
from device_models.write.setup import Setup
from tests.device_models.documents import EVIDENCE, document
from tests.device_models.write.profiles import relaxing

DRAWN = 50_000


def written(source: DeviceProfile, algorithm: str, relax_s: float = 0.0,
            **more: object) -> tuple[WriteReport, DeviceProfile]:
    """A report and the profile that it becomes."""
    setup = Setup(source, algorithm, **more)  # type: ignore[arg-type]
    report = write_levels(setup.cells, setup.build(), setup.levels_uS, 2000, relax_s)
    return report, outcome(source, report, setup.timing, "mine", f"{algorithm}, seed 0")


def drawn(profile: DeviceProfile) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Cells as chip 1 draws them [L, DRAWN]."""
    levels = np.repeat(np.arange(profile.n_levels, dtype=np.uint8), DRAWN).reshape(-1, DRAWN)
    return draw_cells(compile_profile(profile), levels, seed=1, layer=0).uS


@pytest.mark.parametrize(("algorithm", "more"), [
    ("igvva", {}), ("ispva", {}), ("single", {}), ("single", {"model": "gate"}), ("rvw", {"tolerance_uS": 1.5})])
def test_a_board_draws_what_was_written(algorithm: str, more: dict[str, object]) -> None:
    report, profile = written(presets.load("milo-hfo2"), algorithm, **more)
    again = DeviceProfile.from_json(profile.to_json())
    assert again == profile
    for cells, row in zip(drawn(again), report.levels, strict=True):
        assert cells.mean() == pytest.approx(row.mean_uS, abs=0.02 * row.sd_uS + 0.05)
        assert cells.std() == pytest.approx(row.sd_uS, rel=0.03)
    assert profile.programming_cost is not None
    assert profile.programming_cost.pulses == pytest.approx(report.pulses)
    assert profile.programming_cost.energy_pJ is None  # the source gives none
    assert algorithm in profile.programming.evidence.note
    assert "milo-hfo2" in profile.programming.evidence.source


def test_relaxed_cells_become_relaxation() -> None:
    source = relaxing(1.0, {1.0: 2.0, 1e4: 3.0})
    report, profile = written(source, "rvw", 1e4, tolerance_uS=0.5)
    assert profile.relaxation is not None
    assert [aged.time_s for aged in profile.relaxation.aged] == [1e4]
    aged = profile.model_copy(update={"programming": profile.relaxation.aged[0].spread})
    for cells, row in zip(drawn(aged), report.levels, strict=True):
        assert row.relaxed_sd_uS == pytest.approx(np.hypot(row.sd_uS, np.sqrt(3.0**2 - 1)), rel=0.06)
        assert cells.std() == pytest.approx(row.relaxed_sd_uS, rel=0.03)


def test_other_levels_bring_their_read_noise() -> None:
    noise = {"absolute_uS": {"value": [1.0, 2.0, 4.0], "evidence": EVIDENCE}}
    source = DeviceProfile.from_dict(document(read_noise=noise))
    _, profile = written(source, "single", levels=(10.0, 15.0, 30.0, 40.0))
    assert profile.levels.conductance_uS == (10.0, 15.0, 30.0, 40.0)
    assert profile.read_noise.absolute_uS is not None
    assert profile.read_noise.absolute_uS.value == (1.0, 1.5, 3.0, 4.0)
    compile_profile(profile)
