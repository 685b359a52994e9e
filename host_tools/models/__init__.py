"""The zoo: networks by name, for any input shape. The last layer gives logits; ReLU, pooling and flattening are layers
of their own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from host_tools.errors import HostError
from host_tools.models.builder import Shape
from host_tools.models.chains import lenet5, tiny
from host_tools.models.resnet8 import resnet8
from host_tools.models.vgg import vgg6, vgg16

MODELS: dict[str, Callable[[Shape, int, int], Any]] = {
    "lenet5": lenet5, "tiny": tiny, "resnet8": resnet8, "resnet8-w32": partial(resnet8, width=32),
    "vgg6": vgg6, "vgg16": vgg16,
}  # fmt: skip


def auto(shape: Shape) -> str:
    """The model for images of this shape: `tiny` under 14 pixels, `resnet8` for colour, else `lenet5`."""
    if min(shape[:2]) < 14:
        return "tiny"
    return "resnet8" if shape[2] == 3 else "lenet5"


def build(name: str, shape: Shape, classes: int, seed: int = 0) -> Any:
    """The named model (or `auto`), its weights a function of `seed`."""
    name = auto(shape) if name == "auto" else name
    if name not in MODELS:
        raise HostError(f"--model: {name!r} is unknown, expected one of {', '.join(['auto', *MODELS])}")
    return MODELS[name](shape, classes, seed)
