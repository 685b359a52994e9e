"""A small bundle without a mask, and data that fit it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from host_tools.data import Dataset
from tests.firmware_py.make_bundle import CONV, Synthetic, make_bundle


def dataset(n: int = 120) -> Dataset:
    """Noise, a bright corner for each of four classes."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 2 * n)
    x = rng.integers(0, 120, (2 * n, 8, 8, 1)).astype(np.uint8)
    for image, label in zip(x, y, strict=True):
        row, column = 4 * (label // 2), 4 * (label % 2)
        image[row : row + 4, column : column + 4] += 120
    return Dataset("corners", x[:n], y[:n], x[n:], y[n:], ("0", "1", "2", "3"))


def bundle(folder: Path, mask_share: float = 0.0) -> Path:
    """472 weights on three layers."""
    return make_bundle(folder / "small.rram.safetensors", Synthetic(nodes=CONV, mask_share=mask_share))
