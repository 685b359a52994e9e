"""The digital operations between two analog layers, forward and backward, in NumPy. Maps are [n, height, width, c]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
Inputs = list[F32]


class Op(Protocol):
    """One digital node. `backward` gives the gradient with respect to every input."""

    def forward(self, inputs: Inputs) -> F32:
        """The output of these inputs."""

    def backward(self, inputs: Inputs, output: F32, gradient: F32) -> Inputs:
        """Gradients of the inputs from that of the output."""


@dataclass(frozen=True)
class Relu:
    """max(x, 0)."""

    def forward(self, inputs: Inputs) -> F32:
        return np.maximum(inputs[0], 0)

    def backward(self, inputs: Inputs, output: F32, gradient: F32) -> Inputs:
        return [gradient * (output > 0)]


@dataclass(frozen=True)
class Flatten:
    """[n, ...] to [n, all]."""

    def forward(self, inputs: Inputs) -> F32:
        return inputs[0].reshape(len(inputs[0]), -1)

    def backward(self, inputs: Inputs, output: F32, gradient: F32) -> Inputs:
        return [gradient.reshape(inputs[0].shape)]


@dataclass(frozen=True)
class Add:
    """The sum of its inputs, all of one shape."""

    def forward(self, inputs: Inputs) -> F32:
        return np.asarray(sum(inputs[1:], inputs[0]))

    def backward(self, inputs: Inputs, output: F32, gradient: F32) -> Inputs:
        return [gradient] * len(inputs)


@dataclass(frozen=True)
class Affine:
    """Per channel: scale x + offset, both [c]. Batch normalisation with its averages is one."""

    scale: F32
    offset: F32

    def forward(self, inputs: Inputs) -> F32:
        return inputs[0] * self.scale + self.offset

    def backward(self, inputs: Inputs, output: F32, gradient: F32) -> Inputs:
        return [gradient * self.scale]


@dataclass(frozen=True)
class Mean:
    """The mean of each channel over the whole map: [n, c]."""

    def forward(self, inputs: Inputs) -> F32:
        return inputs[0].mean(axis=(1, 2))

    def backward(self, inputs: Inputs, output: F32, gradient: F32) -> Inputs:
        n, h, w, c = inputs[0].shape
        return [np.broadcast_to(gradient[:, None, None] / np.float32(h * w), (n, h, w, c))]


@dataclass(frozen=True)
class Pool:
    """Largest value, or mean, of windows without padding."""

    size: tuple[int, int]
    stride: tuple[int, int]
    largest: bool

    def _windows(self, x: Any) -> list[Any]:
        """Views of x: one for each position within a window."""
        (h, w), (sh, sw) = self.size, self.stride
        oh, ow = (x.shape[1] - h) // sh + 1, (x.shape[2] - w) // sw + 1
        return [x[:, i : i + sh * (oh - 1) + 1 : sh, j : j + sw * (ow - 1) + 1 : sw]
                for i in range(h) for j in range(w)]  # fmt: skip

    def forward(self, inputs: Inputs) -> F32:
        views = self._windows(inputs[0])
        out = views[0].copy()
        for view in views[1:]:
            np.maximum(out, view, out=out) if self.largest else np.add(out, view, out=out)
        return out if self.largest else out / np.float32(len(views))

    def backward(self, inputs: Inputs, output: F32, gradient: F32) -> Inputs:
        result = np.zeros_like(inputs[0])
        views, targets = self._windows(inputs[0]), self._windows(result)
        if not self.largest:
            for target in targets:
                target += gradient / np.float32(len(views))
            return [result]
        free = np.ones(output.shape, bool)  # the first of equal ones takes the gradient
        for view, target in zip(views, targets, strict=True):
            taken = free & (view == output)
            target += gradient * taken
            free &= ~taken
        return [result]
