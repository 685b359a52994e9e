"""From a profile to the tables that a board draws from (docs/numerics.md, sections 1 to 3): it never sees a formula."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from device_models.distributions import (
    Distribution,
    GaussianMixture,
    LogNormal,
    Normal,
    NormalLogNormalVariance,
    Point,
    Quantiles,
)
from device_models.errors import ProfileError
from device_models.octave import node_probabilities
from device_models.parts import Amount, Stuck
from device_models.profile import DeviceProfile
from device_models.spread import (
    GaussianMixtureSpread,
    NormalLogNormalVarianceSpread,
    NormalSpread,
    QuantileSpread,
    Spread,
)

STEPS = 2048        # G steps between the lowest and the highest level
TABLE_UNIT = 256    # table entries are in 1/256 G step
MAX_STEPS = 32767   # a cell is an int16
_TABLE_LIMIT = 2**30  # far beyond MAX_STEPS, and the difference of two entries still fits int32
_VISIBLE = 1e-9      # of G_max - G_min: a smaller deviation changes no table entry
_CLAMPED = 1e-3     # largest share of cells that may lie above what an int16 holds


@dataclass(frozen=True)
class CompiledProfile:
    """Tables of L levels; conductances in G steps of `g_step_us` uS.

    quantiles int32 [L, 2, 514], unit 1/256 G step (half 0 lower, 1 upper, mirrored); target int32 [L];
    var float64 [L], variance of the cells that the tables draw, in G steps^2; read_a float64 [L] in G steps and
    read_b float64 [L]: read noise sigma = a + b G; faults uint32 [4] = thr_low, thr_high, g_low, g_high;
    normal float32 [514]: quantiles of the unit normal, lower half.
    """

    quantiles: npt.NDArray[np.int32]
    target: npt.NDArray[np.int32]
    var: npt.NDArray[np.float64]
    read_a: npt.NDArray[np.float64]
    read_b: npt.NDArray[np.float64]
    faults: npt.NDArray[np.uint32]
    normal: npt.NDArray[np.float32]
    g_step_us: float


def compile_profile(profile: DeviceProfile) -> CompiledProfile:
    """The tables of `profile`; ProfileError where its conductances do not fit a cell's 16 bits."""
    step = (profile.g_max_uS - profile.g_min_uS) / STEPS
    levels = np.array(profile.levels.conductance_uS)
    _check_range(profile, step)
    tables = np.stack([quantile_table(programming_distribution(profile, level)) for level in range(len(levels))])
    quantiles = np.clip(np.rint(tables / step * TABLE_UNIT), -_TABLE_LIMIT, _TABLE_LIMIT).astype(np.int32)
    noise = profile.read_noise
    return CompiledProfile(
        quantiles=quantiles,
        target=np.rint(levels / step).astype(np.int32),
        var=np.array([_variance(table) for table in quantiles]),
        read_a=_per_level(noise.absolute_uS, len(levels)) / step,
        read_b=_per_level(noise.relative, len(levels)),
        faults=_faults(profile.faults.stuck_low, profile.faults.stuck_high, step),
        normal=quantile_table(Normal(0.0, 1.0))[0].astype(np.float32),
        g_step_us=step,
    )


def programming_distribution(profile: DeviceProfile, level: int) -> Distribution:
    """Distribution of a cell's conductance in uS after it was programmed to `level`."""
    return spread_distribution(profile, profile.programming, level)


def spread_distribution(profile: DeviceProfile, spread: Spread, level: int) -> Distribution:
    """Distribution in uS that `spread` (of programming, or of a later time) gives the cells of `level`."""
    target = profile.levels.conductance_uS[level]
    unit = {"own_conductance": target, "full_scale": profile.g_max_uS, "absolute_uS": 1.0}[spread.reference]
    if isinstance(spread, QuantileSpread):
        return Quantiles(np.array(spread.probability), target + unit * np.array(spread.deviation[level]))
    visible = _VISIBLE * (profile.g_max_uS - profile.g_min_uS)
    if isinstance(spread, GaussianMixtureSpread):
        return _mixture(spread, target, unit, level, visible)
    sd = unit * _at(spread.sigma, level)
    if isinstance(spread, NormalLogNormalVarianceSpread):
        return NormalLogNormalVariance(target, sd, spread.variance_sigma) if sd >= visible else Point(target)
    centre = target + unit * _at(spread.shift, level)
    if sd < visible:
        return Point(max(centre, 0.0))
    if isinstance(spread, NormalSpread):
        return Normal(centre, sd)
    if centre <= 0:
        raise ProfileError(f"profile {profile.name}: shift: level {level} has {spread.target_is} {centre:g} uS, "
                           "which is not > 0 as a log-normal spread needs")
    return (LogNormal.from_mean if spread.target_is == "mean" else LogNormal.from_median)(centre, sd)


