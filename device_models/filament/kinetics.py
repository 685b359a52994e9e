"""The filament's equations: conductance, Joule heating and the rate of growth. Arrays of any shape, broadcast together.

State: the diameter phi (nm). SET grows it, RESET shrinks it, both at the rate of thermally activated ion migration:

    G    = pi phi^2 / (4 rho t_ox)
    T    = T_0 + V^2 / (8 rho k_th) / (1 + (phi_h / phi)^2)
    |dphi/dt| = A exp(-(E_A - alpha q V) / (k T))
    E_A  = E_A0 + device + sigma_E z min(phi_d / phi, 1)

Growth law, barrier lowering and V^2 / (8 rho k_th) (a uniform filament between electrodes at T_0): D. Ielmini,
"Modeling the universal set/reset characteristics of bipolar RRAM by field- and temperature-driven filament growth",
IEEE TED 58, 4309 (2011). The two additions are ours. (1) The second way of the heat, sideways into the oxide (phi_h:
where both ways carry the same): a thin filament stays cooler, so RESET ends by itself, and SET from a thin filament
runs away. Larentis et al., TED 59, 2468 (2012) compute that profile numerically. (2) z, one normal draw per pulse:
the barrier is the mean of the (phi / phi_d)^2 defects of the cross section, so its deviation falls as 1/phi. Ambrogio
et al., TED 61, 2912 (2014) trace the spread to the number of defects and to their barriers.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from device_models.filament.parameters import BOLTZMANN_EV_PER_K, FilamentParameters

Array = npt.NDArray[Any]  # float64 or float32: what comes in goes out


def conductance_uS(cell: FilamentParameters, phi_nm: Array) -> Array:
    """Conductance in uS of filaments of diameter `phi_nm`."""
    return cell.uS_per_nm2 * phi_nm * phi_nm


def diameter_nm(cell: FilamentParameters, g_uS: Array) -> Array:
    """Diameter in nm of filaments of conductance `g_uS`, kept within the cell's least and largest diameter."""
    phi: Array = np.sqrt(np.maximum(g_uS, 0.0) / cell.uS_per_nm2)
    return np.minimum(np.maximum(phi, cell.minimum_nm), cell.maximum_nm)


def temperature_K(cell: FilamentParameters, phi_nm: Array, volts: Array) -> Array:
    """Temperature in K of filaments of diameter `phi_nm` that carry `volts` (V over the cell alone)."""
    square = phi_nm * phi_nm
    share: Array = square / (square + cell.lateral_nm2)  # of the heat that leaves by the ends
    return cell.ambient_K + cell.heating_K_per_V2 * volts * volts * share


def log_rate(cell: FilamentParameters, phi_nm: Array, volts: Array, device_eV: Array, draw: Array) -> Array:
    """ln of |dphi/dt| in nm/s at diameter `phi_nm` and `volts` >= 0; `draw` is z, `device_eV` the cell's own."""
    barrier = (cell.barrier_eV - cell.lowering * volts + device_eV
               + cell.cycle_barrier_eV * draw * np.minimum(cell.defect_nm / phi_nm, 1.0))
    log: Array = math.log(cell.rate_nm_per_s) - barrier / (BOLTZMANN_EV_PER_K * temperature_K(cell, phi_nm, volts))
    return log


def growth_at_constant_temperature(cell: FilamentParameters, phi_nm: Array, volts: Array, seconds: Array) -> Array:
    """Diameter after `seconds` at constant `volts` where no heat leaves sideways: the rate does not depend on phi.

    The integrable limit (lateral_W_per_K = 0, no variation, no series resistance): phi(t) = phi(0) + A exp(-E_A / k
    T) t.
    """
    wide = cell.ambient_K + cell.heating_K_per_V2 * volts * volts
    rate = cell.rate_nm_per_s * np.exp(-(cell.barrier_eV - cell.lowering * volts) / (BOLTZMANN_EV_PER_K * wide))
    return np.minimum(phi_nm + rate * seconds, cell.maximum_nm)
