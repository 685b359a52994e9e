"""The option of commands that read networks of other tools."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import click

from host_tools.errors import HostError


def pixels_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --pixels BLACK:WHITE; the command gets `pixels`, two numbers or None."""
    return click.option(
        "--pixels", metavar="BLACK:WHITE", callback=_pixels,
        help="What pixels are to a .tflite or .onnx network [default: what its input says, else 0:1].",
    )(function)  # fmt: skip


def _pixels(context: click.Context, option: click.Parameter, text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        black, white = (float(part) for part in text.split(":"))
    except ValueError:
        black = white = math.nan
    if not math.isfinite(white - black) or black == white:
        raise HostError(f"--pixels: {text!r} is not two different numbers BLACK:WHITE, such as 0:255 or -1:1")
    return black, white