def _mixture(spread: GaussianMixtureSpread, target: float, unit: float, level: int, visible: float) -> Distribution:
    weights = np.array(spread.weight[level])
    means, sds = target + unit * np.array(spread.shift[level]), unit * np.array(spread.sigma[level])
    some = weights > 0
    return GaussianMixture(weights[some] / weights[some].sum(), means[some], np.maximum(sds[some], visible))


def _at(values: float | tuple[float, ...] | None, level: int) -> float:
    if values is None:
        return 0.0
    return values[level] if isinstance(values, tuple) else values


def quantile_table(distribution: Distribution) -> npt.NDArray[np.float64]:
    """Quantiles at the octave grid's nodes, float64 [2, 514]; node 0 makes the outermost segment keep its mean."""
    p = node_probabilities()
    lower, upper = np.empty_like(p), np.empty_like(p)
    lower[1:], upper[1:] = distribution.ppf(p[1:]), distribution.ppf(1 - p[1:])
    # A segment's mean lies beyond its inner end, but for rounding where a spread is next to nothing.
    lower[0] = min(2 * distribution.segment_mean(0.0, p[1]) - lower[1], lower[1])
    upper[0] = max(2 * distribution.segment_mean(1 - p[1], 1.0) - upper[1], upper[1])
    return np.stack([lower, upper])


def _variance(table: npt.NDArray[np.int32]) -> float:
    # Of the table and not of the formula: a normal spread loses what lies below zero, and so do the board's cells.
    p = node_probabilities()
    steps = np.clip(table / TABLE_UNIT, 0, MAX_STEPS)
    return Quantiles(np.concatenate([p, 1 - p[-2::-1]]), np.concatenate([steps[0], steps[1][-2::-1]])).var


def _per_level(amount: Amount | None, levels: int) -> npt.NDArray[np.float64]:
    value = 0.0 if amount is None else amount.value
    return np.broadcast_to(np.array(value, dtype=np.float64), levels).copy()


def _faults(low: Stuck | None, high: Stuck | None, step: float) -> npt.NDArray[np.uint32]:
    p_low, p_high = (stuck.probability if stuck else 0.0 for stuck in (low, high))
    thresholds = [min(round(p * 2**32), 2**32 - 1) for p in (p_low, p_low + p_high)]
    steps = [min(round(stuck.conductance_uS / step), MAX_STEPS) if stuck else 0 for stuck in (low, high)]
    return np.array(thresholds + steps, dtype=np.uint32)


def _check_range(profile: DeviceProfile, step: float) -> None:
    top = MAX_STEPS * step
    where = f"profile {profile.name}: "
    if profile.g_max_uS > top:
        raise ProfileError(f"{where}levels.conductance_uS: highest level {profile.g_max_uS:g} uS is not <= {top:g} uS, "
                           "16 times highest minus lowest")
    for level in range(profile.n_levels):
        beyond = 1 - float(programming_distribution(profile, level).cdf(top))
        if beyond > _CLAMPED:
            raise ProfileError(f"{where}programming: {100 * beyond:.2g} % of the cells of level {level} lie above "
                               f"{top:g} uS (16 times highest minus lowest level); at most {100 * _CLAMPED:g} % may")
    for key, stuck in (("stuck_low", profile.faults.stuck_low), ("stuck_high", profile.faults.stuck_high)):
        if stuck is not None and stuck.conductance_uS > top:
            raise ProfileError(f"{where}faults.{key}.conductance_uS: {stuck.conductance_uS:g} is not <= {top:g}")
