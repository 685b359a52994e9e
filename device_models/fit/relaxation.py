"""How the cells of a level move with time: mean and spread of G - G(0) against log time."""

from __future__ import annotations

import numpy as np

from device_models.aging import LogTimeLaw
from device_models.fit.groups import Array, Groups


def log_time_law(groups: Groups) -> LogTimeLaw | None:
    """Least squares in log10 t of the mean and the deviation of G - G(0), per level; None with fewer than two times.

    Only cells read at both moments count (a cell is its own reference).
    """
    times = np.array(groups.times_s[1:])
    if len(times) < 2 or groups.times_s[0] != 0:
        return None
    moves = [[_change(groups, level, time) for time in range(1, len(groups.times_s))]
             for level in range(len(groups.levels))]
    slopes = [[_slope(times, np.array([statistic(d) for d in row])) for row in moves]
              for statistic in (np.mean, np.std)]
    return LogTimeLaw(from_s=float(times[0]), to_s=float(times[-1]), mean_per_decade_uS=tuple(slopes[0]),
                      sd_per_decade_uS=tuple(slopes[1]))


def _change(groups: Groups, level: int, time: int) -> Array:
    _, before, after = np.intersect1d(groups.cells[level][0], groups.cells[level][time], return_indices=True)
    return groups.values[level][time][after] - groups.values[level][0][before]


def _slope(times: Array, y: Array) -> float:
    return float(f"{np.polyfit(np.log10(times), y, 1)[0]:.4g}")
