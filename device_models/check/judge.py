"""Does a profile describe measured cells? Its distributions against them, judged by what sampling alone gives.

For every level and time with at least 30 cells: the one-sample Kolmogorov-Smirnov distance D, and

    ks_ratio = median over the groups of D / (0.83 / sqrt(n)),

1 for a true model, 1.41 for the empirical distribution of as many other cells. Beside it two baselines fitted to the
other half of the cells: a normal distribution per group, and those cells themselves (the bootstrap).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from device_models.check.confusion import bin_edges, measured_shares, model_shares, total_variation
from device_models.check.distances import SAMPLING, kolmogorov_smirnov, rejected, wasserstein
from device_models.derive import distribution_at
from device_models.distributions import Distribution, Normal, Quantiles
from device_models.errors import ProfileError
from device_models.fit.groups import MIN_CELLS, Array, Groups
from device_models.profile import DeviceProfile

TV_LIMIT = 1.25  # how far the model's confusion matrix may be, in distances between two halves of the cells
_SAME = 1.001    # a fitted profile's numbers have five digits: a normal one is not below a normal fit


@dataclass(frozen=True)
class GroupResult:
    """One level at one time: n cells, distance D (and its ratio to sampling), Wasserstein distance in uS."""

    level: int
    time_s: float
    n: int
    ks: float
    ks_ratio: float
    rejected: bool
    wasserstein_uS: float


@dataclass(frozen=True)
class Summary:
    """Of all groups: median ratio, share of groups rejected at 5 %, mean Wasserstein distance in uS."""

    ks_ratio: float
    rejected_percent: float
    wasserstein_uS: float


@dataclass(frozen=True)
class Verdict:
    """The profile's figures, those of the baselines, the confusion matrix's distance, and whether it passes."""

    model: Summary
    baselines: dict[str, Summary]
    tv_mean: float
    tv_floor: float
    groups: tuple[GroupResult, ...]
    passed: bool
    reasons: tuple[str, ...]


def judge(profile: DeviceProfile, judged: Groups, fitted: Groups, outside: bool = False) -> Verdict:
    """Hold `profile` against the cells `judged`; `fitted` is the other half, for the baselines.

    It passes where ks_ratio is below the normal fit's (or equal) and, like the share of rejected groups, not above the
    bootstrap's, and the confusion matrix lies within TV_LIMIT of what the two halves differ by (or one cell of a group,
    where they differ by less). ProfileError where a level or time is not the profile's.
    """
    _same_groups(judged, fitted)
    places = places_of(profile, judged)
    groups: list[GroupResult] = []
    baselines: dict[str, list[GroupResult]] = {"normal": [], "bootstrap": []}
    tv, floor = [], []
    edges = bin_edges(np.array(profile.levels.conductance_uS))
    for i, level in enumerate(judged.levels):
        for j, time_s in enumerate(judged.times_s):
            sample, other = judged.values[i][j], fitted.values[i][j]
            if min(len(sample), len(other)) < MIN_CELLS:
                continue
            model = distribution_at(profile, places[i], time_s, outside)
            groups.append(_compare(model, sample, level, time_s))
            normal = Normal(float(other.mean()), float(other.std(ddof=1)))
            baselines["normal"].append(_compare(normal, sample, level, time_s))
            baselines["bootstrap"].append(_compare(bootstrap(other), sample, level, time_s))
            shares = measured_shares(sample, edges)
            tv.append(total_variation(model_shares(model, edges), shares))
            floor.append(total_variation(measured_shares(other, edges), shares))
    if not groups:
        raise ProfileError(f"{judged.source}: no level and time with at least {MIN_CELLS} cells in both halves")
    own, sides = _summary(groups), {name: _summary(rows) for name, rows in baselines.items()}
    one_cell = float(np.mean([1 / group.n for group in groups]))
    reasons = _reasons(own, sides, float(np.mean(tv)), float(np.mean(floor)), one_cell)
    return Verdict(own, sides, float(np.mean(tv)), float(np.mean(floor)), tuple(groups), not reasons, reasons)


def comparable(judged: Groups, fitted: Groups) -> tuple[Groups, Groups, tuple[float, ...]]:
    """Both halves at the times that a fit of `fitted` takes and `judged` has, and the times that are left out.

    A fit leaves out later times at which a level has fewer than MIN_CELLS cells (`fit.groups.enough`).
    """
    first = min(fitted.times_s)
    few = {time_s for j, time_s in enumerate(fitted.times_s)
           if time_s != first and min(len(row[j]) for row in fitted.values) < MIN_CELLS}
    both = (set(judged.times_s) & set(fitted.times_s)) - few
    left_out = tuple(sorted((set(judged.times_s) | set(fitted.times_s)) - both))
    return judged.at(both), fitted.at(both), left_out


def bootstrap(sample: Array) -> Distribution:
    """The distribution of the sample itself, each cell in the middle of its step."""
    n = len(sample)
    x = np.sort(sample)
    return Quantiles(np.concatenate([[0.0], (np.arange(n) + 0.5) / n, [1.0]]), np.concatenate([x[:1], x, x[-1:]]))


def _compare(model: Distribution, sample: Array, level: int, time_s: float) -> GroupResult:
    d, n = kolmogorov_smirnov(model, sample), len(sample)
    return GroupResult(level, time_s, n, d, d * n**0.5 / SAMPLING, rejected(d, n), wasserstein(model, sample))


def _summary(groups: Sequence[GroupResult]) -> Summary:
    return Summary(float(np.median([g.ks_ratio for g in groups])), 100 * float(np.mean([g.rejected for g in groups])),
                   float(np.mean([g.wasserstein_uS for g in groups])))


def _reasons(
    model: Summary, baselines: dict[str, Summary], tv: float, floor: float, one_cell: float
) -> tuple[str, ...]:
    normal, boot = baselines["normal"], baselines["bootstrap"]
    found = []
    if model.ks_ratio > normal.ks_ratio * _SAME:
        found.append(f"ks_ratio {model.ks_ratio:.2f} is above that of a normal fit, {normal.ks_ratio:.2f}")
    if model.ks_ratio > boot.ks_ratio:
        found.append(f"ks_ratio {model.ks_ratio:.2f} is above that of the other half's cells, {boot.ks_ratio:.2f}")
    if model.rejected_percent > boot.rejected_percent:
        found.append(f"{model.rejected_percent:.0f} % of the groups are rejected, {boot.rejected_percent:.0f} % with "
                     "the other half's cells")
    if tv > TV_LIMIT * max(floor, one_cell):
        found.append(f"confusion matrix: total variation {tv:.3f} is above {TV_LIMIT:g} x {floor:.3f}, between halves")
    return tuple(found)


def _same_groups(judged: Groups, fitted: Groups) -> None:
    if (judged.levels, judged.times_s) != (fitted.levels, fitted.times_s):
        raise ProfileError(f"{judged.source}: the two halves of the cells do not have the same levels and times: there "
                           "are too few cells")


def places_of(profile: DeviceProfile, judged: Groups) -> list[int]:
    """The profile's level of each level of the table: in order where there are as many, else the one of that index."""
    if len(judged.levels) == profile.n_levels:
        return list(range(profile.n_levels))
    if max(judged.levels) >= profile.n_levels:
        raise ProfileError(f"{judged.source}: level {max(judged.levels)}, but profile {profile.name} has "
                           f"{profile.n_levels} levels, 0 to {profile.n_levels - 1}")
    return list(judged.levels)
