"""Arrays of filaments: the same whatever the threads, variation of the stated size, errors in one line."""

import math

import numpy as np
import pytest
from scipy import stats

from device_models.errors import ProfileError
from device_models.filament import FilamentParameters, Filaments, cells, draws, sweep

CELL = FilamentParameters()


def test_threads_and_chunks_do_not_change_a_number(monkeypatch):
    def run(threads, chunk):
        monkeypatch.setattr(cells, "CHUNK", chunk)
        array = Filaments(CELL, 5001, seed=3, threads=threads)
        some = np.arange(5001) % 3 != 0
        energy = array.pulse("set", 1.8, 1e-6, gate_V=1.2)
        energy += array.pulse("reset", np.linspace(0.5, 1.2, 5001), 1e-7, gate_V=3.0, where=some)
        return array.g_uS, energy

    first = run(1, 1024)
    for threads, chunk in ((3, 1024), (2, 2048), (1, 8192)):
        for a, b in zip(first, run(threads, chunk), strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_cell_is_pulsed_alone_as_among_others():
    alone, among = Filaments(CELL, 100, seed=1), Filaments(CELL, 100, seed=1)
    one = np.arange(100) == 42
    energy = alone.pulse("set", 1.8, 1e-6, gate_V=1.0, where=one)
    all_energy = among.pulse("set", 1.8, 1e-6, gate_V=1.0)
    assert alone.g_uS[42] == among.g_uS[42] and energy[42] == all_energy[42] > 0
    assert (np.delete(energy, 42) == 0).all()
    np.testing.assert_allclose(np.delete(alone.g_uS, 42), 5.0, rtol=1e-6)


def test_draws_are_normal_and_differ_by_purpose_pulse_and_seed():
    base = draws.normals(5, draws.CYCLE, 1, 0, 20_000)
    assert stats.kstest(base, "norm").pvalue > 0.01
    for other in (draws.normals(6, draws.CYCLE, 1, 0, 20_000), draws.normals(5, draws.READ, 1, 0, 20_000),
                  draws.normals(5, draws.CYCLE, 2, 0, 20_000), base[::-1]):
        assert abs(np.corrcoef(base, other)[0, 1]) < 0.03
    np.testing.assert_array_equal(draws.normals(5, draws.CYCLE, 1, 400, 100), base[400:500])


def test_compliance_by_gate_is_the_saturation_current():
    # a wide open source: the cell stops where I_sat R = V_C, whatever the amplitude
    low, high = (Filaments(CELL, 1, g_uS=5.0) for _ in range(2))
    low.pulse("set", 2.0, 1e-6, gate_V=1.1)
    high.pulse("set", 3.0, 1e-6, gate_V=1.1)
    np.testing.assert_allclose(low.g_uS, high.g_uS, rtol=1e-3)
    by_limit = Filaments(CELL, 1, g_uS=5.0)
    over = 1.1 - float(low._threshold_V[0])
    by_limit.pulse("set", 2.0, 1e-6, limit_A=0.5 * 2.5e-4 * over**2)
    np.testing.assert_allclose(by_limit.g_uS, low.g_uS, rtol=1e-3)


def test_a_loop_opens_and_closes():
    array = Filaments(CELL, 50, seed=2, g_uS=2.0)
    up = sweep(array, "set", 1.5, limit_A=50e-6)
    assert up.current_A.max() == pytest.approx(50e-6) and up.volts.max() == 1.5 and up.volts[-1] == pytest.approx(0.01)
    on = np.median(array.g_uS)
    down = sweep(array, "reset", 1.0)
    assert down.volts.min() == -1.0 and (down.current_A <= 0).all()
    assert 100 < on < 160 and np.median(array.g_uS) < on / 20
    # the slope near 0 V is the state's own conductance
    np.testing.assert_allclose(down.current_A[-1] / down.volts[-1] * 1e6, array.g_uS, rtol=1e-4)


@pytest.mark.parametrize(("make", "says"), [
    (lambda: Filaments(CELL, 0), "cells: 0 is not 1 to 100000000"),
    (lambda: Filaments(CELL, 10**9), "cells: 1000000000 is not 1 to"),
    (lambda: Filaments(CELL, 2, g_uS=-1.0), "not every conductance is a number > 0 uS"),
    (lambda: Filaments(CELL, 2, seed=-1), "seed: -1 is not 0 to"),
    (lambda: Filaments(CELL, 2).pulse("set", -1.0, 1e-6), "volts: -1 is not a number >= 0"),
    (lambda: Filaments(CELL, 2).pulse("set", math.nan, 1e-6), "volts: nan is not a number >= 0"),
    (lambda: Filaments(CELL, 2).pulse("set", 1.0, 0.0), "width: 0 s is not > 0"),
    (lambda: Filaments(CELL, 2).pulse("up", 1.0, 1e-6), "polarity: 'up' is not 'set' or 'reset'"),
    (lambda: Filaments(CELL, 2).pulse("set", 1.0, 1e-6, gate_V=1.0, limit_A=1e-6), "not both"),
    (lambda: sweep(Filaments(CELL, 2), "set", -1.0), "stop_V: -1 is not > 0"),
    (lambda: FilamentParameters(barrier_eV=0.0), "barrier_eV: 0 is not > 0 (eV)"),
    (lambda: FilamentParameters(read_noise=-0.1), "read_noise: -0.1 is not >= 0"),
    (lambda: FilamentParameters(thickness_nm=math.inf), "thickness_nm: inf is not a finite number (nm)"),
    (lambda: FilamentParameters(maximum_nm=0.1), "maximum_nm: 0.1 is not > minimum_nm"),
])
def test_a_mistake_is_one_line(make, says):
    with pytest.raises(ProfileError) as caught:
        make()
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_each_pulse_draws_anew_and_a_hold_does_not():
    def after_cycle(array):
        array.pulse("reset", 1.2, 1e-6, gate_V=3.0)
        array.pulse("set", 2.5, 1e-6, gate_V=1.0)
        return array.g_uS

    array = Filaments(FilamentParameters(device_barrier_eV=0, device_threshold_V=0), 400, seed=9)
    first, second = after_cycle(array), after_cycle(array)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.2
    whole, parts = Filaments(CELL, 50, seed=9), Filaments(CELL, 50, seed=9)
    whole.pulse("set", 1.8, 1e-6, gate_V=1.2)
    parts.pulse("set", 1.8, 4e-7, gate_V=1.2)
    parts.hold("set", 1.8, 6e-7, gate_V=1.2)
    np.testing.assert_allclose(parts.g_uS, whole.g_uS, rtol=2e-3)
