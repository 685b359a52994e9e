"""What an order of rows costs: which rows are read together, and the noise that a conversion then has.

Weinstock et al. (ORSS 2023): row reorder, with sparsity-aware row control, cuts the effect of analogue noise in the
last layer by 5.6 %. The abstract gives no noise model; this is our reading:

- rows are read in groups of `rows_active` neighbours, one conversion each; a row with input 0 is not opened;
- a conversion sees two bit lines, of the plus and of the minus cells, with currents I+ and I- (in units of one cell's
  range times one code). Each has noise in proportion to its current, sd = `current` I: what a wandering clamp voltage
  or reference does, common to all open rows. So the variance of one conversion is current^2 (I+^2 + I-^2): it grows
  with the *square* of what is open at once, and two rows that are open together cost more than apart;
- read noise of the cells, independent of each other, adds up the same in whatever order, as does the cells' spread.

The mean of the first part over inputs is a sum over pairs of rows k, l of one group of

    Q_kl = mean(h x_k x_l) sum_j (u_kj u_lj + v_kj v_lj)

with u, v the conductances of plus and minus cells and h how much an error hurts at that input: rows seldom active
together, and rows whose weights are mostly opposite, belong together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from device_models.compile import STEPS, compile_profile
from device_models.derive import with_levels
from device_models.profile import DeviceProfile

F64 = npt.NDArray[np.float64]
Integers = npt.NDArray[np.integer]


@dataclass(frozen=True)
class RowNoise:
    """current: standard deviation of a bit line over its current. off: conductance of a cell that stands for nothing,
    in units of the range G_max - G_min. read_off, read_on: read noise of the cells of both levels in that unit."""

    current: float = 0.1
    off: float = 0.0
    read_off: float = 0.0
    read_on: float = 0.0

    @classmethod
    def of(cls, profile: DeviceProfile, current: float) -> RowNoise:
        """Two levels of `profile`: its lowest and its highest."""
        tables = compile_profile(two_levels(profile))
        sd = (tables.read_a + tables.read_b * tables.target) / STEPS
        return cls(current, float(tables.target[0]) / STEPS, float(sd[0]), float(sd[1]))


def two_levels(profile: DeviceProfile) -> DeviceProfile:
    """The technology with its lowest and its highest level alone: what a 1-bit cell uses."""
    return profile if profile.n_levels == 2 else with_levels(profile, [profile.g_min_uS, profile.g_max_uS])


def pair_cost(codes: Integers, weights: Integers, off: float, hurt: F64 | None = None) -> F64:
    """Q [K, K] above from measured inputs [n, K] and weights +1 and -1 [K, N]; hurt [n], of mean 1 (None: all alike).
    """
    x = codes.astype(np.float64)
    together = x.T @ (x if hurt is None else x * hurt[:, None]) / len(x)
    u, v = (weights > 0) + off, (weights < 0) + off
    return np.asarray(together * (u @ u.T + v @ v.T), np.float64)


def hurts(sums: Integers) -> F64:
    """How much an error hurts at each input, of mean 1: in inverse proportion to 1 + the margin between the largest
    two of its sums [n, N]."""
    top = np.partition(sums.astype(np.float64), -2, axis=1)
    weight = 1 / (1 + top[:, -1] - top[:, -2])
    return np.asarray(weight / weight.mean(), np.float64)


def group_of(order: Integers, rows_active: int) -> npt.NDArray[np.int64]:
    """The conversion [K] that each logical row takes part in; order [K]: the logical row at each physical place."""
    group = np.empty(len(order), np.int64)
    group[order] = np.arange(len(order)) // rows_active
    return group


def order_cost(q: F64, order: Integers, rows_active: int) -> float:
    """The sum of Q over pairs of one group, the rows with themselves included: the noise variance of all columns in
    units of current^2."""
    group = group_of(order, rows_active)
    return float(q[group[:, None] == group[None, :]].sum())


def predicted_rms(codes: Integers, weights: Integers, order: Integers, rows_active: int, noise: RowNoise) -> float:
    """Root mean square of the noise of a column's sum before its ADC (no spread), in cells x codes."""
    q = pair_cost(codes, weights, noise.off)
    shared = noise.current**2 * order_cost(q, order, rows_active)
    power = (codes.astype(np.float64) ** 2).mean(axis=0).sum() * weights.shape[1]  # a pair is one cell on, one off
    own = (noise.read_off**2 + noise.read_on**2) * power
    return float(np.sqrt((shared + own) / weights.shape[1]))


def open_at_once(codes: Integers, order: Integers, rows_active: int) -> npt.NDArray[np.int64]:
    """How many conversions [rows_active + 1] had 0, 1, 2, ... rows open, over inputs [n, K]."""
    counts = np.zeros(rows_active + 1, np.int64)
    for start in range(0, len(order), rows_active):
        opened = (codes[:, order[start : start + rows_active]] != 0).sum(axis=1)
        counts += np.bincount(opened, minlength=rows_active + 1)
    return counts
