"""The programming spread of a profile as numbers per level: what `show`, its figure and `diff` stand on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from device_models.distributions import Distribution
    from device_models.profile import DeviceProfile

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class LevelSpread:
    """One level in uS: its target, mean, standard deviation, quantiles at QUANTILES, sd of one read."""

    target: float
    mean: float
    sd: float
    quantiles: tuple[float, ...]
    read_noise: float


def level_spreads(profile: DeviceProfile) -> list[LevelSpread]:
    """Every level after programming."""
    noise = profile.read_noise
    found = []
    for level, target in enumerate(profile.levels.conductance_uS):
        d = distribution(profile, level)
        amounts = [0.0 if amount is None else amount.value for amount in (noise.relative, noise.absolute_uS)]
        relative, absolute = (value[level] if isinstance(value, tuple) else value for value in amounts)
        quantiles = tuple(max(float(x), 0.0) for x in d.ppf(QUANTILES))  # below zero a cell is at zero
        found.append(LevelSpread(target, d.mean, d.var**0.5, quantiles, absolute + relative * d.mean))
    return found


def distribution(profile: DeviceProfile, level: int) -> Distribution:
    """Of the cells of a level after programming."""
    from device_models.compile import programming_distribution

    return programming_distribution(profile, level)


def nearer_to_another(profile: DeviceProfile) -> float:
    """Share of cells (levels alike) that lie nearer to another level's target than to their own."""
    import numpy as np

    from device_models.check.confusion import bin_edges, model_shares

    edges = bin_edges(np.array(profile.levels.conductance_uS))
    right = [model_shares(distribution(profile, level), edges)[level] for level in range(profile.n_levels)]
    return float(1 - np.mean(right))
