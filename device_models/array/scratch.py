"""Memory that is used again: to touch the pages of a fresh array costs more than what is done in it."""

from __future__ import annotations

import numpy as np

from device_models.array.types import F32


class Scratch:
    """float32 buffers by name: the same memory again where the shape is the same, its content undefined.

    What uses it must not be called from two threads at once.
    """

    def __init__(self) -> None:
        self._buffers: dict[str, F32] = {}

    def take(self, name: str, shape: tuple[int, ...]) -> F32:
        """A buffer of this shape."""
        buffer = self._buffers.get(name)
        if buffer is None or buffer.shape != shape:
            buffer = self._buffers[name] = np.empty(shape, np.float32)
        return buffer
