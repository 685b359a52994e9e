"""Which distribution, and how levels are pooled: by a proper score on cells that the fit did not see.

The score of a cell with conductance y under the distribution function F is the mean, over a grid z of its group's
quantiles, of (F(z) - [y <= z])^2: the continuous ranked probability score weighted with the measured density (Gneiting
and Ranjan, J. Bus. Econ. Stat. 29 (2011) 411). It has no unit and is smallest, in the mean, for the true distribution.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from device_models.fit.families import Family, Table, families
from device_models.fit.groups import Array, Groups, Integers
from device_models.fit.sharing import Pooling
from device_models.fit.stacking import stack
from device_models.measured.split import splitmix64

FOLDS = 5
_SALT = np.int64(0x5EED)  # folds are not the halves
_GRID = 64


@dataclass(frozen=True)
class Score:
    """Mean held-out score of one candidate; `worse` than the best by so much, give or take `error` (one sd of it)."""

    name: str
    score: float
    worse: float
    error: float


@dataclass(frozen=True)
class Choice:
    """The chosen family, how its levels are pooled, every family's score, and one line that says why."""

    name: str
    pooling: Pooling
    scores: tuple[Score, ...]
    why: str


def fold_of(cell: Integers) -> npt.NDArray[np.int64]:
    """Fold of a cell, by a hash of it that is independent of the halves."""
    return (splitmix64(cell ^ _SALT) % np.uint64(FOLDS)).astype(np.int64)


def choose(groups: Groups, targets_uS: Array, family: str | None = None) -> Choice:
    """The simplest family whose held-out score is worse than the best by at most one sd of the difference.

    `family` (a name) is taken unasked; its score stands beside the others all the same.
    """
    folds = [_split(groups, fold) for fold in range(FOLDS)]
    grids = [[np.quantile(x, (np.arange(_GRID) + 0.5) / _GRID) for x in row] for row in groups.values]
    pooling = _choose_pooling(folds, grids, targets_uS)
    per_cell = {known.name: _held_out(known, folds, grids) for known in families(targets_uS, pooling)}
    means = {name: float(scores.mean()) for name, scores in per_cell.items()}
    best = min(means, key=lambda name: means[name])
    scores = tuple(_score(name, values, per_cell[best]) for name, values in per_cell.items())
    chosen = family or next(s.name for s in scores if s.worse <= s.error)
    return Choice(chosen, pooling, scores, _why(chosen, best, scores, family is not None))


def _choose_pooling(folds: list[tuple[Groups, Groups]], grids: list[list[Array]], targets_uS: Array) -> Pooling:
    """The best combination, with later readings as they are or as the first lead to them: whichever scores better."""
    follows = (False, True) if len(grids[0]) > 1 else (False,)
    ways = [stack(folds, grids, targets_uS, follow) for follow in follows]
    return min(ways, key=lambda way: way[0])[1]


def _held_out(family: Family, folds: list[tuple[Groups, Groups]], grids: list[list[Array]]) -> Array:
    """Score of every cell under the distributions fitted to the other folds."""
    return _pooled([_scores(family.fit(train), test, grids) for train, test in folds], folds)


def _split(groups: Groups, fold: int) -> tuple[Groups, Groups]:
    """The cells to fit, and those held out."""
    return groups.where(lambda cell: fold_of(cell) != fold), groups.where(lambda cell: fold_of(cell) == fold)


def _score(name: str, values: Array, best: Array) -> Score:
    difference = values - best
    return Score(name, float(values.mean()), float(difference.mean()), float(difference.std() / len(difference) ** 0.5))


def _why(chosen: str, best: str, scores: tuple[Score, ...], told: bool) -> str:
    by = {s.name: s for s in scores}
    if told:
        return f"{chosen}, as told (held-out score {by[chosen].score:.5f}; the best is {best}, {by[best].score:.5f})"
    if chosen == best:
        second = min((s for s in scores if s.name != best), key=lambda s: s.worse)
        return (f"{chosen} has the best held-out score, {by[best].score:.5f}; {second.name} is worse by "
                f"{second.worse:.5f} +- {second.error:.5f}")
    return (f"{chosen} is the simplest whose held-out score ({by[chosen].score:.5f}) lies within one deviation "
            f"({by[chosen].error:.5f}) of the best ({best}, {by[best].score:.5f})")


def _scores(table: Table, test: Groups, grids: list[list[Array]]) -> list[list[Array]]:
    return [[_score_cells(np.asarray(table[i][j].cdf(grids[i][j])), y, grids[i][j]) for j, y in enumerate(row)]
            for i, row in enumerate(test.values)]


def _score_cells(f: Array, y: Array, grid: Array) -> Array:
    """Scores [..., len(y)] of the readings y under distribution functions with the values f [..., grid] on the grid."""
    # sum over z of (f - [y <= z])^2 = sum f^2 + sum over z >= y of (1 - 2 f)
    above = np.cumsum(1 - 2 * f[..., ::-1], axis=-1)[..., ::-1]
    above = np.concatenate([above, np.zeros((*f.shape[:-1], 1))], axis=-1)
    first = np.searchsorted(grid, y, side="left")
    return np.asarray(((f**2).sum(axis=-1)[..., None] + above[..., first]) / len(grid))


def _pooled(scores: list[list[list[Array]]], folds: list[tuple[Groups, Groups]]) -> Array:
    """Mean score of every cell over its readings: those of one cell are no fresh evidence."""
    cell = np.concatenate([c for _, test in folds for row in test.cells for c in row])
    score = np.concatenate([s for fold in scores for row in fold for s in row])
    _, place = np.unique(cell, return_inverse=True)
    return np.asarray(np.bincount(place, score) / np.bincount(place))
