"""One pulse against SciPy's ODE solver, which steps in time, and against the closed form where there is one."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from device_models.filament.circuit import Drive, current_A
from device_models.filament.evolve import evolve
from device_models.filament.kinetics import conductance_uS, diameter_nm, growth_at_constant_temperature
from device_models.filament.parameters import FilamentParameters
from tests.device_models.filament import ode

CELL = FilamentParameters()
# start uS, V, s, direction, limit A, gate V
PULSES = {
    "set, gate 1.2 V": (5.0, 1.8, 1e-6, 1, None, 1.2),
    "set, gate 0.9 V, 100 ns": (5.0, 1.5, 1e-7, 1, None, 0.9),
    "set, 10 ns, hard": (1.5, 2.2, 1e-8, 1, None, 1.5),
    "set, 50 uA, 10 ms": (5.0, 1.0, 1e-2, 1, 50e-6, None),
    "set, no compliance": (150.0, 0.75, 1e-6, 1, None, None),
    "reset, all the way": (100.0, 1.2, 1e-6, -1, None, 3.0),
    "reset, part of the way": (200.0, 0.9, 1e-7, -1, None, None),
    "reset, 10 ms": (200.0, 0.8, 1e-2, -1, None, None),
    "set, below threshold": (5.0, 0.4, 1e-6, 1, None, 1.2),
}


def pulse(cell, start_uS, volts, seconds, direction, limit_A, gate_V, z, dtype=np.float64):
    z = np.asarray(z, dtype)
    drive = Drive(np.full_like(z, volts), None if limit_A is None else np.full_like(z, limit_A),
                  None if gate_V is None else np.full_like(z, gate_V - cell.threshold_V))
    done = evolve(cell, diameter_nm(cell, np.full_like(z, start_uS)), drive, seconds, direction, np.zeros_like(z), z)
    return conductance_uS(cell, done.phi_nm.astype(float)), done.energy_J


@pytest.mark.parametrize("name", PULSES)
def test_a_pulse_agrees_with_an_ode_solver(name):
    case = PULSES[name]
    draws = [-0.5, 0.0, 1.0]  # the reference has no least diameter: none of these reaches it
    g_uS, energy_J = pulse(CELL, *case, draws)
    start, volts, seconds, direction, limit_A, gate_V = case
    reference = [ode.after_pulse(CELL, start, volts, seconds, direction, z, limit_A=limit_A, gate_V=gate_V)
                 for z in draws]
    np.testing.assert_allclose(g_uS, [g for g, _ in reference], rtol=5e-3)
    np.testing.assert_allclose(energy_J, [e for _, e in reference], rtol=3e-2)


def test_float32_differs_less_than_the_tolerance():
    z = np.linspace(-2, 2, 41)
    for case in PULSES.values():
        double, joule = pulse(CELL, *case, z)
        single, joule32 = pulse(CELL, *case, z, np.float32)
        assert single.dtype == float and joule32.dtype == np.float32
        np.testing.assert_allclose(single, double, rtol=5e-3)
        np.testing.assert_allclose(joule32, joule, rtol=1e-2)


@pytest.mark.parametrize("volts", [0.55, 0.65, 0.7])
def test_growth_at_constant_voltage_is_the_closed_form(volts):
    # no heat sideways: T = T_0 + V^2 / (8 rho k) whatever the diameter, so phi grows linearly in time
    cell = replace(CELL, lateral_W_per_K=1e-30)
    seconds = np.array([1e-8, 1e-7, 1e-6, 3e-6])
    start = np.full(4, 2.0)
    closed = growth_at_constant_temperature(cell, start, np.full(4, volts), seconds)
    kelvin = 300 + volts**2 / (8 * 1.57e-5 * 8.0)
    speed = 1e11 * math.exp(-(1.2 - 0.3 * volts) / (8.617333262e-5 * kelvin))
    solved = solve_ivp(lambda t, y: [speed], (0, seconds[-1]), [2.0], t_eval=seconds, rtol=1e-10, atol=1e-12).y[0]
    np.testing.assert_allclose(closed, np.minimum(solved, 20.0), rtol=1e-9)
    done = evolve(cell, start, Drive(np.full(4, volts)), seconds, 1, np.zeros(4), np.zeros(4))
    np.testing.assert_allclose(done.phi_nm, closed, rtol=1e-6)
    independent = [ode.after_pulse(cell, float(conductance_uS(cell, start)[0]), volts, float(t), 1)[0] for t in seconds]
    np.testing.assert_allclose(conductance_uS(cell, closed)[closed < 20], np.array(independent)[closed < 20], rtol=1e-6)


def test_a_pulse_never_overshoots_and_time_adds_up():
    phi = diameter_nm(CELL, np.array([2.0, 20.0, 200.0]))
    zero, drive = np.zeros(3), Drive(np.full(3, 1.6), overdrive_V=np.full(3, 0.7))
    once = evolve(CELL, phi, drive, 1e-6, 1, zero, zero)
    half = evolve(CELL, phi, drive, 5e-7, 1, zero, zero)
    twice = evolve(CELL, half.phi_nm, drive, 5e-7, 1, zero, zero)
    assert (once.phi_nm >= phi).all() and (half.phi_nm <= once.phi_nm).all()
    np.testing.assert_allclose(twice.phi_nm, once.phi_nm, rtol=2e-3)
    np.testing.assert_allclose(half.energy_J + twice.energy_J, once.energy_J, rtol=1e-2)
    hard = evolve(CELL, phi, Drive(np.full(3, 50.0)), 1.0, -1, zero, zero)
    assert (hard.phi_nm == CELL.minimum_nm).all()
    np.testing.assert_allclose(hard.energy_J, 2500 * conductance_uS(CELL, hard.phi_nm) * 1e-6, rtol=1e-6)
    hard = evolve(CELL, phi, Drive(np.full(3, 50.0)), 1.0, 1, zero, zero)
    assert (hard.phi_nm == CELL.maximum_nm).all()


def test_the_transistors_closed_form_is_its_operating_point():
    g_uS = np.geomspace(0.5, 1000, 30)
    cell = replace(CELL, series_ohm=500.0)
    for volts, gate in [(0.2, 3.0), (1.0, 1.0), (1.8, 1.2), (1.2, 2.0), (1.0, 0.4)]:
        ours = current_A(cell, Drive(np.full(30, volts), overdrive_V=np.full(30, gate - 0.5)), g_uS)
        reference = [ode.current(cell, volts, 1e6 / g, gate_V=max(gate, 0.5)) for g in g_uS]
        np.testing.assert_allclose(ours, reference, rtol=1e-9, atol=1e-18)
