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
    whole = np.array([max(float(np.std(values)), 1e-12) for values in groups])[:, None]
    rank = np.where(inside, np.arange(x.shape[1]) / n[:, None] * components, -1).astype(int)
    share = (rank[..., None] == np.arange(components)) * inside[..., None] * 1.0
    for _ in range(_STEPS):
        total = np.maximum(share.sum(axis=1), 1e-12)
        mean = (share * x[..., None]).sum(axis=1) / total
        sd = np.sqrt((share * (x[..., None] - mean[:, None]) ** 2).sum(axis=1) / total)
        sd = np.maximum(sd, _FLOOR * whole)
        weight = total / n[:, None]
        log = np.log(weight / sd)[:, None] - ((x[..., None] - mean[:, None]) / sd[:, None]) ** 2 / 2
        share = np.exp(log - log.max(axis=-1, keepdims=True))
        share *= inside[..., None] / share.sum(axis=-1, keepdims=True)
    return weight / weight.sum(axis=1, keepdims=True), mean, sd
