"""Distributions of a conductance, one small class each: ppf, cdf, mean, var, segment_mean. Arrays are float64."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

Array = npt.NDArray[np.float64]
ArrayLike = npt.ArrayLike


class Distribution(Protocol):
    """What compilation needs of a distribution."""

    @property
    def mean(self) -> float:
        """Mean."""

    @property
    def var(self) -> float:
        """Variance."""

    def ppf(self, p: ArrayLike) -> Array:
        """Quantile at probability p (0 to 1; infinite where the support is)."""

    def cdf(self, x: ArrayLike) -> Array:
        """P(X <= x)."""

    def segment_mean(self, p0: ArrayLike, p1: ArrayLike) -> Array:
        """Mean of X between its quantiles p0 < p1: integral of ppf over [p0, p1] / (p1 - p0)."""


@dataclass(frozen=True)
class Point:
    """No spread: always `value`."""

    value: float

    @property
    def mean(self) -> float:
        return self.value

    @property
    def var(self) -> float:
        return 0.0

    def ppf(self, p: ArrayLike) -> Array:
        return np.full(np.shape(p), self.value)

    def cdf(self, x: ArrayLike) -> Array:
        return np.where(_array(x) >= self.value, 1.0, 0.0)

    def segment_mean(self, p0: ArrayLike, p1: ArrayLike) -> Array:
        return np.full(np.broadcast_shapes(np.shape(p0), np.shape(p1)), self.value)


@dataclass(frozen=True)
class Normal:
    """Gauss, `sd` > 0."""

    mean: float
    sd: float

    @property
    def var(self) -> float:
        return self.sd**2

    def ppf(self, p: ArrayLike) -> Array:
        return _array(self.mean + self.sd * _z(p))

    def cdf(self, x: ArrayLike) -> Array:
        return _array(ndtr((_array(x) - self.mean) / self.sd))

    def segment_mean(self, p0: ArrayLike, p1: ArrayLike) -> Array:
        return self.mean + self.sd * (_density(_z(p0)) - _density(_z(p1))) / (_array(p1) - _array(p0))


@dataclass(frozen=True)
class LogNormal:
    """ln X is Gauss with mean `mu` (ln uS) and deviation `s` > 0."""

    mu: float
    s: float

    @classmethod
    def from_mean(cls, mean: float, sd: float) -> LogNormal:
        """The one with this mean and standard deviation."""
        s2 = np.log1p((sd / mean) ** 2)
        return cls(float(np.log(mean) - s2 / 2), float(np.sqrt(s2)))

    @classmethod
    def from_median(cls, median: float, sd: float) -> LogNormal:
        """The one with this median and standard deviation: u = exp(s^2) solves u (u - 1) = (sd / median)^2."""
        q = (sd / median) ** 2
        u_minus_1 = 2 * q / (1 + np.sqrt(1 + 4 * q))
        return cls(float(np.log(median)), float(np.sqrt(np.log1p(u_minus_1))))

    @property
    def mean(self) -> float:
        return float(np.exp(self.mu + self.s**2 / 2))

    @property
    def var(self) -> float:
        return float(np.expm1(self.s**2) * self.mean**2)

    def ppf(self, p: ArrayLike) -> Array:
        return np.exp(self.mu + self.s * _z(p))

    def cdf(self, x: ArrayLike) -> Array:
        with np.errstate(divide="ignore"):
            return _array(ndtr((np.log(np.maximum(_array(x), 0)) - self.mu) / self.s))

    def segment_mean(self, p0: ArrayLike, p1: ArrayLike) -> Array:
        share = ndtr(_z(p1) - self.s) - ndtr(_z(p0) - self.s)
        return _array(self.mean * share / (_array(p1) - _array(p0)))


@dataclass(frozen=True)
class NormalLogNormalVariance:
    """X = mean + S Z, E S^2 = sd^2, ln S^2 Gauss with deviation `variance_s` (at most 2)."""

    mean: float
    sd: float
    variance_s: float

    @cached_property
    def _mixture(self) -> tuple[Array, Array]:
        # Gauss-Hermite quadrature over ln S: scales S / sd and their weights.
        nodes, weights = np.polynomial.hermite_e.hermegauss(96)
        scales = np.exp((self.variance_s * nodes - self.variance_s**2 / 2) / 2)
        return _array(scales), _array(weights / weights.sum())

    @property
    def var(self) -> float:
        return self.sd**2

    def cdf(self, x: ArrayLike) -> Array:
        scales, weights = self._mixture
        return _array(ndtr((_array(x)[..., None] - self.mean) / self.sd / scales) @ weights)

    def ppf(self, p: ArrayLike) -> Array:
        # Symmetric, so solve cdf(-x) = tail for x = exp(y) > 0: a table of y to start from, then Newton.
        p = _array(p)
        tail = np.minimum(p, 1 - p)
        grid = np.linspace(-36, 12, 4096)
        y = np.interp(-tail, -self._tail(grid), grid)
        for _ in range(4):
            y = y + np.where(tail > 0, (self._tail(y) - tail) / np.maximum(self._slope(y), 1e-300), 0)
        distance = np.where(tail > 0, np.where(tail < 0.5, np.exp(y), 0.0), np.inf)
        return self.mean + np.where(p < 0.5, -1, 1) * self.sd * distance

    def _tail(self, y: Array) -> Array:
        scales, weights = self._mixture
        return _array(ndtr(-np.exp(y)[..., None] / scales) @ weights)

    def _slope(self, y: Array) -> Array:
        scales, weights = self._mixture
        x = np.exp(y)
        return _array((_density(x[..., None] / scales) / scales) @ weights * x)

    def segment_mean(self, p0: ArrayLike, p1: ArrayLike) -> Array:
        scales, weights = self._mixture

        def partial(p: ArrayLike) -> Array:  # E[X - mean; X < ppf(p)] in units of sd
            x = (self.ppf(p) - self.mean) / self.sd
            return _array((-scales * _density(x[..., None] / scales)) @ weights)

        return self.mean + self.sd * (partial(p1) - partial(p0)) / (_array(p1) - _array(p0))


@dataclass(frozen=True)
class GaussianMixture:
    """Gauss with mean `means[k]` and deviation `sds[k]` > 0 with probability `weights[k]` > 0 (they add up to 1)."""

    weights: Array
    means: Array
    sds: Array

    @property
    def mean(self) -> float:
        return float(self.weights @ self.means)

    @property
    def var(self) -> float:
        return float(self.weights @ (self.sds**2 + (self.means - self.mean) ** 2))

    def cdf(self, x: ArrayLike) -> Array:
        return _array(ndtr((_array(x)[..., None] - self.means) / self.sds) @ self.weights)

    def ppf(self, p: ArrayLike) -> Array:
        # Bisection between the components' own quantiles, which bracket the mixture's.
        p = _array(p)
        each = self.means + self.sds * _z(p)[..., None]
        low, high = each.min(axis=-1), each.max(axis=-1)
        for _ in range(64):
            middle = np.where(low == high, low, (low + high) / 2)  # infinite ends stay
            below = self.cdf(middle) < p
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return _array((low + high) / 2)

    def segment_mean(self, p0: ArrayLike, p1: ArrayLike) -> Array:
        def partial(p: ArrayLike) -> Array:  # E[X - mean; X < ppf(p)]
            z = (self.ppf(p)[..., None] - self.means) / self.sds
            return _array(((self.means - self.mean) * ndtr(z) - self.sds * _density(z)) @ self.weights)

        return self.mean + (partial(p1) - partial(p0)) / (_array(p1) - _array(p0))


@dataclass(frozen=True)
class Quantiles:
    """A table: the quantile at `p` (from 0 to 1, increasing) is `x` (not decreasing); linear between."""

    p: Array
    x: Array

    @property
    def mean(self) -> float:
        return float(np.sum(np.diff(self.p) * (self.x[1:] + self.x[:-1])) / 2)

    @property
    def var(self) -> float:
        a, b = self.x[:-1] - self.mean, self.x[1:] - self.mean
        return float(np.sum(np.diff(self.p) * (a * a + a * b + b * b)) / 3)

    def ppf(self, p: ArrayLike) -> Array:
        return np.interp(_array(p), self.p, self.x)

    def cdf(self, x: ArrayLike) -> Array:
        x = _array(x)
        right = np.clip(np.searchsorted(self.x, x, side="right"), 1, len(self.x) - 1)  # at a jump: its upper end
        x0, x1, p0, p1 = self.x[right - 1], self.x[right], self.p[right - 1], self.p[right]
        with np.errstate(divide="ignore", invalid="ignore"):
            inside = p0 + (p1 - p0) * (x - x0) / (x1 - x0)
        return np.where(x < self.x[0], 0.0, np.where(x >= self.x[-1], 1.0, inside))

    def segment_mean(self, p0: ArrayLike, p1: ArrayLike) -> Array:
        return (self._integral(p1) - self._integral(p0)) / (_array(p1) - _array(p0))

    def _integral(self, p: ArrayLike) -> Array:
        p = _array(p)
        sums = np.concatenate([[0.0], np.cumsum(np.diff(self.p) * (self.x[1:] + self.x[:-1]) / 2)])
        i = np.clip(np.searchsorted(self.p, p, side="right") - 1, 0, len(self.p) - 2)
        return _array(sums[i] + (p - self.p[i]) * (self.x[i] + self.ppf(p)) / 2)


def _array(x: ArrayLike) -> Array:
    return np.asarray(x, dtype=np.float64)


def _z(p: ArrayLike) -> Array:
    return _array(ndtri(_array(p)))  # the unit normal's quantile


def _density(z: ArrayLike) -> Array:
    return _array(np.exp(-_array(z) ** 2 / 2) / np.sqrt(2 * np.pi))
