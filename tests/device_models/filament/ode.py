"""The filament's equations once more, scalar, in SI units, integrated over time by SciPy: the reference."""

from __future__ import annotations

import math

from scipy.integrate import solve_ivp

K_EV = 8.617333262e-5


def current(p, volts, ohm, limit_A=None, gate_V=None):
    """Current in A; the transistor's operating point by bisection instead of the quadratic."""
    if gate_V is None:
        amps = volts / (ohm + p.series_ohm)
        return amps if limit_A is None else min(amps, limit_A)
    over = gate_V - p.threshold_V
    low, high = 0.0, volts
    for _ in range(200):
        drop = 0.5 * (low + high)
        v = min(drop, over)
        amps = p.transistor_A_per_V2 * (over * v - v * v / 2)
        low, high = (drop, high) if drop + amps * (ohm + p.series_ohm) < volts else (low, drop)
    return amps


def rate(p, phi_m, volts, z=0.0, **compliance):
    """(|dphi/dt| in m/s, power from the source in W)."""
    area = math.pi * phi_m**2 / 4
    ohm = p.resistivity_ohm_m * p.thickness_nm * 1e-9 / area
    amps = current(p, volts, ohm, **compliance)
    v = amps * ohm
    # heat by the two ends of a uniform wire: 8 k area / length; and sideways
    kelvin = p.ambient_K + v * v / ohm / (8 * p.filament_W_per_m_K * area / (p.thickness_nm * 1e-9) + p.lateral_W_per_K)
    defects = max((phi_m / (p.defect_nm * 1e-9)) ** 2, 1.0)
    barrier = p.barrier_eV - p.lowering * v + p.cycle_barrier_eV * z / math.sqrt(defects)
    return p.rate_nm_per_s * 1e-9 * math.exp(-barrier / (K_EV * kelvin)), amps * volts


def after_pulse(p, g_uS, volts, seconds, direction, z=0.0, **compliance):
    """(conductance in uS, energy in J) after a pulse, by an implicit solver over time, in ln phi."""
    def ohm_to_phi(ohm):
        return math.sqrt(4 * p.resistivity_ohm_m * p.thickness_nm * 1e-9 / (math.pi * ohm))

    def slope(_, state):
        phi = math.exp(state[0])
        speed, watts = rate(p, phi, volts, z, **compliance)
        return [direction * speed / phi, watts / scale]

    phi = ohm_to_phi(1e6 / g_uS)
    scale = rate(p, phi, volts, z, **compliance)[1] * seconds or 1.0
    solution = solve_ivp(slope, (0.0, seconds), [math.log(phi), 0.0], method="LSODA", rtol=1e-9, atol=1e-10)
    assert solution.success
    phi = math.exp(solution.y[0, -1])
    return 1e6 * math.pi * phi**2 / (4 * p.resistivity_ohm_m * p.thickness_nm * 1e-9), solution.y[1, -1] * scale
