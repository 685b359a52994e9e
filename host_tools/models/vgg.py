"""Chains of 3x3 convolutions for small colour images: a six-layer VGG, and VGG-16."""

from __future__ import annotations

from typing import Any

from host_tools.errors import HostError
from host_tools.models.builder import Builder, Shape

Stage = tuple[int, int]  # channels, convolutions; a pool of 2 ends each stage


def vgg(name: str, shape: Shape, classes: int, seed: int, stages: tuple[Stage, ...]) -> Any:
    """Stages of 3x3 convolutions with batch norm and ReLU, then one dense layer on the mean of each channel."""
    b = Builder(shape, seed)
    least = 2 ** len(stages)
    if min(shape[:2]) < least:
        raise HostError(f"--model {name}: images are {shape[0]}x{shape[1]}, expected at least {least}x{least}")
    layers: list[Any] = []
    for s, (channels, count) in enumerate(stages, start=1):
        for i in range(1, count + 1):
            key = f"conv{s}_{i}"
            layers += [b.conv(key, channels, 3, "same", bias=False), b.norm(f"{key}_norm"), b.relu(f"{key}_relu")]
        layers.append(b.pool(f"pool{s}"))
    return b.chain(name, [*layers, b.layers.GlobalAveragePooling2D(name="mean"), b.dense("fc", classes)])


def vgg6(shape: Shape, classes: int, seed: int) -> Any:
    """Five convolutions and one dense layer: 288,000 weights for 32x32x3 images; trains on two cores."""
    return vgg("vgg6", shape, classes, seed, ((32, 1), (64, 2), (128, 2)))


def vgg16(shape: Shape, classes: int, seed: int) -> Any:
    """VGG-16's thirteen convolutions (Simonyan and Zisserman, 2015), one dense layer: 14.7 million weights; wants a
    GPU."""
    return vgg("vgg16", shape, classes, seed, ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)))
