"""Recursive least squares on the last layer: gain, offset and mask values of each column learned together.

Each label is a Newton step on the loss of all labels so far, older ones weighing less: the column's covariance is the
inverse of prior + sum of p (1 - p) phi phi^T, phi what its numbers are multiplied with, p the class's probability. With
fixed weights it is the textbook's recursion (Ljung, System Identification, 1999, ch. 11); the weights are those of
logistic regression, each column by itself. That a board can do this on its last layer is our reading.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from firmware_py.bundle import AnalogLayer
from firmware_py.errors import RramError

if TYPE_CHECKING:
    from firmware_py.correction import AdaptConfig
    from firmware_py.numpy_engine import LayerTrace

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
MOST_NUMBERS = 1 << 20  # of covariances: 8 MiB


def sizes(layer: AnalogLayer) -> npt.NDArray[np.int64]:
    """How many numbers the columns have, [N]: gain, offset, mask entries."""
    return 2 + np.diff(layer.mask_indptr).astype(np.int64)


def covariance_numbers(layer: AnalogLayer) -> int:
    """How many numbers the covariances of all columns have: a lower triangle each."""
    return int(np.sum(sizes(layer) * (sizes(layer) + 1) // 2))


def first_covariance(layer: AnalogLayer, prior: float) -> F64:
    """`prior` times the unit matrix for each column, in squared prior deviations: lower triangles, row after row."""
    name, count = layer.name, covariance_numbers(layer)
    if layer.node.positions > 1 or count > MOST_NUMBERS:
        raise RramError(f"adapt: optimizer: 'rls' on {name}: {layer.node.positions} positions, {count:,} numbers of "
                        f"covariance, expected 1 and at most {MOST_NUMBERS:,}")  # fmt: skip
    return np.concatenate([(prior * np.eye(size))[np.tril_indices(size)] for size in sizes(layer)])


def directions(layer: AnalogLayer, scales: tuple[F32, F32, F32], covariance: F64, trace: LayerTrace, delta: F32,
               adapt: AdaptConfig) -> tuple[F32, F32, F32]:  # fmt: skip
    """What gain [N], offset [N] and value [entries] are to lose, in prior deviations; the covariance changes in place.

    scales: prior step scales; delta [N]: softmax less the label. A column whose numbers leave float64 stays.
    """
    gain, offset, value = (np.zeros_like(scale) for scale in scales)
    x = trace.codes[0, 0].astype(np.float32) * layer.dac_lsb
    seen = scales[0] * (trace.s[0, 0].astype(np.float32) * layer.unit)
    entries = scales[2] * x[layer.mask_inputs]
    start = 0
    for j, size in enumerate(sizes(layer)):
        place, triangle = slice(*layer.mask_indptr[j : j + 2]), slice(start, start + size * (size + 1) // 2)
        start = triangle.stop
        phi = np.concatenate([[seen[j], scales[1][j]], entries[place]]).astype(np.float64)
        step = column_step(covariance[triangle], phi, float(delta[j]), adapt)
        if step is not None:
            gain[j], offset[j], value[place] = step[0], step[1], step[2:]
    return gain, offset, value


def column_step(triangle: F64, phi: F64, error: float, adapt: AdaptConfig) -> F64 | None:
    """Take one row phi with its error into a covariance, in place; the direction of the step. All sums in order.

    Forgetting pauses where the covariance would become larger than it was at the start: a column that learns nothing
    new must not forget what it knows.
    """
    size = len(phi)
    rows, columns = np.tril_indices(size)
    p = np.empty((size, size))
    p[rows, columns] = p[columns, rows] = triangle
    back = np.cumsum(p * phi, axis=1)[:, -1]
    spread, trace = np.cumsum(phi * back)[-1], np.cumsum(np.diag(p))[-1]
    curve = abs(error) * (1 - abs(error))  # p (1 - p)
    kept = adapt.forgetting if trace <= adapt.forgetting * (adapt.prior * size) else 1.0
    q = kept + curve * spread
    if not (np.isfinite(spread) and np.isfinite(error) and q > 0):
        return None
    triangle[...] = (triangle - curve / q * back[rows] * back[columns]) / kept
    step: F64 = back * (error / q)
    return step
