"""A convolution as a matrix product: its windows as rows, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


@dataclass(frozen=True)
class Windows:
    """Windows of `size` at `stride` of a map [n, height, width, c]; `same`: padded with zeros as Keras does."""

    size: tuple[int, int]
    stride: tuple[int, int]
    same: bool

    def _padding(self, length: int, axis: int) -> tuple[int, int]:
        if not self.same:
            return 0, 0
        size, stride = self.size[axis], self.stride[axis]
        total = max((-(-length // stride) - 1) * stride + size - length, 0)
        return total // 2, total - total // 2

    def _outputs(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Height and width of the output for a padded map."""
        h, w = ((shape[1 + a] - self.size[a]) // self.stride[a] + 1 for a in (0, 1))
        return h, w

    def rows(self, x: F32) -> F32:
        """[n, height, width, c] to [n, oh, ow, size * c], in the order of a Keras kernel."""
        top, left = (self._padding(x.shape[1 + a], a) for a in (0, 1))
        padded = np.pad(x, ((0, 0), top, left, (0, 0)))
        oh, ow = self._outputs(padded.shape)
        (kh, kw), (sh, sw), c = self.size, self.stride, x.shape[3]
        out = np.empty((len(x), oh, ow, kh, kw, c), np.float32)
        for i in range(kh):
            for j in range(kw):
                out[:, :, :, i, j] = padded[:, i : i + sh * (oh - 1) + 1 : sh, j : j + sw * (ow - 1) + 1 : sw]
        return out.reshape(len(x), oh, ow, -1)

    def add_up(self, rows: F32, shape: tuple[int, ...]) -> F32:
        """The transpose of `rows`: [n, oh, ow, size * c] summed into a map of `shape`."""
        top, left = (self._padding(shape[1 + a], a) for a in (0, 1))
        padded = np.zeros((shape[0], shape[1] + sum(top), shape[2] + sum(left), shape[3]), np.float32)
        oh, ow = self._outputs(padded.shape)
        (kh, kw), (sh, sw) = self.size, self.stride
        parts = rows.reshape(shape[0], oh, ow, kh, kw, shape[3])
        for i in range(kh):
            for j in range(kw):
                padded[:, i : i + sh * (oh - 1) + 1 : sh, j : j + sw * (ow - 1) + 1 : sw] += parts[:, :, :, i, j]
        return padded[:, top[0] : top[0] + shape[1], left[0] : left[0] + shape[2]]
