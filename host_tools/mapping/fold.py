"""Batch norm behind an analog layer becomes part of that layer's gain and offset per column, exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from host_tools.errors import HostError

F32 = npt.NDArray[np.float32]


def folded(gain: F32, offset: F32, norm: Any) -> tuple[F32, F32]:
    """Gain and offset [N] of a column followed by a Keras batch norm with its moving statistics.

    y = gamma (g s + o - mean) / sqrt(var + eps) + beta = g r s + (o - mean) r + beta, r = gamma / sqrt(var + eps)
    (Ioffe and Szegedy, 2015, at inference). HostError where a number is not finite or a variance < 0.
    """
    mean, variance = _values(norm, "moving_mean"), _values(norm, "moving_variance")
    gamma = _values(norm, "gamma") if norm.scale else np.ones_like(mean)
    beta = _values(norm, "beta") if norm.center else np.zeros_like(mean)
    if np.any(variance < 0):
        raise HostError(f"{norm.name}: moving_variance: {variance.min():g} is not >= 0")
    ratio = gamma / np.sqrt(variance + norm.epsilon)
    return (gain * ratio).astype(np.float32), ((offset - mean) * ratio + beta).astype(np.float32)


def _values(norm: Any, key: str) -> npt.NDArray[np.float64]:
    from host_tools.backend import keras

    values = np.asarray(keras.ops.convert_to_numpy(getattr(norm, key)), np.float64)
    if not np.all(np.isfinite(values)):
        raise HostError(f"{norm.name}: {key}: a number is NaN or infinite, expected finite numbers")
    return values
