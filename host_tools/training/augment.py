"""Random changes of a batch of images: small rotations, scalings and shifts, or crops and mirror images.

Each is two steps: `draw` makes numbers from the generator that it is given, and from nothing else; `move` applies them,
to NumPy's arrays or within a compiled training step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Moves = tuple[NDArray[Any], ...]  # one entry an image in each


@dataclass(frozen=True)
class Affine:
    """Half ranges of uniform draws: degrees, a share of the size, pixels. All zero means none."""

    rotate_deg: float = 10.0
    scale: float = 0.08
    shift_px: float = 2.0

    def draw(self, rng: np.random.Generator, n: int, height: int, width: int) -> Moves:
        """[n, 8]: from an output pixel (x, y) to the input pixel (a0 x + a1 y + a2, a3 x + a4 y + a5), about the
        centre."""
        angle = np.deg2rad(rng.uniform(-self.rotate_deg, self.rotate_deg, n))
        scale = 1.0 / rng.uniform(1 - self.scale, 1 + self.scale, n)
        dx, dy = rng.uniform(-self.shift_px, self.shift_px, (2, n))
        c, s = np.cos(angle) * scale, np.sin(angle) * scale
        cx, cy = (width - 1) / 2, (height - 1) / 2
        zero = np.zeros(n)
        rows = [c, -s, cx - c * (cx + dx) + s * (cy + dy), s, c, cy - s * (cx + dx) - c * (cy + dy), zero, zero]
        return (np.stack(rows, axis=1).astype(np.float32),)

    def move(self, x: Any, matrices: Any) -> Any:
        """Each image [n, H, W, C] by a transformation of its own, bilinear; outside the image is 0."""
        from host_tools.backend import keras

        return keras.ops.image.affine_transform(
            x, matrices, interpolation="bilinear", fill_mode="constant", fill_value=0.0
        )


@dataclass(frozen=True)
class CropFlip:
    """Colour photographs: a shift by whole pixels (zeros come in), up to `shift_px`, and a mirror image half of the
    time."""

    shift_px: int = 4
    flip: bool = True

    def draw(self, rng: np.random.Generator, n: int, height: int, width: int) -> Moves:
        """Rows [n, H] and columns [n, W] of the image that each pixel is taken from; -1 outside of it."""
        shift = rng.integers(0, 2 * self.shift_px + 1, (2, n)) - self.shift_px
        rows, columns = (np.arange(size) + by[:, None] for size, by in zip((height, width), shift, strict=True))
        mirrored = (rng.random(n) < 0.5) & self.flip
        columns[mirrored] = columns[mirrored, ::-1]
        sources = (np.where((at >= 0) & (at < size), at, -1) for at, size in ((rows, height), (columns, width)))
        return tuple(at.astype(np.int16) for at in sources)

    def move(self, x: Any, rows: Any, columns: Any) -> Any:
        """Each image [n, H, W, C] by a shift and flip of its own."""
        inside = (rows >= 0)[:, :, None, None] & (columns >= 0)[:, None, :, None]
        moved = x[np.arange(len(x))[:, None, None], rows.clip(0)[:, :, None], columns.clip(0)[:, None, :]]
        return moved * inside


Augment = Affine | CropFlip


def augmented(augment: Augment | None, rng: np.random.Generator, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Images float32 [n, H, W, C] after a draw of `augment`; as they are where it is None."""
    if augment is None:
        return x
    moved = augment.move(x, *augment.draw(rng, len(x), *x.shape[1:3]))
    if isinstance(moved, np.ndarray):
        return moved
    from host_tools.backend import keras

    return np.asarray(keras.ops.convert_to_numpy(moved))
