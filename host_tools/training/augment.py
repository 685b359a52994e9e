"""Random changes of a batch of images: small rotations, scalings and shifts, or crops and mirror images.

Each draws from the generator it is given, and from nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Affine:
    """Half ranges of uniform draws: degrees, a share of the size, pixels. All zero means none."""

    rotate_deg: float = 10.0
    scale: float = 0.08
    shift_px: float = 2.0

    def matrices(self, rng: np.random.Generator, n: int, height: int, width: int) -> NDArray[np.float32]:
        """[n, 8]: from an output pixel (x, y) to the input pixel (a0 x + a1 y + a2, a3 x + a4 y + a5), about the
        centre."""
        angle = np.deg2rad(rng.uniform(-self.rotate_deg, self.rotate_deg, n))
        scale = 1.0 / rng.uniform(1 - self.scale, 1 + self.scale, n)
        dx, dy = rng.uniform(-self.shift_px, self.shift_px, (2, n))
        c, s = np.cos(angle) * scale, np.sin(angle) * scale
        cx, cy = (width - 1) / 2, (height - 1) / 2
        zero = np.zeros(n)
        rows = [c, -s, cx - c * (cx + dx) + s * (cy + dy), s, c, cy - s * (cx + dx) - c * (cy + dy), zero, zero]
        return np.stack(rows, axis=1).astype(np.float32)

    def __call__(self, rng: np.random.Generator, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Each image [n, H, W, C] by a transformation of its own, bilinear; outside the image is 0."""
        from host_tools.backend import keras

        matrices = self.matrices(rng, len(x), *x.shape[1:3])
        moved = keras.ops.image.affine_transform(
            x, matrices, interpolation="bilinear", fill_mode="constant", fill_value=0.0
        )
        return keras.ops.convert_to_numpy(moved)


@dataclass(frozen=True)
class CropFlip:
    """Colour photographs: a shift by whole pixels (zeros come in), up to `shift_px`, and a mirror image half of the
    time."""

    shift_px: int = 4
    flip: bool = True

    def __call__(self, rng: np.random.Generator, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Each image [n, H, W, C] by a shift and flip of its own."""
        n, height, width, channels = x.shape
        pad = self.shift_px
        padded = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width, channels), axis=(1, 2, 3))
        row, column = rng.integers(0, 2 * pad + 1, (2, n))
        moved = windows[np.arange(n), row, column, 0]
        mirrored = (rng.random(n) < 0.5) & self.flip
        moved[mirrored] = moved[mirrored, :, ::-1]
        return moved


Augment = Affine | CropFlip
