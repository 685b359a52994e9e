"""One rectangular pulse on many filaments: d phi/dt = +-f(phi) along the diameter, stable however stiff f is.

The rate changes by many decades while the filament grows (SET runs away, then the compliance stops it), but its
logarithm is smooth in phi. So the step is in phi, not in time: on a segment of the diameter ln f is taken as linear
between its ends, f = f_a exp(d x), x from 0 to 1, and both directions of that are closed forms:

    time to cross   tau = (L / f_a) (1 - exp(-d)) / d
    way in a time   x   = -ln(1 - d f_a t / L) / d          for t < tau

A cell crosses segments until its time is used up. No step can overshoot, no iteration can diverge. A segment may be
long where it is crossed in a small share of the time that is left (its error is a share of that share), else it is
halved until it is `FINEST`; the error falls with the square of that. Energy: the power from the source, averaged over
each segment, times the time spent there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from device_models.filament.circuit import Drive, current_A
from device_models.filament.kinetics import conductance_uS, log_rate
from device_models.filament.parameters import FilamentParameters

Array = npt.NDArray[Any]  # float64, or float32 for speed
FINEST = 0.04  # relative change of the diameter over the shortest segments
COARSEST = 0.25  # and over the longest
HASTE, LEISURE = 0.1, 0.01  # crossed in more than the one share of the time left: halve; in less than the other: double
_LEAST = 1e-6  # |d| below it counts as this: an error of half of it
_POINT = 1e-20  # nm: a segment of no length takes no time
_ALL = -1 + 1e-7  # log1p of it: past the segment's end
_SLOWEST = -30.0  # ln of nm/s: 0.1 nm in 30,000 years. It keeps the exponentials within float32


@dataclass(frozen=True)
class Pulsed:
    """Cells after a pulse, [n] each: diameter in nm, and energy from the source in J (with transistor and wires)."""

    phi_nm: Array
    energy_J: Array


def evolve(cell: FilamentParameters, phi_nm: Array, drive: Drive, seconds: float | Array, direction: int,
           device_eV: Array, draw: Array, finest: float = FINEST) -> Pulsed:
    """Filaments after a pulse of `seconds` ([n] or one) that grows (`direction` +1) or shrinks (-1) them.

    `phi_nm`, `device_eV`, `draw` (z) and what `drive` holds are [n], all of one float type: that of the result.
    """
    phi, energy = phi_nm.copy(), np.zeros_like(phi_nm)
    end = phi_nm.dtype.type(cell.maximum_nm if direction > 0 else cell.minimum_nm)
    index = np.arange(len(phi))
    here, joule, left = phi.copy(), energy.copy(), np.zeros_like(phi) + np.asarray(seconds, phi.dtype)
    step = np.full_like(phi, COARSEST)
    log_here, watts_here = _state(cell, here, drive, device_eV, draw)
    while True:
        active = (left > 0) & (here != end)
        count = np.count_nonzero(active)
        if 2 * count < len(here):  # put away those that are done; those at the end conduct until the pulse is over
            phi[index], energy[index] = here, joule + watts_here * left
            if not count:
                return Pulsed(phi, energy)
            go = np.flatnonzero(active)
            index, here, joule, left, step = index[go], here[go], joule[go], left[go], step[go]
            log_here, watts_here = log_here[go], watts_here[go]
            drive, device_eV, draw = drive.take(go), device_eV[go], draw[go]
        there = np.minimum(here + here * step, end) if direction > 0 else np.maximum(here / (1 + step), end)
        log_there, watts_there = _state(cell, there, drive, device_eV, draw)
        d = log_here - log_there
        d = np.where(np.abs(d) < _LEAST, _LEAST, d)
        unit = np.exp(-log_here) * np.maximum(np.abs(there - here), _POINT)  # s to cross at the rate of this end
        cross = unit * (np.expm1(d) / d)
        taken = (cross < HASTE * left) | (step <= finest)
        whole = cross < left
        x = np.where(whole, 1, np.log1p(np.maximum(d * left / unit, _ALL)) / d)
        spent = np.minimum(cross, left) * taken
        joule += spent * (watts_here + 0.5 * x * (watts_there - watts_here))
        left = left - spent
        step = np.where(taken, np.minimum(step + step * (cross < LEISURE * left), COARSEST), 0.5 * step)
        x = x * taken
        here = np.where(x == 1, there, here + x * (there - here))
        moved = taken & whole
        log_here, watts_here = np.where(moved, log_there, log_here), np.where(moved, watts_there, watts_here)


def _state(cell: FilamentParameters, phi: Array, drive: Drive, device_eV: Array, draw: Array) -> tuple[Array, Array]:
    """ln of the rate (nm/s) and power from the source (W) at a diameter."""
    g_uS = conductance_uS(cell, phi)
    amps = current_A(cell, drive, g_uS)
    rate = log_rate(cell, phi, amps * 1e6 / g_uS, device_eV, draw)
    return np.maximum(rate, _SLOWEST), amps * drive.volts
