"""What chips say about all chips: mean, spread, minimum and yield, with confidence intervals.

An interval speaks of chips that were not drawn, on these test images: it holds nothing about other images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

RESAMPLES = 10_000
NORMAL_95 = 1.96


@dataclass(frozen=True)
class Asked:
    """What a report shall say; confidence and yield_at (an accuracy) in per cent.

    mean: how its interval is found. 't' is Student's, which takes the chips' accuracies for normal; 'bootstrap' takes
    percentiles of resampled means.
    """

    confidence: float = 95.0
    mean: Literal["t", "bootstrap"] = "t"
    yield_at: float | None = None
    seed: int = 0


@dataclass(frozen=True)
class OverChips:
    """`values`: accuracy in per cent of every chip."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Over chips."""
        return float(np.mean(self.values))

    @property
    def std(self) -> float:
        """Over chips (n - 1); 0 of one chip."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else 0.0

    def as_json(self) -> dict[str, Any]:
        """Keys of a report."""
        return {"mean_percent": self.mean, "std_percent": self.std, "min_percent": min(self.values),
                "values_percent": list(self.values)}


def summary(values: Sequence[float], asked: Asked) -> dict[str, Any]:
    """Keys of a report for accuracies in per cent of n chips; intervals are None where one chip has none.

    Yield: chips at or above `yield_at`, with the intervals of Wilson (1927) and of Clopper and Pearson (1934).
    """
    v = np.array(values, np.float64)
    out: dict[str, Any] = {
        "mean": round(float(v.mean()), 4),
        "std": round(float(v.std(ddof=1)) if len(v) > 1 else 0.0, 4),
        "min": round(float(v.min()), 4),
    }
    low, high = mean_interval(v, asked)
    out |= {"mean_low": low, "mean_high": high}
    if asked.yield_at is not None:
        good = int(np.sum(v >= asked.yield_at))
        out["yield_percent"] = round(100 * good / len(v), 4)
        for key, method in (("yield", "wilson"), ("yield_exact", "exact")):
            out[f"{key}_low"], out[f"{key}_high"] = yield_interval(good, len(v), asked.confidence, method)
    return out


def mean_interval(v: np.ndarray[Any, np.dtype[np.float64]], asked: Asked) -> tuple[float | None, float | None]:
    """Ends of the interval of the mean of [n] values; (None, None) for one value."""
    from scipy import stats

    if len(v) < 2:
        return None, None
    share = asked.confidence / 100
    if asked.mean == "bootstrap":
        drawn = np.random.default_rng(asked.seed).integers(0, len(v), (RESAMPLES, len(v)))
        low, high = np.quantile(v[drawn].mean(axis=1), [(1 - share) / 2, (1 + share) / 2])
    else:
        half = float(stats.t.ppf((1 + share) / 2, len(v) - 1)) * v.std(ddof=1) / np.sqrt(len(v))
        low, high = v.mean() - half, v.mean() + half
    return round(float(low), 4), round(float(high), 4)


def above_zero(differences: np.ndarray[Any, np.dtype[np.float64]]) -> bool:
    """Whether the mean of [n] differences, chip by chip, is above zero with 95 % confidence, normal approximation."""
    return bool(differences.mean() > NORMAL_95 * differences.std(ddof=1) / np.sqrt(len(differences)))


def yield_interval(good: int, chips: int, confidence: float, method: str) -> tuple[float, float]:
    """Ends in per cent of the interval of a share of chips; method 'wilson' or 'exact' (Clopper-Pearson)."""
    from scipy import stats

    ends = stats.binomtest(good, chips).proportion_ci(confidence / 100, method)
    return round(100 * float(ends.low), 4), round(100 * float(ends.high), 4)
