"""ResNet-8 of MLPerf Tiny (Banbury et al., 2021): three stacks of two convolutions with a shortcut, 77,360 weights."""

from __future__ import annotations

from typing import Any

from host_tools.errors import HostError
from host_tools.models.builder import Builder, Shape

STACKS = (1, 2, 4)  # channels of a stack, in multiples of the first layer's


def resnet8(shape: Shape, classes: int, seed: int, width: int = 16) -> Any:
    """`width` channels in the first layer (MLPerf Tiny: 16); images of at least 8x8."""
    if min(shape[:2]) < 8:
        raise HostError(f"--model resnet8: images are {shape[0]}x{shape[1]}, expected at least 8x8")
    b = Builder(shape, seed)
    image = b.layers.Input(shape)
    x = _conv(b, image, "conv1", width)
    x = b.relu("relu1")(x)
    for number, times in enumerate(STACKS, start=1):
        x = _stack(b, x, f"stack{number}", times * width, 1 if number == 1 else 2)
    x = b.layers.GlobalAveragePooling2D(name="mean")(x)
    name = "resnet8" if width == 16 else f"resnet8-w{width}"
    return b.keras.Model(image, b.dense("fc", classes)(x), name=name)


def _stack(b: Builder, x: Any, name: str, channels: int, stride: int) -> Any:
    y = b.relu(f"{name}_relu1")(_conv(b, x, f"{name}_conv1", channels, stride=stride))
    y = _conv(b, y, f"{name}_conv2", channels)
    if stride > 1:
        x = b.conv(f"{name}_shortcut", channels, 1, "same", stride)(x)
    return b.relu(f"{name}_relu2")(b.layers.Add(name=f"{name}_add")([x, y]))


def _conv(b: Builder, x: Any, name: str, channels: int, stride: int = 1) -> Any:
    """A 3x3 convolution with batch norm behind it."""
    return b.norm(f"{name}_norm")(b.conv(name, channels, 3, "same", stride, bias=False)(x))
