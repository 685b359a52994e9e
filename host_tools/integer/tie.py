"""Rows that are made equal: the rows of a layer are pulled to few codewords, so that row rename has rows to share.

With ten 1-bit columns, 84 rows fall on 2^9 kinds (a row and its complement are one kind) and seldom coincide. So the
latent rows are clustered, a row and its complement alike; companions share one latent row from then on (their mean),
and the network is trained on. What comes out has at most so many kinds of rows, by construction.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from host_tools.backend import keras
from host_tools.errors import HostError
from host_tools.integer.layers import IntegerLayer

F64 = npt.NDArray[np.float64]
STARTS, ROUNDS = 16, 100


def tie(network: Any, name: str, physical: int, seed: int = 0) -> Any:
    """A copy of an integer network whose layer `name` has `physical` rows at most; train it on with train.tune.

    HostError: no such layer, or a number of rows that is not 1 to K.
    """
    known = [layer.name for layer in network.layers if isinstance(layer, IntegerLayer)]
    if name not in known:
        raise HostError(f"layer {name!r}: not one of {', '.join(known)}")
    kernel = keras.ops.convert_to_numpy(network.get_layer(name).kernel)
    matrix = kernel.reshape(-1, kernel.shape[-1]).astype(np.float64)
    if not 1 <= physical <= len(matrix):
        raise HostError(f"layer {name}: {physical} physical rows given, expected 1 to {len(matrix)}")
    row, sign, centre = clusters(matrix, physical, seed)
    layers: list[Any] = [keras.layers.Input(network.input_shape[1:])]
    for layer in network.layers:
        config = layer.get_config() | ({"tied": physical} if layer.name == name else {})
        layers.append(type(layer).from_config(config))
    copy = keras.Sequential(layers, name=network.name)
    for new, old in zip(copy.layers, network.layers, strict=True):
        if old.name != name:
            new.set_weights(old.get_weights())
    changed = copy.get_layer(name)
    changed.kernel.assign((sign[:, None] * centre[row]).reshape(kernel.shape))
    changed.tie.assign(sign[:, None] * np.eye(physical)[row])
    return copy


def clusters(matrix: F64, count: int, seed: int = 0) -> tuple[npt.NDArray[np.int64], F64, F64]:
    """k-means of rows [K, N] up to sign: cluster [K], sign [K] and centres [count, N], the best of several starts."""
    rng = np.random.default_rng(seed)
    best: tuple[float, Any] = (np.inf, None)
    for _ in range(STARTS):
        centre = matrix[rng.choice(len(matrix), count, replace=False)]
        for _ in range(ROUNDS):
            row, sign, distance = _nearest(matrix, centre)
            moved = np.stack([_mean(matrix, row, sign, c, distance) for c in range(count)])
            if np.allclose(moved, centre):
                break
            centre = moved
        row, sign, distance = _nearest(matrix, centre)
        if distance.sum() < best[0]:
            best = (float(distance.sum()), (row, sign, centre))
    row, sign, centre = best[1]
    return row, sign, centre


def _nearest(matrix: F64, centre: F64) -> tuple[npt.NDArray[np.int64], F64, F64]:
    """The centre of each row, or its negative: which, with what sign, and the squared distance."""
    product = matrix @ centre.T
    squared = (matrix**2).sum(axis=1)[:, None] + (centre**2).sum(axis=1)[None, :] - 2 * np.abs(product)
    row = squared.argmin(axis=1)
    every = np.arange(len(matrix))
    return row, np.where(product[every, row] < 0, -1.0, 1.0), squared[every, row]


def _mean(matrix: F64, row: npt.NDArray[np.int64], sign: F64, cluster: int, distance: F64) -> F64:
    members = row == cluster
    if not members.any():  # an empty cluster takes the row that is worst off
        return np.asarray(matrix[distance.argmax()])
    return np.asarray((sign[members, None] * matrix[members]).mean(axis=0))
