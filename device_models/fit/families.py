"""The distributions among which a fit chooses: each fits the groups of some cells and gives their distributions.

Simplest first: normal, log-normal, Gaussian mixture (3 components), quantile table. The first three take every level
and time by itself; the table pools levels that are alike (`fit.sharing`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from device_models.distributions import Distribution, GaussianMixture, LogNormal, Normal, Quantiles
from device_models.fit.following import followed
from device_models.fit.groups import Array, Groups
from device_models.fit.mixtures import fit_mixtures
from device_models.fit.sharing import ALIGNMENTS, Pooling, align, cell_weights, pooled_quantiles
from device_models.parts import Evidence
from device_models.spread import GaussianMixtureSpread, LogNormalSpread, NormalSpread, QuantileSpread, Spread

Table = list[list[Distribution]]  # [level][time]
_TINY = 1e-9  # uS

# Even in probability, where the cells are, and finer towards the ends.
TAIL = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03)
PROBABILITY = np.array([0.0, *TAIL, *np.linspace(0.05, 0.95, 37), *(1 - p for p in reversed(TAIL)), 1.0])


@dataclass(frozen=True)
class Family:
    """`fit(groups)` gives the distribution of every level and time; `spread` the document of one time."""

    name: str
    fit: Callable[[Groups], Table]
    spread: Callable[[list[Distribution], Array, Evidence], Spread]


def families(targets_uS: Array, pooling: Pooling) -> tuple[Family, ...]:
    """The four families, simplest first, for levels with these targets."""
    return (
        Family("normal", _each(lambda x: Normal(float(x.mean()), max(float(x.std(ddof=1)), _TINY))), _normal_spread),
        Family("log-normal", _each(_log_normal), _log_normal_spread),
        Family("gaussian-mixture", _mixtures, _mixture_spread),
        Family("quantiles", lambda groups: quantile_tables(groups, targets_uS, pooling), _quantile_spread),
    )


def quantile_tables(groups: Groups, targets_uS: Array, pooling: Pooling) -> Table:
    """Quantile tables of every level and time, pooled as `pooling` says."""
    groups = followed(groups) if pooling.follow else groups
    aligned = {how: align(groups, targets_uS, how) for how in ALIGNMENTS}
    weights = cell_weights(pooling, aligned)
    return [[Quantiles(PROBABILITY, pooled_quantiles(aligned, weights, level, time, PROBABILITY))
             for time in range(len(groups.times_s))] for level in range(len(groups.levels))]


def _each(fit: Callable[[Array], Distribution]) -> Callable[[Groups], Table]:
    return lambda groups: [[fit(x) for x in row] for row in groups.values]


def _log_normal(x: Array) -> Distribution:
    log = np.log(x)
    return LogNormal(float(log.mean()), max(float(log.std(ddof=1)), _TINY))


def _mixtures(groups: Groups) -> Table:
    weights, means, sds = fit_mixtures([x for row in groups.values for x in row])
    each = iter([GaussianMixture(w, m, s) for w, m, s in zip(weights, means, sds, strict=True)])
    return [[next(each) for _ in row] for row in groups.values]


def _sd(row: list[Distribution]) -> tuple[float, ...]:
    return tuple(short(d.var**0.5) for d in row)


def _shift(row: list[Distribution], targets: Array) -> tuple[float, ...]:
    return tuple(short(d.mean - target) for d, target in zip(row, targets, strict=True))


def _normal_spread(row: list[Distribution], targets: Array, evidence: Evidence) -> Spread:
    return NormalSpread(distribution="normal", reference="absolute_uS", sigma=_sd(row), shift=_shift(row, targets),
                        evidence=evidence)


def _log_normal_spread(row: list[Distribution], targets: Array, evidence: Evidence) -> Spread:
    return LogNormalSpread(distribution="log-normal", reference="absolute_uS", sigma=_sd(row), target_is="mean",
                           shift=_shift(row, targets), evidence=evidence)


def _mixture_spread(row: list[Distribution], targets: Array, evidence: Evidence) -> Spread:
    mixtures = [d for d in row if isinstance(d, GaussianMixture)]
    return GaussianMixtureSpread(
        distribution="gaussian-mixture", reference="absolute_uS", evidence=evidence,
        weight=tuple(tuple(map(float, d.weights)) for d in mixtures),
        shift=tuple(_shorts(d.means - target) for d, target in zip(mixtures, targets, strict=True)),
        sigma=tuple(_shorts(d.sds) for d in mixtures))


def _quantile_spread(row: list[Distribution], targets: Array, evidence: Evidence) -> Spread:
    tables = [d for d in row if isinstance(d, Quantiles)]
    return QuantileSpread(
        distribution="quantiles", reference="absolute_uS", probability=tuple(_shorts(PROBABILITY)), evidence=evidence,
        deviation=tuple(_shorts(d.x - target) for d, target in zip(tables, targets, strict=True)))


def short(value: float) -> float:
    """Five digits: more than any measurement holds, and a document that can be read."""
    return float(f"{value:.5g}")


def _shorts(values: Array) -> tuple[float, ...]:
    return tuple(map(short, values))
