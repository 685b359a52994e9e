"""The windows of images as rows, so that a convolution is one product of matrices."""

from __future__ import annotations

from typing import Any

from host_tools.backend import keras

ops = keras.ops


def unfold(x: Any, size: tuple[int, ...], strides: tuple[int, ...], padding: str) -> Any:
    """[n, rows, columns, height * width * channels]: the windows of x [n, H, W, C], in the order of a kernel's axes.

    padding: "same" or "valid", as Keras' Conv2D has them (of an odd number of zeros one more at the end).
    """
    before, after, counts = [0, 0], [0, 0], [0, 0]
    for axis, (length, window, stride) in enumerate(zip(x.shape[1:3], size, strides, strict=True)):
        counts[axis] = -(-length // stride) if padding == "same" else (length - window) // stride + 1
        zeros = max((counts[axis] - 1) * stride + window - length, 0)
        before[axis], after[axis] = zeros // 2, zeros - zeros // 2
    padded = ops.pad(x, ((0, 0), (before[0], after[0]), (before[1], after[1]), (0, 0)))
    ends = [(count - 1) * stride + 1 for count, stride in zip(counts, strides, strict=True)]
    parts = [
        padded[:, i : i + ends[0] : strides[0], j : j + ends[1] : strides[1]]
        for i in range(size[0]) for j in range(size[1])
    ]  # fmt: skip
    return ops.concatenate(parts, axis=-1)
