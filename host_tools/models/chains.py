"""Networks for grey images that are one chain: LeNet-5 and a tiny one."""

from __future__ import annotations

from typing import Any

from host_tools.errors import HostError
from host_tools.models.builder import Builder, Shape


def lenet5(shape: Shape, classes: int, seed: int) -> Any:
    """LeNet-5 (LeCun, 1998) with ReLU and max pooling: 61,470 weights and 236 biases for 28x28x1 and ten classes."""
    b = Builder(shape, seed)
    if shape[0] < 14 or shape[1] < 14:
        raise HostError(f"--model lenet5: images are {shape[0]}x{shape[1]}, expected at least 14x14")
    return b.chain(
        "lenet5",
        [
            b.conv("conv1", 6, 5, "same"),
            b.relu("relu1"),
            b.pool("pool1"),
            b.conv("conv2", 16, 5, "valid"),
            b.relu("relu2"),
            b.pool("pool2"),
            b.flatten(),
            b.dense("fc1", 120),
            b.relu("relu3"),
            b.dense("fc2", 84),
            b.relu("relu4"),
            b.dense("fc3", classes),
        ],
    )


def tiny(shape: Shape, classes: int, seed: int) -> Any:
    """Two convolutions and two dense layers for small images such as 8x8: it trains in seconds.

    Wide for its task: the errors of many cells average out where those of few do not.
    """
    b = Builder(shape, seed)
    return b.chain(
        "tiny",
        [
            b.conv("conv1", 48, 3, "same"),
            b.relu("relu1"),
            b.pool("pool1"),
            b.conv("conv2", 48, 3, "same"),
            b.relu("relu2"),
            b.flatten(),
            b.dense("fc1", 128),
            b.relu("relu3"),
            b.dense("fc2", classes),
        ],
    )


