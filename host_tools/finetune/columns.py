"""The digital gain and offset of a column, in closed form."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


def fitted_gain(answers: F32, want: F32, start: F32, limits: tuple[float, float]) -> F32:
    """Gains [M] of least squares from centred answers to centred wants [n, M], within `limits` times `start`."""
    square = np.maximum((answers * answers).sum(axis=0), 1e-30)
    best = (answers * want).sum(axis=0) / square / start
    return np.asarray(start * np.clip(best, *limits), np.float32)
