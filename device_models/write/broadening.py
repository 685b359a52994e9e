"""Relaxation of written cells: independent steps in time, so that the spread of G - G(written) grows as measured.

    model = Broadening.from_profile(profile)
    mean_uS, variance = model.moments(g_uS, age_s)

In the arrays of technology A the correlation of G(t) - G(0) with G(1e4 s) - G(0) is 0.75 at 100 s (0.87 for independent
steps, 1 for cells that each keep their own slope): steps are independent, cells do not remember (docs/programming.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from device_models.compile import programming_distribution, spread_distribution
from device_models.distributions import Distribution
from device_models.profile import DeviceProfile
from device_models.write.port import Array, Index

_SIGMA = (0.15865525393145707, 0.8413447460685429)  # a normal distribution's -1 and +1 sigma


@dataclass(frozen=True)
class Broadening:
    """Mean and deviation of G - G(written): `mean_uS`, `sd_uS` [L, T] at `levels_uS` [L] and `times_s` [T] > 0.

    Between levels linear in G, between times linear in log time (variance, not deviation); before the first time
    proportional to time, after the last constant.
    """

    levels_uS: Array
    times_s: Array
    mean_uS: Array
    sd_uS: Array

    @classmethod
    def from_profile(cls, profile: DeviceProfile) -> Broadening | None:
        """From `profile.relaxation`: what its spreads have more than the programming spread; None where it has none.

        Half the distance between the quantiles at -1 and +1 sigma stands for the deviation, so that the few cells that
        are far off (0.4 % to 27 % of the measured ones) do not widen all the others.
        """
        if profile.relaxation is None:
            return None
        levels, aged = range(profile.n_levels), profile.relaxation.aged
        written = [programming_distribution(profile, level) for level in levels]
        mean, variance = np.zeros((2, len(written), len(aged)))
        for j, then in enumerate(aged):
            for i in levels:
                after = spread_distribution(profile, then.spread, i)
                mean[i, j] = float(after.ppf(0.5)) - float(written[i].ppf(0.5))
                variance[i, j] = _width(after) ** 2 - _width(written[i]) ** 2
        sd = np.sqrt(np.maximum.accumulate(np.maximum(variance, 0.0), axis=1))
        return cls(np.array(profile.levels.conductance_uS), np.array([then.time_s for then in aged]), mean, sd)

    def moments(self, g_uS: Array, age_s: Array) -> tuple[Array, Array]:
        """Mean (uS) and variance (uS^2) of G - G(written) of cells written to `g_uS` [n], `age_s` [n] later."""
        return self._at(self.mean_uS, g_uS, age_s), self._at(self.sd_uS**2, g_uS, age_s)

    def _at(self, table: Array, g_uS: Array, age_s: Array) -> Array:
        row, part = _place(self.levels_uS, g_uS)
        column, later = _place(np.log(self.times_s), np.log(np.maximum(age_s, self.times_s[0])))
        next_row = np.minimum(row + 1, len(self.levels_uS) - 1)
        next_column = np.minimum(column + 1, len(self.times_s) - 1)
        below = table[row, column] * (1 - part) + table[next_row, column] * part
        above = table[row, next_column] * (1 - part) + table[next_row, next_column] * part
        value: Array = (below * (1 - later) + above * later) * np.minimum(age_s / self.times_s[0], 1.0)
        return value


def _width(distribution: Distribution) -> float:
    low, high = distribution.ppf(_SIGMA)
    return float(high - low) / 2


def _place(grid: Array, x: Array) -> tuple[Index, Array]:
    # Index of the grid value below x and the share of the way to the next; beyond the ends: the ends.
    index = np.clip(np.searchsorted(grid, x, side="right") - 1, 0, max(len(grid) - 2, 0))
    if len(grid) == 1:
        return index, np.zeros(len(x))
    return index, np.clip((x - grid[index]) / (grid[index + 1] - grid[index]), 0.0, 1.0)
