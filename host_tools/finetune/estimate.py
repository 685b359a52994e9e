"""What inputs and outputs say about cells that nobody reads: their means and variances given the columns' answers.

A cell was asked for a level, so it is about that level's value with that level's spread; the columns' answers to known
inputs are sums of cells, with read noise. Both are normal to second order, and the cells' mean given the answers is a
ridge regression with a prior of its own for every cell. Directions that the inputs never show stay as they were.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
STEPS = 40  # of the conjugate gradient: its early end is a further, mild prior


@dataclass(frozen=True)
class Seen:
    """Inputs of one matrix. rows [n, K] less their mean (the digital offset takes that); gram [K, K] = rows' rows / n.

    noise: variance of one read of one column, in units of weight times input.
    """

    rows: F32
    gram: F32
    noise: float

    @classmethod
    def of(cls, rows: F32, read_sd: float) -> Seen:
        """From rows [n, K] as driven, and the read noise of a typical cell in units of weight."""
        centred = rows - rows.mean(axis=0)
        noise = read_sd**2 * float((rows * rows).sum(axis=1).mean())
        return cls(centred, (centred.T @ centred) / np.float32(len(rows)), noise)

    @property
    def power(self) -> F32:
        """Variance of each row's input [K]."""
        return np.diagonal(self.gram)

    def correlation(self, columns: F32) -> F32:
        """rows' columns / n: [K, M] of columns [n, M]."""
        return (self.rows.T @ columns) / np.float32(len(self.rows))

    def unseen(self, variance: float) -> F32:
        """Share [K] of a cell's prior variance (taken alike for all) that the answers leave."""
        ridge = max(self.noise / len(self.rows), 1e-9 * float(self.power.max() + 1e-30)) / max(variance, 1e-9)
        inverse = np.linalg.inv(self.gram.astype(np.float64) + ridge * np.eye(len(self.gram)))
        return np.asarray(np.clip(ridge * np.diagonal(inverse), 0, 1), np.float32)

    def cells(self, answers: F32, prior: F32, variance: F32) -> F32:
        """Means [K, M] of the cells given `answers` [n, M]; prior mean and variance [K, M]."""
        sd = np.sqrt(variance)
        right = sd * (self.correlation(answers - answers.mean(axis=0)) - self.gram @ prior)
        ridge = np.float32(max(self.noise / len(self.rows), 1e-9))
        found: F32 = _solve(lambda v: sd * (self.gram @ (sd * v)) + ridge * v, right)
        return np.asarray(prior + sd * found, np.float32)


def _solve(apply: object, right: F32) -> F32:
    """Conjugate gradients, every column a system of its own."""
    assert callable(apply)
    x, r = np.zeros_like(right), right.copy()
    p, rr = r.copy(), (r * r).sum(axis=0)
    least = 1e-10 * rr
    for _ in range(STEPS):
        ap = apply(p)
        alpha = rr / np.maximum((p * ap).sum(axis=0), 1e-30)
        x += alpha * p
        r -= alpha * ap
        new = (r * r).sum(axis=0)
        if (new <= least).all():
            break
        p = r + (new / np.maximum(rr, 1e-30)) * p
        rr = new
    return x
