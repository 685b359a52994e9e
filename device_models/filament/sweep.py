"""Quasi-static I-V loops: a staircase ramp up to a stop voltage and back, SET with a compliance, RESET without.

    trace = sweep(cells, "set", stop_V=1.5, limit_A=50e-6)
    trace.volts, trace.current_A
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from device_models.errors import ProfileError
from device_models.filament.cells import Filaments, Polarity

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Trace:
    """One branch of a loop: `volts` [k] (negative for RESET), `current_A` [k, n] with the sign of the voltage."""

    volts: Array
    current_A: Array


def sweep(cells: Filaments, polarity: Polarity, stop_V: float, *, limit_A: float | None = None,
          gate_V: float | None = None, rate_V_per_s: float = 1.0, step_V: float = 0.01) -> Trace:
    """Ramp `cells` to `stop_V` > 0 and back in steps of `step_V`, one variation draw for the whole branch."""
    for name, value in (("stop_V", stop_V), ("rate_V_per_s", rate_V_per_s), ("step_V", step_V)):
        if not (np.isfinite(value) and value > 0):
            raise ProfileError(f"filament: {name}: {value:g} is not > 0")
    up = np.append(np.arange(1, np.ceil(stop_V / step_V - 1e-9)) * step_V, stop_V)
    volts = np.concatenate([up, up[-2::-1]])
    currents = np.empty((len(volts), cells.size))
    cells.pulses += 1
    for i, level in enumerate(volts):
        cells.hold(polarity, float(level), step_V / rate_V_per_s, limit_A=limit_A, gate_V=gate_V)
        currents[i] = cells.current_A(float(level), limit_A=limit_A, gate_V=gate_V)
    sign = 1.0 if polarity == "set" else -1.0
    return Trace(sign * volts, sign * currents)
