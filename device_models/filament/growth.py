"""Constant-voltage pulses three ways: the model's own step, SciPy's ODE solver, and the closed form of its limit.

    comparisons(FilamentParameters())
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from device_models.filament.circuit import Drive, current_A
from device_models.filament.evolve import evolve
from device_models.filament.kinetics import conductance_uS, diameter_nm, growth_at_constant_temperature, log_rate
from device_models.filament.parameters import FilamentParameters

Array = npt.NDArray[np.float64]
NO_HEAT_W_per_K = 1e-30  # sideways: the integrable limit
_ONE = np.zeros(1)


@dataclass(frozen=True)
class Growth:
    """Conductance in uS at times in s, [k] each: by the model, by SciPy, and by the closed form where there is one."""

    name: str
    seconds: Array
    model_uS: Array
    ode_uS: Array
    closed_uS: Array | None

    @property
    def worst_percent(self) -> float:
        """Largest deviation of the model from SciPy."""
        return float(100 * np.abs(self.model_uS / self.ode_uS - 1).max())

    @property
    def closed_percent(self) -> float | None:
        """Largest deviation of the closed form from SciPy."""
        return None if self.closed_uS is None else float(100 * np.abs(self.closed_uS / self.ode_uS - 1).max())


def by_ode(cell: FilamentParameters, start_uS: float, drive: Drive, seconds: Array, direction: int) -> Array:
    """Conductance in uS at `seconds` [k] (increasing) by scipy.integrate.solve_ivp (LSODA) in ln phi."""
    from scipy.integrate import solve_ivp

    def slope(_: float, state: Array) -> Array:
        phi = np.clip(np.exp(state), cell.minimum_nm, cell.maximum_nm)
        g_uS = conductance_uS(cell, phi)
        volts = current_A(cell, drive, g_uS) * 1e6 / g_uS
        return np.asarray(direction * np.exp(log_rate(cell, phi, volts, _ONE, _ONE)) / phi)

    start = np.log(diameter_nm(cell, np.array([start_uS])))
    solved = solve_ivp(slope, (0.0, float(seconds[-1])), start, method="LSODA", t_eval=seconds, rtol=1e-9, atol=1e-11)
    return conductance_uS(cell, np.clip(np.exp(solved.y[0]), cell.minimum_nm, cell.maximum_nm))


def compare(name: str, cell: FilamentParameters, start_uS: float, seconds: Array, direction: int, volts: float,
            gate_V: float | None = None) -> Growth:
    """One pulse looked at after each of `seconds` [k], by the model and by SciPy; the closed form where it holds."""
    drive = Drive(np.array([volts]), overdrive_V=None if gate_V is None else np.array([gate_V - cell.threshold_V]))
    zero = np.zeros(len(seconds))
    many = drive.take(np.zeros(len(seconds), np.intp))
    phi = diameter_nm(cell, zero + start_uS)
    model = evolve(cell, phi, many, seconds, direction, zero, zero)
    integrable = cell.lateral_W_per_K <= NO_HEAT_W_per_K and gate_V is None and direction > 0 and cell.series_ohm == 0
    closed = growth_at_constant_temperature(cell, phi, zero + volts, seconds) if integrable else None
    return Growth(name, seconds, conductance_uS(cell, model.phi_nm),
                  by_ode(cell, start_uS, drive, seconds, direction),
                  None if closed is None else conductance_uS(cell, closed))


def comparisons(cell: FilamentParameters) -> list[Growth]:
    """The integrable limit at 0.8 and 0.9 V, then the whole model: SET behind a transistor, and RESET."""
    seconds = np.geomspace(1e-11, 1e-5, 61)
    limit = replace(cell, lateral_W_per_K=NO_HEAT_W_per_K)
    return [compare("no heat sideways, 0.8 V", limit, 5.0, seconds, 1, 0.8),
            compare("no heat sideways, 0.9 V", limit, 5.0, seconds[:-9], 1, 0.9),
            compare("SET 1.8 V, gate 1.2 V", cell, 5.0, seconds, 1, 1.8, 1.2),
            compare("RESET 1.2 V", cell, 200.0, seconds, -1, 1.2)]
