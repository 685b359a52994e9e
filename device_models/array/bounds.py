"""What an array refuses, in one line: too many cells, weights that do not fit, inputs of another shape."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from device_models.array.types import F32, F64
from device_models.errors import ProfileError
from device_models.macro import MacroConfig

MOST_CELLS = 2**26  # about 2 GB while they are drawn
_ROUNDING = 1e-6    # of the clip: weights that were clipped in float32


def checked_size(rows: int, cols: int, macro: MacroConfig) -> None:
    """ProfileError for a matrix of no or too many cells; to be called before anything of its size is made."""
    if rows < 1 or cols < 1:
        raise ProfileError(f"array: {rows} x {cols} weights given, expected at least 1 x 1")
    cells = rows * cols * (2 if macro.pairing == "differential" else macro.cells_per_weight or 1)
    if cells > MOST_CELLS:
        raise ProfileError(f"array: {rows:,} x {cols:,} weights need {cells:,} cells, at most {MOST_CELLS:,} are "
                           "emulated")


def checked_names(seed: int, layer: int) -> None:
    """ProfileError where chip seed or layer number is not one that draws have (docs/numerics.md, section 1)."""
    for key, value, bits in (("seed", seed, 64), ("layer", layer, 24)):
        if not 0 <= value < 2**bits:
            raise ProfileError(f"{key}: {value} is not 0 to 2^{bits} - 1")


def checked_shares(weights: npt.ArrayLike, clip: float) -> F64:
    """Weights [K, N] in units of `clip`, float64; ProfileError where one is not finite or beyond the clip."""
    w: F64 = _numbers(weights, "weights", np.float64)
    if w.ndim != 2:
        raise ProfileError(f"weights: {w.ndim} dimension(s) given, expected a matrix [rows, cols]")
    if not (np.isfinite(clip) and clip > 0):
        raise ProfileError(f"clip: {clip:g} is not a finite number > 0")
    share = np.divide(w, clip)
    bad = ~(np.abs(share) <= 1 + _ROUNDING)  # NaN as well
    if bad.any():
        k, j = (int(i) for i in np.argwhere(bad)[0])
        expected = f"within the clip of {clip:g}" if np.isfinite(w[k, j]) else "a finite number"
        raise ProfileError(f"weights: {w[k, j]:g} at row {k}, column {j} is not {expected}")
    return np.clip(share, -1.0, 1.0)


def _numbers(values: npt.ArrayLike, what: str, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    try:
        return np.asarray(values, dtype=dtype)
    except (TypeError, ValueError) as error:
        raise ProfileError(f"{what}: not an array of numbers: {error}") from None


def checked_sample(x: npt.ArrayLike, rows: int) -> F32:
    """Inputs [vectors, rows] from which ranges are chosen, at least one; ProfileError as for `checked_inputs`."""
    sample = checked_inputs(x, rows, "sample")
    if not len(sample):
        raise ProfileError(f"sample: shape {tuple(sample.shape)} given, expected at least one vector")
    return sample


def checked_inputs(x: npt.ArrayLike, rows: int, what: str = "inputs") -> F32:
    """Inputs [batch, rows] as float32; ProfileError for another shape or a value that is not finite."""
    values = np.ascontiguousarray(_numbers(x, what, np.float32))
    if values.ndim != 2 or values.shape[1] != rows:
        raise ProfileError(f"{what}: shape {tuple(values.shape)} given, expected (batch, {rows})")
    if not np.isfinite(np.vdot(values, values)) and not np.isfinite(values).all():  # the first is quicker
        row, k = (int(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise ProfileError(f"{what}: {values[row, k]:g} at vector {row}, row {k} is not a finite number")
    return values
