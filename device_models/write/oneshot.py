"""One-shot cells: every write attempt draws the conductance anew from the profile's programming spread."""

from __future__ import annotations

import numpy as np

from device_models.compile import programming_distribution
from device_models.errors import ProfileError
from device_models.octave import node_probabilities
from device_models.profile import DeviceProfile
from device_models.write import random
from device_models.write.broadening import Broadening
from device_models.write.cells import Reading, StatisticalCells
from device_models.write.port import Array, BoolArray, Pulse


class OneShotCells(StatisticalCells):
    """Cells whose write circuit knows the target: any SET pulse is one attempt, a RESET leaves the lowest level.

    `target_uS` [n] within the profile's levels; between two levels the deviations (quantile by quantile) are
    interpolated. ProfileError where a target lies outside of the levels.
    """

    def __init__(self, profile: DeviceProfile, target_uS: Array, seed: int) -> None:
        levels = np.array(profile.levels.conductance_uS)
        super().__init__(np.full(len(target_uS), levels[0]), seed, Reading.from_profile(profile),
                         Broadening.from_profile(profile), energy_of_a_pulse_pJ(profile))
        lower = node_probabilities()[1:]  # the octave grid without p = 0: fine at both tails
        self._p = np.concatenate([lower, 1 - lower[-2::-1]])
        spreads = [programming_distribution(profile, level) for level in range(len(levels))]
        self._deviation = np.stack([spread.ppf(self._p) - g for spread, g in zip(spreads, levels, strict=True)])
        self._profile, self._lowest = profile.name, levels[0]
        self._levels = levels
        self.aim(target_uS)

    def aim(self, target_uS: Array) -> None:
        """Targets [n] of the writes to come; ProfileError where one lies outside of the levels."""
        levels = self._levels
        outside = (target_uS < levels[0]) | (target_uS > levels[-1])
        if outside.any():
            raise ProfileError(f"profile {self._profile}: a target of {target_uS[outside][0]:g} uS is not within its "
                               f"levels, {levels[0]:g} to {levels[-1]:g} uS: it has no programming spread there")
        self._target = np.array(target_uS, dtype=np.float64)
        self._level = np.clip(np.searchsorted(levels, target_uS, side="right") - 1, 0, len(levels) - 2)
        self._part = (target_uS - levels[self._level]) / (levels[self._level + 1] - levels[self._level])

    def apply(self, pulse: Pulse, where: BoolArray) -> Array:
        """SET: a new draw for each cell of `where`; amplitude, gate and width make no difference to this model."""
        cells = np.flatnonzero(where)
        if pulse.polarity == "reset":
            return self._write(where, np.full(len(cells), self._lowest))
        u = self._source.uniform(random.ATTEMPT, cells, self._pulses)
        level, part = self._level[cells], self._part[cells]
        drawn = np.empty(len(cells))
        for i in np.unique(level):
            of = level == i
            below, above = (np.interp(u[of], self._p, self._deviation[j]) for j in (i, i + 1))
            drawn[of] = below * (1 - part[of]) + above * part[of]
        return self._write(where, self._target[cells] + drawn)


def energy_of_a_pulse_pJ(profile: DeviceProfile) -> float | None:
    """The profile's mean energy of one pulse; None where it gives none."""
    cost = profile.programming_cost
    return None if cost is None or cost.energy_pJ is None else cost.energy_pJ / cost.pulses
