"""What is known of RRAM, held against the model: the universal R_LRS = V_c / I_C, the stop voltage, the spread."""

import numpy as np
import pytest

from device_models.errors import ProfileError
from device_models.filament import FilamentParameters, growth, studies

CELL = FilamentParameters()


def test_r_lrs_is_v_c_over_i_c_over_two_decades():
    law = studies.universal(studies.loops(CELL, np.geomspace(5e-6, 500e-6, 5), 32, seed=1))
    assert law.slope == pytest.approx(-1, abs=0.05)
    assert 0.35 < law.critical_V < 0.45  # about 0.4 V is quoted for HfOx, after Ielmini 2011
    assert law.worst_percent < 15


def test_v_c_is_where_growth_takes_as_long_as_the_sweep():
    # at V_c, about 2 s at the limit, a wide filament slows itself: rate t d(ln rate)/dphi = 1, solved for V
    law = studies.universal(studies.loops(FilamentParameters(device_barrier_eV=0, cycle_barrier_eV=0), [200e-6], 1))
    volts = np.linspace(0.2, 0.8, 6001)
    kelvin = 300 + volts**2 / (8 * 1.57e-5 * 8.0)
    rate = 1e11 * np.exp(-(1.2 - 0.3 * volts) / (8.617333262e-5 * kelvin))
    phi = np.sqrt(200 / volts / CELL.uS_per_nm2)
    steep = np.gradient(np.log(rate), volts) * 2 * volts / phi
    expected = volts[np.argmin(np.abs(np.log(rate * 2.0 * steep)))]
    assert law.critical_V == pytest.approx(expected, rel=0.03)


def test_hrs_rises_with_the_stop_voltage():
    rows = studies.stop_voltages(CELL, [0.55, 0.7, 0.85, 1.0], 64, seed=2)
    hrs = [row["hrs_ohm"] for row in rows]
    assert np.all(np.diff(np.log10(hrs)) > 0.15) and hrs[-1] > 10 * hrs[0]
    assert all(row["hrs_10_percent_ohm"] < row["hrs_ohm"] < row["hrs_90_percent_ohm"] for row in rows)


def test_the_hrs_is_where_the_heat_no_longer_suffices():
    # without the field's share RESET stops at nearly one temperature: V^2 phi^2 / (phi^2 + phi_h^2), while V^2 doubles
    cell = FilamentParameters(device_barrier_eV=0, cycle_barrier_eV=0, lowering=1e-9)
    rows = studies.stop_voltages(cell, [0.8, 1.0, 1.2], 1)
    phi2 = np.array([1e6 / row["hrs_ohm"] for row in rows]) / cell.uS_per_nm2
    heat = np.array([0.8, 1.0, 1.2]) ** 2 * phi2 / (phi2 + cell.lateral_nm2)
    np.testing.assert_allclose(heat, heat[0], rtol=0.15)


def test_spread_grows_towards_low_conductance():
    rows = studies.spread(CELL, [0.8, 1.0, 1.3, 1.7], [1.2], 64, 12, seed=3)
    sets, reset = rows[:4], rows[4]
    g = [row["median_uS"] for row in sets]
    cycle = [row["cycle_percent"] for row in sets]
    assert np.all(np.diff(g) > 0) and np.all(np.diff(cycle) < 0)
    slope = np.polyfit(np.log(g), np.log(cycle), 1)[0]
    assert -0.8 < slope < -0.4  # 1 / sqrt(number of defects), and steeper where heat leaves sideways
    assert reset["sigma_log10_r"] > 3 * max(row["sigma_log10_r"] for row in sets)
    assert 10 < g[0] < 50 and 200 < g[-1] < 260  # Milo's 50 to 225 uS lies within


def test_without_variation_there_is_no_spread():
    still = FilamentParameters(device_barrier_eV=0, cycle_barrier_eV=0, device_threshold_V=0)
    for row in studies.spread(still, [1.0], [1.2], 8, 3):
        assert row["cycle_percent"] < 0.1 and row["device_percent"] < 0.1


def test_the_shown_comparison_with_scipy_holds():
    for one in growth.comparisons(CELL):
        assert one.worst_percent < 0.5, one.name
        assert np.ptp(np.log(one.ode_uS)) > 1, one.name  # something happens
    limits = [one for one in growth.comparisons(CELL) if one.closed_uS is not None]
    assert len(limits) == 2 and all(one.closed_percent < 1e-4 for one in limits)


def test_a_wrong_study_is_one_line():
    with pytest.raises(ProfileError, match="compliance: -5 uA is not > 0"):
        studies.loops(CELL, [-5e-6], 2)
    with pytest.raises(ProfileError, match="cycles: 1 is not >= 2"):
        studies.spread(CELL, [1.0], [1.2], 2, 1)
