"""IGVVA and ISPVA: Milo's published deviations and order; the rules of the ramps on cells that can be computed."""

from __future__ import annotations

import numpy as np
import pytest

from device_models import presets
from device_models.errors import ProfileError
from device_models.write.calibrate import measure
from device_models.write.gate import GateCells, GateModel
from device_models.write.port import Array, BoolArray, Pulse
from device_models.write.ramps import Igvva, Ispva, Reset
from device_models.write.report import WriteReport, write_levels
from device_models.write.setup import Setup

LEVELS_uS = np.linspace(50, 225, 9)
MILO_uS = 4.782321 - 0.009107 * LEVELS_uS  # CrossSim's fit to Fig. 4 of Milo, IRPS 2021: facts.md


def run(algorithm: str, seed: int = 0, **settings: float) -> WriteReport:
    """500 cells of milo-hfo2 a level."""
    setup = Setup(presets.load("milo-hfo2"), algorithm, seed=seed, **settings)  # type: ignore[arg-type]
    return write_levels(setup.cells, setup.build(), setup.levels_uS, 500)


def test_igvva_100_has_milos_deviation_on_every_level() -> None:
    reports = [run("igvva", seed) for seed in range(3)]
    sd = np.sqrt(np.mean([[row.sd_uS**2 for row in report.levels] for report in reports], axis=0))
    assert abs(sd - MILO_uS).max() < 0.25
    assert np.sqrt(np.mean((sd - MILO_uS) ** 2)) < 0.15
    assert all(report.failed_percent < 1 for report in reports)


def test_a_finer_gate_is_more_precise_and_slower_and_ispva_lies_between() -> None:
    coarse, fine, ispva = run("igvva"), run("igvva", step_V=0.01), run("ispva")
    for a, b, c in zip(fine.levels, ispva.levels, coarse.levels, strict=True):
        assert a.sd_uS < b.sd_uS < c.sd_uS
    assert fine.pulses > 5 * coarse.pulses
    assert max(row.pulses_max for row in fine.levels) <= 122  # Milo, TED 2021: 121 pulses; a RESET besides
    assert max(row.pulses_max for row in ispva.levels) <= 17  # 16 pulses; a RESET besides


def test_other_levels_and_seeds_are_other_cells() -> None:
    a, b = run("igvva", 0), run("igvva", 1)
    assert not np.array_equal(a.written_uS, b.written_uS)
    np.testing.assert_array_equal(a.written_uS, run("igvva", 0).written_uS)


class Staircase:
    """Cells without noise: a SET leaves 100 uS/V times the gate; 10 uS/V times the amplitude where there is none."""

    def __init__(self, size: int) -> None:
        self.size, self.g, self.pulses = size, np.zeros(size), list[Pulse]()

    def conductance_uS(self) -> Array:
        return self.g.copy()

    def read(self) -> Array:
        return self.g.copy()

    def apply(self, pulse: Pulse, where: BoolArray) -> Array:
        self.pulses.append(pulse)
        volt = 10 * pulse.amplitude_V if pulse.gate_V is None else 100 * pulse.gate_V
        self.g = np.where(where, 0.0 if pulse.polarity == "reset" else volt, self.g)
        return np.where(where, 2.0, 0.0)

    def wait(self, seconds: float) -> None:
        raise AssertionError("a ramp does not wait")


def test_a_ramp_stops_at_the_first_step_that_reaches_the_target() -> None:
    cells, target = Staircase(4), np.array([60.0, 75.0, 149.0, 500.0])
    tally = Igvva(5.0).run(cells, target)
    np.testing.assert_allclose(cells.g, [60.0, 80.0, 150.0, 170.0])
    np.testing.assert_array_equal(tally.pulses, [3, 5, 12, 14])  # a RESET, then 0.5, 0.6, ... V
    np.testing.assert_array_equal(tally.reads, tally.pulses - 1)
    np.testing.assert_array_equal(tally.within, [True, True, True, False])
    np.testing.assert_allclose(tally.energy_pJ, 2.0 * tally.pulses)
    assert {pulse.amplitude_V for pulse in cells.pulses[1:]} == {1.2}


def test_early_stops_below_the_target_and_max_pulses_counts_the_reset() -> None:
    cells = Staircase(1)
    Igvva(20.0, early_uS=12.0).run(cells, np.array([75.0]))
    np.testing.assert_allclose(cells.g, 70.0)  # 70 >= 75 - 12, 60 is not
    tally = Igvva(20.0, max_pulses=3).run(cells, np.array([150.0]))
    assert tally.pulses[0] == 3
    np.testing.assert_allclose(cells.g, 60.0)


def test_ispva_holds_the_gate_that_was_measured_for_the_target() -> None:
    table = measure(Staircase, np.array([0.5, 1.0, 1.5]), 1.2, 1e-6)
    np.testing.assert_allclose(table.gate_V(np.array([60.0, 120.0])), [0.6, 1.2])
    cells = Staircase(2)
    Ispva(5.0, table, reset=Reset(1.4, 2.0)).run(cells, np.array([60.0, 120.0]))
    np.testing.assert_allclose(cells.pulses[1].gate_V, [0.6, 1.2])  # type: ignore[arg-type]
    assert cells.pulses[0] == Pulse("reset", 1.4, 2.0, 1e-6)
    with pytest.raises(ProfileError, match=r"target: 200 uS is not within 50 to 150 uS"):
        table.gate_V(np.array([200.0]))


def test_the_gate_model_is_what_its_docstring_says() -> None:
    model = GateModel(pulse_share=0.0)
    n = 20_000
    everyone = np.ones(n, dtype=bool)
    cells = GateCells(model, n, seed=4)
    assert np.log(cells.conductance_uS()).std() == pytest.approx(model.hrs_deviation, rel=0.03)
    cells.apply(Pulse("set", 0.5, 1.3, 1e-6), everyone)  # below every SET voltage
    assert cells.conductance_uS().max() < 5 * model.hrs_uS
    cells.apply(Pulse("set", 1.2, 1.3, 1e-6), everyone)
    mean = model.hrs_uS + model.slope_uS_per_V * (1.3 - model.gate_threshold_V)
    narrow = 1 - model.narrowing * mean / model.full_scale_uS
    first = cells.conductance_uS()
    assert first.mean() == pytest.approx(mean + model.amplitude_uS_per_V * (1.2 - model.set_V), rel=0.005)
    over = model.amplitude_uS_per_V * model.set_deviation_V
    spread = np.sqrt(narrow**2 * (model.device_uS**2 + model.cycle_uS**2) + over**2)
    assert first.std() == pytest.approx(spread, rel=0.03)
    cells.apply(Pulse("reset", 1.5, None, 1e-6), everyone)
    cells.apply(Pulse("set", 1.2, 1.3, 1e-6), everyone)
    again = cells.conductance_uS()  # another cycle of the same devices
    assert np.corrcoef(first, again)[0, 1] == pytest.approx(1 - (narrow * model.cycle_uS / spread) ** 2, abs=0.02)
