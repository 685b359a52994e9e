"""The filament behind the programming port."""

import numpy as np
import pytest

from device_models.errors import ProfileError
from device_models.filament import FilamentCells, FilamentParameters
from device_models.write.port import Pulse, PulsedCells
from tests.device_models.filament import ode

CELL = FilamentParameters(device_barrier_eV=0.0, device_threshold_V=0.0, cycle_barrier_eV=0.0)


def test_it_is_what_a_write_algorithm_expects():
    cells: PulsedCells = FilamentCells(FilamentParameters(), 64, seed=1, g_uS=5.0)
    where = np.arange(64) < 32
    energy_pJ = cells.apply(Pulse("set", 1.8, np.full(64, 1.2), 1e-6), where)
    assert (energy_pJ[:32] > 0).all() and (energy_pJ[32:] == 0).all()
    assert (cells.conductance_uS()[:32] > 50).all() and cells.conductance_uS()[40] == pytest.approx(5.0)
    before = cells.conductance_uS()
    cells.wait(3600.0)
    np.testing.assert_array_equal(before, cells.conductance_uS())
    with pytest.raises(ProfileError, match=r"where: shape \(3,\) is not \(64,\)"):
        cells.apply(Pulse("set", 1.0, None, 1e-6), np.ones(3, bool))
    with pytest.raises(ProfileError, match="wait: -1 s"):
        cells.wait(-1)


def test_energy_and_conductance_are_the_ode_solvers():
    cells = FilamentCells(CELL, 2, g_uS=5.0)
    energy_pJ = cells.apply(Pulse("set", 1.8, 1.2, 1e-6), np.ones(2, bool))
    g_uS, energy_J = ode.after_pulse(CELL, 5.0, 1.8, 1e-6, 1, gate_V=1.2)
    np.testing.assert_allclose(cells.conductance_uS(), g_uS, rtol=5e-3)
    np.testing.assert_allclose(energy_pJ, energy_J * 1e12, rtol=1e-2)


def test_reads_have_the_stated_noise_and_are_new_each_time():
    cells = FilamentCells(FilamentParameters(read_noise=0.02), 20_000, seed=4, g_uS=80.0)
    one, two = cells.read(), cells.read()
    assert one.std() == pytest.approx(1.6, rel=0.03) and abs(np.corrcoef(one, two)[0, 1]) < 0.03
    again = FilamentCells(FilamentParameters(read_noise=0.02), 20_000, seed=4, g_uS=80.0)
    np.testing.assert_array_equal(again.read(), one)


def test_a_ramp_of_the_gate_writes_milos_range():
    # incremental gate: each cell stops by itself where its compliance says; 50 to 225 uS within the gates of the ramp
    cells = FilamentCells(FilamentParameters(), 256, seed=5, g_uS=5.0)
    targets = np.linspace(50, 225, 256)
    for gate in np.arange(0.7, 2.2, 0.01):
        cells.apply(Pulse("set", 2.0, float(gate), 1e-6), cells.conductance_uS() < targets)
    error = cells.conductance_uS() / targets - 1
    assert (error >= 0).all() and np.median(error) < 0.05
