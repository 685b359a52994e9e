"""A change of the sensor: what happens to every image from some moment on. 'affine:0.5,0.4' is x -> 0.5 x + 0.4."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from host_tools.errors import HostError

F32 = npt.NDArray[np.float32]
LARGEST = 1e6  # of any number: far beyond any image, and safe in float32
NAMES = {"veil": "affine:0.5,0.4", "dark": "affine:0.35,0", "inverted": "affine:-1,1"}
SEVEN = ("veil", "dark", "inverted", "rotate:40", "rotate:25", "scale:0.7", "noise:0.4")  # the usual set, in this order


@dataclass(frozen=True)
class Shift:
    """Turn by `rotate_deg`, enlarge by `zoom`, then x -> scale * x + offset, then noise; the default is a veil.

    Pixels are in [0, 1] and clipped to it. Geometry is about the centre, bilinear, 0 outside (counter-clockwise).
    noise_sd: standard deviation of Gaussian noise; an image's noise follows from `seed` and the image itself.
    """

    scale: float = 0.5
    offset: float = 0.4
    rotate_deg: float = 0.0
    zoom: float = 1.0
    noise_sd: float = 0.0
    seed: int = 0

    @staticmethod
    def parse(text: str) -> Shift:
        """From 'affine:SCALE,OFFSET', 'rotate:DEGREES', 'scale:FACTOR', 'noise:SD', 'veil', 'dark' or 'inverted'.

        HostError for anything else.
        """
        kind, _, numbers = NAMES.get(text, text).partition(":")
        try:
            values = [float(n) for n in numbers.split(",")]
        except ValueError:
            values = []
        good = len(values) == (2 if kind == "affine" else 1) and all(abs(v) <= LARGEST for v in values)  # nor NaN
        if good and kind == "affine":
            return Shift(values[0], values[1])
        if good and kind == "rotate":
            return Shift(1.0, 0.0, rotate_deg=values[0])
        if good and kind == "scale" and values[0] >= 1 / LARGEST:
            return Shift(1.0, 0.0, zoom=values[0])
        if good and kind == "noise" and values[0] >= 0:
            return Shift(1.0, 0.0, noise_sd=values[0])
        raise HostError(f"--shift: {text!r} given, expected affine:SCALE,OFFSET, for example affine:0.5,0.4, or "
                        f"rotate:DEGREES, scale:FACTOR, noise:SD, {', '.join(NAMES)}")

    def __call__(self, x: npt.NDArray[Any]) -> F32:
        """Images uint8, or float in [0, 1], [n, H, W, C] or one [H, W, C] -> changed images, float32 in [0, 1]."""
        unit = x.astype(np.float32) / np.float32(255) if x.dtype == np.uint8 else x.astype(np.float32)
        if self.rotate_deg or self.zoom != 1:
            unit = self._moved(unit)
        if (self.scale, self.offset) != (1, 0):
            unit = np.float32(self.scale) * unit + np.float32(self.offset)
        if self.noise_sd:
            unit = unit + self._noise(x)
        return np.clip(unit, 0, 1)

    def _moved(self, x: F32) -> F32:
        h, w, c = x.shape[-3:]
        pixels = np.ascontiguousarray(np.moveaxis(x.reshape(-1, h * w, c), 1, 0))  # [H W, n, C]
        moved = _geometry(h, w, self.rotate_deg, self.zoom) @ pixels.reshape(h * w, -1)
        return np.ascontiguousarray(np.moveaxis(moved.reshape(pixels.shape), 0, 1)).reshape(x.shape)

    def _noise(self, x: npt.NDArray[Any]) -> F32:
        """The same for an image alone and in a batch, another one for another image."""
        images = np.ascontiguousarray(x).reshape(-1, *x.shape[-3:])
        drawn = [np.random.default_rng((self.seed, crc32(image.data))).standard_normal(image.shape, np.float32)
                 for image in images]
        return np.float32(self.noise_sd) * np.stack(drawn).reshape(x.shape)

    def __str__(self) -> str:
        parts = [f"rotated by {self.rotate_deg:g} deg"] if self.rotate_deg else []
        parts += [f"scaled to {self.zoom:g}"] if self.zoom != 1 else []
        parts += [f"noise of sd {self.noise_sd:g}"] if self.noise_sd else []
        if not parts or (self.scale, self.offset) != (1, 0):
            parts.insert(0, f"x -> {self.scale:g} x + {self.offset:g}")
        return ", ".join(parts)


@lru_cache(maxsize=16)
def _geometry(h: int, w: int, degrees: float, zoom: float) -> Any:
    """Sparse float32 [H W, H W]: output pixels from input pixels, bilinear; outside of the image is 0."""
    from scipy.sparse import csr_matrix

    row, column = np.meshgrid(np.arange(h) - (h - 1) / 2, np.arange(w) - (w - 1) / 2, indexing="ij")
    angle = np.deg2rad(degrees)
    source_row = (np.cos(angle) * row + np.sin(angle) * column) / zoom + (h - 1) / 2
    source_column = (-np.sin(angle) * row + np.cos(angle) * column) / zoom + (w - 1) / 2
    y0, x0 = np.floor(source_row).astype(int), np.floor(source_column).astype(int)
    fy, fx = source_row - y0, source_column - x0
    target = np.arange(h * w).reshape(h, w)
    rows, columns, weights = [], [], []
    for y, x, weight in ((y0, x0, (1 - fy) * (1 - fx)), (y0, x0 + 1, (1 - fy) * fx),
                         (y0 + 1, x0, fy * (1 - fx)), (y0 + 1, x0 + 1, fy * fx)):  # fmt: skip
        inside = (y >= 0) & (y < h) & (x >= 0) & (x < w)
        rows.append(target[inside])
        columns.append((y * w + x)[inside])
        weights.append(weight[inside])
    shape = (h * w, h * w)
    return csr_matrix((np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns))), shape, np.float32)
