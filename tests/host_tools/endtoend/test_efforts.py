"""Efforts: what a user may write, what is left of the cells, and costs that are the write's own."""

from __future__ import annotations

import numpy as np
import pytest

from device_models.compile import compile_profile
from device_models.errors import ProfileError
from device_models.profile import DeviceProfile
from device_models.write.setup import Setup
from host_tools.endtoend.efforts import Effort, parse_effort, usual_efforts, write
from host_tools.errors import HostError
from tests.host_tools.profiles import changed

CHARAN = DeviceProfile.load("charan-65nm")
BASE = Setup(CHARAN, "rvw")


def test_a_text_sets_what_it_names_and_leaves_the_rest() -> None:
    effort = parse_effort("rvw:tolerance=4,reads=3,pulses=50", BASE)
    assert (effort.setup.tolerance_uS, effort.setup.reads, effort.setup.max_pulses) == (4.0, 3, 50)
    assert parse_effort("single", BASE).setup.algorithm == "single"
    milo = Setup(DeviceProfile.load("milo-hfo2"), "rvw", model="gate")
    ramp = parse_effort("igvva:step=10,early=5,start=0.455", milo).setup
    assert (ramp.step_V, ramp.early_uS, ramp.start_V, ramp.kind) == (0.01, 5.0, 0.455, "gate")


@pytest.mark.parametrize(("text", "line"), [
    ("rvw:tol=4", "--effort: rvw:tol=4: 'tol=4' is not KEY=NUMBER with a key of tolerance, early (uS), start (V), step "
                  "(mV), reads, passes, pulses"),
    ("rvw:tolerance", "--effort: rvw:tolerance: 'tolerance' is not KEY=NUMBER with a key of tolerance, early (uS), "
                      "start (V), step (mV), reads, passes, pulses"),
    ("rvw:tolerance=four", "--effort: rvw:tolerance=four: 'four' is not a number, expected tolerance=NUMBER"),
    ("magic", "algorithm: 'magic' is not one of igvva, ispva, rvw, single, multipass"),
    ("rvw:tolerance=-1", "tolerance: -1 uS is not > 0"),
])
def test_a_wrong_text_is_one_line(text: str, line: str) -> None:
    with pytest.raises((HostError, ProfileError)) as error:
        parse_effort(text, BASE)
    assert str(error.value) == line


def test_ramps_need_cells_with_a_gate() -> None:
    with pytest.raises(ProfileError, match="one-shot cells have no gate"):
        parse_effort("igvva", Setup(CHARAN, "rvw", model="one-shot"))


@pytest.mark.parametrize(("name", "model"), [
    ("charan-65nm", "statistical"), ("milo-hfo2", "gate"), ("milo-hfo2", "filament"), ("gong-reram", "statistical"),
])
def test_the_usual_efforts_can_be_written_and_the_last_is_more_precise_than_the_first(name: str, model: str) -> None:
    profile = DeviceProfile.load(name)
    base = Setup(profile, "rvw", model=model)  # type: ignore[arg-type]
    texts = usual_efforts(profile, model)  # type: ignore[arg-type]
    efforts = [parse_effort(text, base) for text in texts]
    first, last = write(efforts[0], 12), write(efforts[-1], 12)
    assert last.error_uS < first.error_uS
    assert last.report.pulses > first.report.pulses


def test_expected_attempts_and_spread_are_those_of_theory() -> None:
    """Attempts 1 / P(|G - target| <= tolerance) (docs/programming.md), P from the compiled quantiles' own law."""
    sigma = 0.5
    profile = DeviceProfile.from_dict(changed(sigma=sigma, levels=[40.0, 80.0]))
    written = write(Effort("x", Setup(profile, "rvw", 10.0, "one-shot", seed=4)), 4000)
    from scipy.stats import lognorm, norm

    s = np.sqrt(np.log1p(sigma**2))
    law = [lognorm(s, scale=g * np.exp(-(s**2) / 2)) for g in (40.0, 80.0)]
    noise = [0.02 * g for g in (40.0, 80.0)]  # a verify read
    for row, cell, sd in zip(written.report.levels, law, noise, strict=True):
        g = np.linspace(1.0, 400.0, 20000)
        seen = norm.cdf((row.target_uS + 10 - g) / sd) - norm.cdf((row.target_uS - 10 - g) / sd)
        inside = float(np.sum(cell.pdf(g) * seen) * (g[1] - g[0]))
        assert row.pulses_mean == pytest.approx(1 / inside, rel=0.06)


def test_what_a_network_costs_is_counted_cell_by_cell() -> None:
    written = write(parse_effort("rvw:tolerance=4", Setup(CHARAN, "rvw")), 200)
    cells = np.arange(CHARAN.n_levels)
    pulses, energy = written.cost_of(cells)
    assert pulses == pytest.approx(sum(i * row.pulses_mean for i, row in enumerate(written.report.levels)))
    assert energy is None  # charan-65nm has no energy
    even, _ = written.cost_of(np.full(CHARAN.n_levels, 7))
    assert even == pytest.approx(7 * CHARAN.n_levels * written.report.pulses)
    filament = write(Effort("f", Setup(DeviceProfile.load("milo-hfo2"), "single", model="filament")), 20)
    _, picojoules = filament.cost_of(np.full(9, 2))
    assert filament.report.energy_pJ is not None
    assert picojoules == pytest.approx(18 * filament.report.energy_pJ)


def test_the_profile_holds_the_cells_that_were_written() -> None:
    written = write(parse_effort("rvw:tolerance=4", Setup(CHARAN, "rvw")), 2000)
    compiled = compile_profile(written.profile)
    sd = np.sqrt(np.array(compiled.var)) * compiled.g_step_us
    np.testing.assert_allclose(sd, written.report.written_uS.std(axis=1), rtol=0.05)
    assert written.profile.programming_cost is not None
    assert written.profile.programming_cost.pulses == written.report.pulses


def test_filament_cells_bring_their_read_noise_where_the_profile_has_none() -> None:
    milo = DeviceProfile.load("milo-hfo2")
    of = write(Effort("f", Setup(milo, "single", model="filament")), 20).profile.read_noise
    assert of.relative is not None and of.relative.value == 0.01 and of.relative.evidence.assumption
    assert write(Effort("g", Setup(milo, "single", model="gate")), 20).profile.read_noise.relative is None
    own = write(Effort("c", Setup(CHARAN, "single", model="filament", outside=True)), 20).profile.read_noise
    assert own == CHARAN.read_noise
