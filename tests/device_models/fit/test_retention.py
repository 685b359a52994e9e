"""Retention: known activation energies, cells that have none, and the measured bakes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import constants

from device_models.errors import ProfileError
from device_models.fit.retention import BOLTZMANN_eV, Reading, bake_statistics, fit_arrhenius
from device_models.measured import MeasuredCells
from tests.device_models.fit.noises import Floats, generator
from tests.device_models.measured.files import bakes

N = 4000
HOT = (100.0, 150.0, 200.0, 250.0)


def boltzmann(temperature_C: float, energy_eV: float) -> float:
    """exp(-E / kT) by scipy's constants."""
    return float(np.exp(-energy_eV * constants.e / (constants.k * (temperature_C + constants.zero_Celsius))))


def baked(change: dict[float, tuple[Floats, Floats]], time_s: float = 5000.0) -> MeasuredCells:
    """Bakes from before and after of every temperature, each with N cells of two levels."""
    parts = [(np.concatenate([before, after]), np.full(2 * N, heat)) for heat, (before, after) in change.items()]
    cell = np.tile(np.arange(N), 2 * len(parts))
    time = np.tile(np.repeat([0.0, time_s], N), len(parts))
    return MeasuredCells("test", cell, cell // 2 % 2, time, np.concatenate([g for g, _ in parts]),
                         np.concatenate([heat for _, heat in parts]))


def random_walk(energy_eV: float, power: float = 1.0) -> MeasuredCells:
    """Changes whose variance has an Arrhenius rate, 25 uS^2 at the hottest."""
    rng = generator(1)
    rates = {heat: 25 * (boltzmann(heat, energy_eV) / boltzmann(HOT[-1], energy_eV)) ** power for heat in HOT}
    start = np.full(N, 100.0)
    return baked({heat: (start, start + np.sqrt(rate) * rng.normal(size=N)) for heat, rate in rates.items()})


def test_constant_is_scipys() -> None:
    assert pytest.approx(constants.k / constants.e, rel=1e-9) == BOLTZMANN_eV


@pytest.mark.parametrize("energy", [0.3, 0.8])
def test_random_walk_has_its_energy_within_the_interval(energy: float) -> None:
    """The interval is as wide as theory says: the variance of ln s^2 of n normal numbers is 2 / n."""
    fit = fit_arrhenius(random_walk(energy), "broadening", seed=2)
    assert fit.supported and fit.interval_eV is not None and fit.activation_energy_eV is not None
    x = np.array([1 / (BOLTZMANN_eV * (heat + 273.15)) for heat in HOT])
    sd = np.sqrt(2 / N / ((x - x.mean()) ** 2).sum())
    assert fit.activation_energy_eV == pytest.approx(energy, abs=3.5 * sd)
    assert fit.interval_eV[1] - fit.interval_eV[0] == pytest.approx(2 * 1.96 * sd, rel=0.25)
    assert fit.rate[-1] == pytest.approx(25 / 5000, rel=0.1) and fit.temperature_C == HOT
    assert f"activation energy {fit.activation_energy_eV:.2f} eV" in fit.statement and "assuming" in fit.statement


def test_decay_has_its_energy() -> None:
    before = generator(3).uniform(50, 150, N)
    rates = {heat: 0.5 * boltzmann(heat, 0.6) / boltzmann(HOT[-1], 0.6) for heat in HOT}
    fit = fit_arrhenius(baked({heat: (before, before * np.exp(-rate)) for heat, rate in rates.items()}), "loss", seed=1)
    assert fit.supported and fit.activation_energy_eV == pytest.approx(0.6, rel=1e-6)


