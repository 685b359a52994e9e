"""How levels are pooled: the convex combination of many ways to share that predicts held-out cells best (stacking).

The score of `fit.choice` is a quadratic form of the distribution function, so the best combination F = sum a_o F_o with
a_o >= 0 and sum a_o = 1 solves a small quadratic programme. L. Breiman, Stacked regressions, Mach. Learn. 24 (1996) 49.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls

from device_models.fit.following import followed
from device_models.fit.groups import Array, Groups
from device_models.fit.sharing import ALIGNMENTS, ALONE, Aligned, Alignment, Pooling, Sharing, align

REACHES = (1.0, 2.0, 4.0, 8.0)
PENALTIES = (0.1, 0.3, 1.0, 3.0)
_LEAST = 0.01  # a smaller part of the whole is left out


def ways(how: Alignment) -> list[Sharing]:
    """The ways to share with one alignment among which the combination is sought."""
    shared = [Sharing(h, lam, how) for h in REACHES for lam in PENALTIES]
    return [ALONE, *shared] if how == ALONE.align else shared


def stack(
    folds: list[tuple[Groups, Groups]], grids: list[list[Array]], targets_uS: Array, follow: bool = False
) -> tuple[float, Pooling]:
    """The best combination over (fit, held-out) pairs of groups; `grids[level][time]` in uS: where it is judged.

    `follow`: for the cells to fit as `fit.following` predicts them. With it its score, but for a constant of the cells.
    """
    options = [option for how in ALIGNMENTS for option in ways(how)]
    square, cross = np.zeros((len(options), len(options))), np.zeros(len(options))
    for known, test in folds:
        train = followed(known) if follow else known
        aligned = {how: align(train, targets_uS, how) for how in ALIGNMENTS}
        weights = {how: np.stack([aligned[how].weights(option) for option in ways(how)]) for how in ALIGNMENTS}
        for level, row in enumerate(test.values):
            for time, y in enumerate(row):
                grid = grids[level][time]
                f = np.concatenate([_below(aligned[how], weights[how][:, level], level, time, grid)
                                    for how in ALIGNMENTS])
                below = np.searchsorted(np.sort(y), grid, side="right")
                square += len(y) * (f @ f.T)
                cross += f @ below
    parts = _simplex(square, cross)
    parts = np.where(parts < _LEAST, 0.0, parts)
    parts /= parts.sum()
    chosen = tuple((float(part), option) for part, option in zip(parts, options, strict=True) if part)
    return float(parts @ square @ parts - 2 * cross @ parts), Pooling(chosen, follow)


def _below(aligned: Aligned, weights: Array, level: int, time: int, grid: Array) -> Array:
    """Distribution functions [ways, grid] of one level, pooled with weights [ways, levels]."""
    others = np.flatnonzero(weights.max(axis=0) > 0)
    f = aligned.below(others, level, time, grid)
    w = weights[:, others] * np.array([len(aligned.u[k][time]) for k in others])
    return np.asarray((w @ f) / w.sum(axis=1, keepdims=True))


def _simplex(square: Array, cross: Array) -> Array:
    """The a >= 0 with sum 1 that minimises a' square a - 2 cross' a."""
    scale = float(np.trace(square))
    root = np.linalg.cholesky(square + 1e-9 * scale / len(cross) * np.eye(len(cross)))
    one = 1e3 * scale**0.5  # weight of the equation sum a = 1 among the least squares
    left = np.vstack([root.T, np.full((1, len(cross)), one)])
    a, _ = nnls(left, np.append(np.linalg.solve(root, cross), one), maxiter=100 * len(cross))
    return np.asarray(a / a.sum())
