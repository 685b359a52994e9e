"""The ways in which the field says a spread, beside one another: "50 %" means nothing without one of these.

own_mean    sd / mean of that level         ("sigma/mu", what profiles here call own_conductance)
log         sd of ln G                      (log-normal models)
full_scale  sd / mean of the highest level  (aihwkit, CrossSim with an infinite on/off ratio)
range       sd / (highest - lowest mean)    (weights from 0 to 1)
step        sd / distance to the next level (in LSB, as for converters)
absolute    sd in uS

Each as plain standard deviation and robust, IQR / 1.349 about the median (equal for a normal distribution; where tails
are heavy the plain one is larger). "Variance" in the strict sense is the square: `Spread.variance`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from device_models.extract.counts import Array, Ints

Kind = Literal["plain", "robust"]
MEANING = {
    "own_mean": "sd / the level's own mean",
    "log": "sd of ln G",
    "full_scale": "sd / highest level",
    "range": "sd / (highest - lowest level)",
    "step": "sd / distance between levels",
    "absolute": "sd in uS",
}
KINDS: tuple[Kind, ...] = ("plain", "robust")
IQR_OF_NORMAL = 1.3489795003921634
_DRAWN_AT_ONCE = 1 << 21


@dataclass(frozen=True)
class LevelStatistics:
    """Centre and deviation of every level, float64 [..., L]: uS, and (suffix _ln) of ln G."""

    centre_uS: Array
    sd_uS: Array
    sd_ln: Array


def statistics(g_uS: Array, kind: Kind) -> tuple[Any, Any, Any]:
    """Centre, deviation, deviation of ln G of cells of one level [..., n] (> 0)."""
    ln = np.log(g_uS)
    if kind == "plain":
        return g_uS.mean(axis=-1), g_uS.std(axis=-1, ddof=1), ln.std(axis=-1, ddof=1)
    low, middle, high = np.quantile(g_uS, [0.25, 0.5, 0.75], axis=-1)
    return middle, (high - low) / IQR_OF_NORMAL, (np.log(high) - np.log(low)) / IQR_OF_NORMAL


def conventions(levels: LevelStatistics) -> dict[str, Array]:
    """The deviation of each level [..., L] under every convention of `MEANING`: shares, not per cent; or uS."""
    centre, sd = levels.centre_uS, levels.sd_uS
    highest = centre.max(axis=-1, keepdims=True)
    width = highest - centre.min(axis=-1, keepdims=True)
    return {
        "own_mean": sd / centre,
        "log": levels.sd_ln,
        "full_scale": sd / highest,
        "range": sd / width,
        "step": sd * (centre.shape[-1] - 1) / width,
        "absolute": sd,
    }


@dataclass(frozen=True)
class Spread:
    """One convention: per level [L], their median and root mean square, each with its standard error.

    The error is the deviation over bootstrap samples. No percentile interval: where a handful of cells makes a plain
    deviation, samples miss some of them, and the interval lies below the estimate itself.
    """

    convention: str
    kind: Kind
    per_level: tuple[float, ...]
    median: float
    median_error: float
    rms: float
    rms_error: float

    @property
    def variance(self) -> float:
        """The square of the median: the strict sense of "variance" (in uS^2 for absolute)."""
        return self.median**2


def level_cells(level: npt.NDArray[Any], g_uS: npt.NDArray[Any], index: Ints) -> list[Array]:
    """The conductances of every level of `index`, in uS."""
    return [np.asarray(g_uS, dtype=np.float64)[level == one] for one in index]


def spreads(cells: list[Array], rng: np.random.Generator, samples: int) -> list[Spread]:
    """Every convention, plain and robust, of cells per level, with bootstrap over cells (`samples` >= 1)."""
    drawn = [_resampled(g, rng, samples) for g in cells]
    found = []
    for kind in KINDS:
        own = conventions(_stacked([statistics(g, kind) for g in cells]))
        other = conventions(_stacked([by_kind[kind] for by_kind in drawn]))
        for name, row in own.items():
            medians, rms = (f(other[name], axis=-1) for f in (np.median, _rms))
            found.append(Spread(name, kind, tuple(row.tolist()), float(np.median(row)), float(medians.std()),
                                float(_rms(row)), float(rms.std())))
    return found


def _resampled(g_uS: Array, rng: np.random.Generator, samples: int) -> dict[Kind, Any]:
    """`statistics` [samples] of as many cells drawn anew with replacement, a few samples at a time: memory is small."""
    at_once = max(1, _DRAWN_AT_ONCE // len(g_uS))
    parts: dict[Kind, list[Any]] = {kind: [] for kind in KINDS}
    for first in range(0, samples, at_once):
        some = g_uS[rng.integers(len(g_uS), size=(min(at_once, samples - first), len(g_uS)))]
        for kind in KINDS:
            parts[kind].append(statistics(some, kind))
    return {kind: tuple(np.concatenate(rows) for rows in zip(*found, strict=True)) for kind, found in parts.items()}


def _stacked(levels: list[Any]) -> LevelStatistics:
    return LevelStatistics(*(np.stack(column, axis=-1) for column in zip(*levels, strict=True)))


def _rms(row: Array, axis: int = -1) -> Any:
    return np.sqrt(np.mean(row**2, axis=axis))
