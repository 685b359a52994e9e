"""What is known of RRAM cells, asked of the model: R_LRS against compliance, HRS against the stop voltage, spread.

Each study returns rows of plain numbers; `host_tools.plots` draws them, `rram filament` prints them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from device_models.errors import ProfileError
from device_models.filament.cells import Filaments
from device_models.filament.circuit import saturation_A
from device_models.filament.parameters import FilamentParameters
from device_models.filament.sweep import Trace, sweep

Row = dict[str, float]
FRESH_uS = 2.0  # where a loop begins: a cell after a deep RESET
SET_STOP_V, RESET_STOP_V = 1.5, 1.0  # ends of a quasi-static loop
SET_V, WIDTH_s, OPEN_GATE_V = 2.5, 1e-6, 3.0  # SET amplitude, width of a pulse, and the gate during RESET


@dataclass(frozen=True)
class Loop:
    """One cell population's loop: both branches, and the conductance in uS after each, [n]."""

    limit_A: float
    set_branch: Trace
    reset_branch: Trace
    lrs_uS: npt.NDArray[np.float64]
    hrs_uS: npt.NDArray[np.float64]


def loops(cell: FilamentParameters, limits_A: Sequence[float], n: int, seed: int = 0, set_V: float = SET_STOP_V,
          reset_V: float = RESET_STOP_V) -> list[Loop]:
    """One quasi-static loop per compliance (ideal limit) on `n` cells, each from the same fresh state."""
    found = []
    for limit in limits_A:
        if not (np.isfinite(limit) and limit > 0):
            raise ProfileError(f"filament: compliance: {limit * 1e6:g} uA is not > 0")
        cells = Filaments(cell, n, seed, FRESH_uS)
        up = sweep(cells, "set", set_V, limit_A=limit)
        lrs = cells.g_uS
        down = sweep(cells, "reset", reset_V)
        found.append(Loop(limit, up, down, lrs, cells.g_uS))
    return found


@dataclass(frozen=True)
class Universal:
    """R_LRS = V_c / I_C, fitted: `critical_V` (geometric mean), largest deviation from it in %, slope in log-log."""

    critical_V: float
    worst_percent: float
    slope: float
    rows: list[Row]


def universal(measured: Sequence[Loop]) -> Universal:
    """Fit V_c to the median LRS of loops with several compliances; the law wants slope -1 and deviation 0.

    The law: Ielmini, IEEE TED 58, 4309 (2011).
    """
    limits = np.array([loop.limit_A for loop in measured])
    ohm = np.array([1e6 / np.median(loop.lrs_uS) for loop in measured])
    volts = ohm * limits
    fitted = float(np.exp(np.log(volts).mean()))
    slope = float(np.polyfit(np.log(limits), np.log(ohm), 1)[0]) if len(set(limits)) > 1 else float("nan")
    rows = [{"compliance_uA": float(i * 1e6), "lrs_ohm": float(r), "critical_V": float(v)}
            for i, r, v in zip(limits, ohm, volts, strict=True)]
    return Universal(fitted, float(100 * np.abs(volts / fitted - 1).max()), slope, rows)


def stop_voltages(cell: FilamentParameters, stops_V: Sequence[float], n: int, seed: int = 0,
                  limit_A: float = 50e-6) -> list[Row]:
    """HRS after a quasi-static RESET to each stop voltage, from one LRS: median and 10 to 90 % of the cells, ohm."""
    rows = []
    for stop in stops_V:
        cells = Filaments(cell, n, seed, FRESH_uS)
        sweep(cells, "set", SET_STOP_V, limit_A=limit_A)
        sweep(cells, "reset", stop)
        low, middle, high = np.quantile(1e6 / cells.g_uS, [0.1, 0.5, 0.9])
        rows.append({"stop_V": float(stop), "hrs_ohm": float(middle), "hrs_10_percent_ohm": float(low),
                     "hrs_90_percent_ohm": float(high)})
    return rows


def spread(cell: FilamentParameters, gates_V: Sequence[float], resets_V: Sequence[float], n: int, cycles: int,
           seed: int = 0) -> list[Row]:
    """Spread of `n` cells over `cycles` RESET-SET cycles: after SET per gate voltage, after RESET per amplitude.

    cycle_percent: within a cell, device_percent: between the cells' means, both over the median conductance;
    sigma_log10_r: of all values. failed_percent: SETs that ended below half the median, left out of the other three.
    """
    if cycles < 2:
        raise ProfileError(f"filament: cycles: {cycles} is not >= 2")
    usual_V, middle = sorted(resets_V)[len(resets_V) // 2], sorted(gates_V)[len(gates_V) // 2]
    plans = [("set", gate, usual_V, gate) for gate in gates_V] + [("reset", volts, volts, middle) for volts in resets_V]
    rows = []
    for after, by_V, reset_V, gate_V in plans:
        cells = Filaments(cell, n, seed, FRESH_uS)
        states = np.empty((cycles, n))
        for cycle in range(cycles):
            if after == "set":
                cells.pulse("reset", reset_V, WIDTH_s, gate_V=OPEN_GATE_V)
                cells.pulse("set", SET_V, WIDTH_s, gate_V=gate_V)
            else:
                cells.pulse("set", SET_V, WIDTH_s, gate_V=gate_V)
                cells.pulse("reset", reset_V, WIDTH_s, gate_V=OPEN_GATE_V)
            states[cycle] = cells.g_uS
        rows.append(_spread_row(cell, after, by_V, states))
    return rows


def _spread_row(cell: FilamentParameters, after: str, by_V: float, states: npt.NDArray[Any]) -> Row:
    middle = float(np.median(states))
    failed = (states < 0.5 * middle) & (after == "set")  # a deep HRS with a high barrier: the pulse never started it
    kept = np.count_nonzero(~failed, axis=0) >= 2  # cells of which there is a deviation
    states = np.where(failed, np.nan, states)[:, kept if kept.any() else slice(None)]
    within = float(np.sqrt(np.nanmean(np.nanvar(states, axis=0, ddof=1))))
    means = np.nanmean(states, axis=0)
    # the means of the cells also hold 1 / cycles of the variance within
    between = float(np.sqrt(max(means.var(ddof=1) - within**2 / len(states), 0.0))) if len(means) > 1 else 0.0
    return {"after_set": float(after == "set"), "volts": float(by_V),
            "limit_uA": float(saturation_A(cell, np.array(by_V)) * 1e6) if after == "set" else float("nan"),
            "median_uS": middle, "cycle_percent": 100 * within / middle, "device_percent": 100 * between / middle,
            "sigma_log10_r": float(np.nanstd(np.log10(states), ddof=1)), "failed_percent": 100 * float(failed.mean())}
