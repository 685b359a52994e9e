"""Levels that are alike lend each other their cells, and only they: weights for pooling the levels of a table.

A level's distribution is estimated from its own cells and those of level k, each with the weight

    w(l, k) = K(|l - k| / h) / (1 + max(0, rho(l, k) - 1) / lam),   K Gauss,

where rho is the mean squared distance of the two empirical distribution functions over what sampling alone gives (1
where the levels are alike): the adaptive weights of Polzehl and Spokoiny (J. R. Statist. Soc. B 62 (2000) 335), with
the penalty of an empirical Bayes estimate. Levels are compared, and pooled, as deviations from their targets, or as
deviations from a centre and in a width that vary smoothly with the level. The estimate is a mean of several such
(`Pooling`); which, and how much of each, is decided on held-out cells (`fit.stacking`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from device_models.fit.groups import Array, Groups, Integers

Alignment = Literal["target", "smooth"]
ALIGNMENTS: tuple[Alignment, ...] = ("target", "smooth")
_GRID = 128        # places at which levels are compared
_SMOOTHING = 2.0   # levels: width of the kernel of the smooth centre and width
_REACH = 3.0       # in h: levels farther away have no weight


@dataclass(frozen=True)
class Sharing:
    """How far (`h`, in levels; 0: not at all), how readily (`lam`), and in which coordinate levels are pooled."""

    h: float
    lam: float
    align: Alignment

    def __str__(self) -> str:
        return "alone" if self.h == 0 else f"{self.align}, h {self.h:g}, lam {self.lam:g}"


ALONE = Sharing(0.0, 1.0, "target")


@dataclass(frozen=True)
class Pooling:
    """A mean of several ways to share, each with its part of the whole (the parts add up to 1).

    `follow`: later readings are those that the first ones lead to (`fit.following`), not those of the level itself.
    """

    parts: tuple[tuple[float, Sharing], ...]
    follow: bool = False

    def __str__(self) -> str:
        text = ", ".join(f"{100 * part:.0f} % ({sharing})" for part, sharing in self.parts)
        return f"{text}; later readings follow the first" if self.follow else text


@dataclass(frozen=True)
class Aligned:
    """One way to compare levels: centre and width [levels, times] in uS, the cells in that coordinate, their likeness.

    u[level][time] = (G - centre) / width, sorted; rho [levels, levels]; top_uS: the highest of all cells.
    """

    centre: Array
    width: Array
    top_uS: float
    u: tuple[tuple[Array, ...], ...]
    rho: Array

    def moved(self, levels: Integers, to: int, time: int) -> Array:
        """The cells of `levels` at one time as cells of level `to`, level by level, in uS, where cells can be."""
        u = np.concatenate([self.u[k][time] for k in levels])
        g_uS: Array = np.clip(u * self.width[to, time] + self.centre[to, time], 0.0, self.top_uS)
        return g_uS

    def below(self, levels: Integers, to: int, time: int, g_uS: Array) -> Array:
        """Shares [levels, len(g_uS)] of the cells of `levels`, as cells of level `to`, that are at most g_uS."""
        at = (g_uS - self.centre[to, time]) / self.width[to, time]
        own = [self.u[k][time] for k in levels]
        return np.stack([u.searchsorted(at, side="right") / len(u) for u in own])

    def weights(self, sharing: Sharing) -> Array:
        """w(l, k), [levels, levels]; 1 on the diagonal."""
        n = len(self.rho)
        if sharing.h == 0:
            return np.eye(n)
        apart = np.abs(np.arange(n)[:, None] - np.arange(n)) / sharing.h
        kernel = np.where(apart <= _REACH, np.exp(-(apart**2) / 2), 0.0)
        weight = kernel / (1 + np.maximum(self.rho - 1, 0) / sharing.lam)
        np.fill_diagonal(weight, 1.0)
        return np.asarray(weight)


def align(groups: Groups, targets_uS: Array, how: Alignment) -> Aligned:
    """Centres, widths and likeness of the levels of `groups`; targets in uS."""
    n_levels, n_times = len(groups.levels), len(groups.times_s)
    if how == "target":
        centre, width = np.tile(targets_uS[:, None], (1, n_times)), np.ones((n_levels, n_times))
    else:
        centre, width = _smooth(groups, targets_uS)
    u = tuple(tuple(np.sort((x - centre[i, j]) / width[i, j]) for j, x in enumerate(row))
              for i, row in enumerate(groups.values))
    top = max(float(x.max()) for row in groups.values for x in row)
    return Aligned(centre, width, top, u, _likeness(u))


def _smooth(groups: Groups, targets_uS: Array) -> tuple[Array, Array]:
    quartiles = np.array([[np.percentile(x, [25, 50, 75]) for x in row] for row in groups.values])
    iqr = quartiles[..., 2] - quartiles[..., 0]
    iqr = np.maximum(iqr, 1e-3 * max(float(iqr.max()), 1e-12))
    level = np.arange(len(groups.levels))
    kernel = np.exp(-(((level[:, None] - level) / _SMOOTHING) ** 2) / 2)
    kernel /= kernel.sum(axis=1, keepdims=True)
    centre = targets_uS[:, None] + kernel @ (quartiles[..., 1] - targets_uS[:, None])
    return centre, np.exp(kernel @ np.log(iqr))


def _likeness(u: tuple[tuple[Array, ...], ...]) -> Array:
    """Squared distance of the levels' distribution functions over its expectation from sampling, [levels, levels]."""
    n_levels = len(u)
    grid = np.quantile(np.concatenate([x for row in u for x in row]), (np.arange(_GRID) + 0.5) / _GRID)
    f = np.array([[np.searchsorted(x, grid, side="right") / len(x) for x in row] for row in u]).reshape(n_levels, -1)
    n = np.repeat(np.array([[len(x) for x in row] for row in u]), _GRID, axis=1)
    noise = (f * (1 - f) / n).sum(axis=1)
    square = (f * f).sum(axis=1)
    distance = square[:, None] + square - 2 * f @ f.T
    return np.asarray(distance / np.maximum(noise[:, None] + noise, 1e-300))


def pooled_quantiles(
    aligned: dict[Alignment, Aligned], weights: dict[Alignment, Array], level: int, time: int, p: Array
) -> Array:
    """Quantiles in uS at probabilities `p` of one level's pooled cells (ends: the outermost cells that count).

    `weights` [levels, levels]: of one cell of level k in the distribution of level l, for each way to align.
    """
    x, w = [], []
    for how, one in aligned.items():
        others = np.flatnonzero(weights[how][level] > 0)
        if len(others):
            x.append(one.moved(others, level, time))
            w.append(np.repeat(weights[how][level, others], [len(one.u[k][time]) for k in others]))
    g, weight = np.concatenate(x), np.concatenate(w)
    # One reading aligned in two ways is two cells that differ by the last bits, if at all: which of them comes first
    # must not be the processor's choice, since their weights differ.
    order = np.argsort(np.round(g, 9), kind="stable")
    g, weight = g[order], weight[order]
    return np.interp(p, (np.cumsum(weight) - weight / 2) / weight.sum(), g)


def cell_weights(pooling: Pooling, aligned: dict[Alignment, Aligned]) -> dict[Alignment, Array]:
    """Weight of one cell of level k in the distribution of level l, [levels, levels], for each way to align."""
    total = {how: np.zeros_like(one.rho) for how, one in aligned.items()}
    for part, sharing in pooling.parts:
        w = aligned[sharing.align].weights(sharing)
        counts = np.array([len(row[0]) for row in aligned[sharing.align].u])
        total[sharing.align] += part * w / (w @ counts)[:, None]
    return total
