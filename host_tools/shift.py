"""A change of the sensor: what happens to every image from some moment on. 'affine:0.5,0.4' is x -> 0.5 x + 0.4."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from host_tools.errors import HostError

LARGEST = 1e6  # of both numbers: far beyond any image, and safe in float32


@dataclass(frozen=True)
class Shift:
    """x -> scale * x + offset on pixels in [0, 1], clipped to [0, 1]; the default is a veil over the camera."""

    scale: float = 0.5
    offset: float = 0.4

    @staticmethod
    def parse(text: str) -> Shift:
        """From 'affine:SCALE,OFFSET'; HostError for anything else."""
        kind, _, numbers = text.partition(":")
        try:
            scale, offset = (float(n) for n in numbers.split(","))
        except ValueError:
            kind = ""
        if kind != "affine" or not max(abs(scale), abs(offset)) <= LARGEST:  # also refuses NaN
            raise HostError(f"--shift: {text!r} given, expected affine:SCALE,OFFSET, for example affine:0.5,0.4")
        return Shift(scale, offset)

    def __call__(self, x: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Images uint8, or float in [0, 1] -> changed images, float32 in [0, 1]."""
        unit = x.astype(np.float32) / np.float32(255) if x.dtype == np.uint8 else x.astype(np.float32)
        return np.clip(np.float32(self.scale) * unit + np.float32(self.offset), 0, 1)

    def __str__(self) -> str:
        return f"x -> {self.scale:g} x + {self.offset:g}"
