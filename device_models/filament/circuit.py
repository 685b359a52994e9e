"""What is in series with the cell: wires, and either an ideal current limit or a transistor with its gate voltage.

    drive = Drive(volts, limit_A=50e-6)               # a parameter analyser's compliance
    drive = Drive(volts, overdrive_V=gate_V - 0.5)    # 1T1R

Transistor: square law (Shockley), I = beta (V_ov V_DS - V_DS^2 / 2), saturated at beta V_ov^2 / 2 from V_DS = V_ov.
In series with an ohmic R its V_DS is the root of a quadratic: closed form, no iteration.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from device_models.filament.parameters import FilamentParameters

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Drive:
    """The source of a pulse: `volts` >= 0, with an ideal limit in A, a transistor's V_G - V_T, or neither; [n]."""

    volts: Array
    limit_A: Array | None = None
    overdrive_V: Array | None = None

    def take(self, chosen: npt.NDArray[np.intp]) -> Drive:
        """The same for some cells."""
        return Drive(self.volts[chosen], None if self.limit_A is None else self.limit_A[chosen],
                     None if self.overdrive_V is None else self.overdrive_V[chosen])


def current_A(cell: FilamentParameters, drive: Drive, g_uS: Array) -> Array:
    """Current in A through cells of conductance `g_uS` [n] under `drive`."""
    ohm = 1e6 / g_uS + cell.series_ohm
    if drive.overdrive_V is not None:
        over = np.maximum(drive.overdrive_V, 0.0)
        loop = cell.transistor_A_per_V2 * ohm
        b = 1 + loop * over
        drop = 2 * drive.volts / (b + np.sqrt(np.maximum(b * b - 2 * loop * drive.volts, 0.0)))
        drop = np.minimum(drop, over)
        return cell.transistor_A_per_V2 * drop * (over - 0.5 * drop)
    amps = drive.volts / ohm
    return amps if drive.limit_A is None else np.minimum(amps, drive.limit_A)


def saturation_A(cell: FilamentParameters, gate_V: Array) -> Array:
    """Compliance current in A that a gate voltage sets, beta (V_G - V_T)^2 / 2."""
    over = np.maximum(gate_V - cell.threshold_V, 0.0)
    return 0.5 * cell.transistor_A_per_V2 * over * over
