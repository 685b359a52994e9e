"""Gaussian mixtures fitted to many groups at once by expectation and maximisation, from a fixed start."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from device_models.fit.groups import Array

_STEPS = 50
_FLOOR = 0.02  # of a group's own deviation: no component is narrower (a likelihood has no bound otherwise)


def fit_mixtures(groups: Sequence[Array], components: int = 3) -> tuple[Array, Array, Array]:
    """Weights, means and deviations, each [groups, components] in the groups' unit.

    The start is one component a quantile range: the same groups give the same fit. Dempster, Laird and Rubin, J. R.
    Statist. Soc. B 39 (1977) 1.
    """
    n = np.array([len(x) for x in groups])
    x = np.zeros((len(groups), int(n.max())))
    inside = np.arange(x.shape[1]) < n[:, None]
    x[inside] = np.concatenate([np.sort(values) for values in groups])
    whole = np.array([max(float(np.std(values)), 1e-12) for values in groups])
    rank = np.where(inside, np.arange(x.shape[1]) / n[:, None] * components, -1).astype(int)
    share = (rank == np.arange(components)[:, None, None]) * inside * 1.0  # [components, groups, cells]
    for _ in range(_STEPS):
        total = np.maximum(share.sum(axis=2), 1e-12)
        mean = np.einsum("kgi,gi->kg", share, x) / total
        away = x - mean[..., None]
        away *= away
        sd = np.maximum(np.sqrt(np.einsum("kgi,kgi->kg", share, away) / total), _FLOOR * whole)
        weight = total / n
        share = np.log(weight / sd)[..., None] - away / (2 * sd[..., None] ** 2)
        share -= share.max(axis=0)
        np.exp(share, out=share)
        share *= inside / share.sum(axis=0)
    return (weight / weight.sum(axis=0)).T, mean.T, sd.T