def test_two_mechanisms_support_no_single_energy() -> None:
    rng, start = generator(4), np.full(N, 100.0)
    variance = {heat: 2 * boltzmann(heat, 0.1) / boltzmann(100, 0.1)
                + 200 * boltzmann(heat, 1.2) / boltzmann(250, 1.2) for heat in HOT}
    fit = fit_arrhenius(baked({heat: (start, start + np.sqrt(v) * rng.normal(size=N)) for heat, v in variance.items()}),
                        "broadening", seed=1)
    assert not fit.supported and fit.local_eV[-1] > 2 * fit.local_eV[0]
    assert fit.statement.startswith("the bakes do not support one activation energy")


@pytest.mark.parametrize("reading", ["loss"])
def test_a_rising_mean_has_no_energy(reading: Reading) -> None:
    start = np.full(N, 100.0)
    fit = fit_arrhenius(baked(dict.fromkeys(HOT, (start, start + 1))), reading, seed=1)
    assert fit.activation_energy_eV is None and fit.interval_eV is None and not fit.supported
    assert "at 100 C, 150 C, 200 C, 250 C the mean conductance rose" in fit.statement


def test_the_seed_decides_the_interval() -> None:
    cells = random_walk(0.5)
    one, same, other = (fit_arrhenius(cells, "broadening", seed=seed, resamples=50).interval_eV for seed in (1, 1, 2))
    assert one == same != other


def test_statistics_are_those_of_the_pairs() -> None:
    """Rows in any order, a cell without an end left out; means and deviations by numpy over the pairs."""
    rng = generator(5)
    before, after = rng.uniform(10, 20, N), rng.uniform(5, 30, N)
    cells = baked({85.0: (before, after)}, time_s=3600.0)
    order = rng.permutation(len(cells))
    order = order[~((cells.cell[order] == 10) & (cells.time_s[order] > 0))]
    one, = bake_statistics(cells.where(order))
    assert (one.temperature_C, one.time_s, one.level.tolist(), one.n_cells.tolist()) == (85, 3600, [0, 1], [2000, 1999])
    kept = np.arange(N) != 10
    for level in (0, 1):
        rows = kept & (np.arange(N) // 2 % 2 == level)
        change = after[rows] - before[rows]
        assert one.mean_shift_uS[level] == pytest.approx(change.mean())
        assert one.sd_uS[level] == pytest.approx(change.std(ddof=1))
        assert one.before_uS[level] == pytest.approx(before[rows].mean())


def test_what_is_no_bake_is_refused() -> None:
    start = np.full(N, 100.0)
    two = baked(dict.fromkeys(HOT[:2], (start, start + 1)))
    with pytest.raises(ProfileError, match="bakes at 2 temperature.s., expected at least 3"):
        fit_arrhenius(two, "loss", seed=1)
    with pytest.raises(ProfileError, match="no cell has readings at two times at 100 C"):
        bake_statistics(two.where(two.time_s == 0))
    with pytest.raises(ProfileError, match="no temperatures"):
        bake_statistics(MeasuredCells("test", two.cell, two.level, two.time_s, two.g_uS))


def test_measured_bakes_broaden_with_heat_but_have_no_single_energy() -> None:
    """A loses conductance above 180 C only (it gains below); B hardly depends on temperature."""
    a, b = bakes("A"), bakes("B")
    statistics = bake_statistics(a)
    assert [one.temperature_C for one in statistics] == [100, 140, 180, 220, 260]
    assert all(one.n_cells.tolist() == [512] * 32 and 4000 < one.time_s < 8000 for one in statistics)
    shift = [float(one.mean_shift_uS.mean()) for one in statistics]
    assert min(shift[:3]) > 0 > shift[3] > shift[4]
    widths = [float(np.sqrt((one.sd_uS**2).mean())) for one in statistics]
    assert widths == sorted(widths)
    fit = fit_arrhenius(a, "broadening", seed=1, resamples=50)
    assert not fit.supported and fit.activation_energy_eV == pytest.approx(0.31, abs=0.02)
    assert fit_arrhenius(a, "loss", seed=1, resamples=50).activation_energy_eV is None
    assert not fit_arrhenius(b, "broadening", seed=1, resamples=50).supported
