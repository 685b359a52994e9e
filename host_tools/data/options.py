"""The two options every command with a data set has: --data NAME, and --data-dir DIR, which is enough by itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from host_tools.data import NAMES, Dataset, load
from host_tools.errors import HostError


def data_options(function: Callable[..., Any], required: bool = True) -> Callable[..., Any]:
    """Add --data NAME and --data-dir DIR; pass both to `load_from_options`. Not required: `data` may be None."""
    function = click.option(
        "--data-dir",
        metavar="DIR",
        type=click.Path(),
        is_eager=True,
        help="Folder with the data: IDX files, an npz, or class folders of PNGs.",
    )(function)
    names = ", ".join(NAMES)
    return click.option(
        "--data", metavar="NAME", callback=_named if required else _perhaps_named,
        help=f"Data set: {names}; with --data-dir any name [the folder's].",
    )(function)  # fmt: skip


def _perhaps_named(context: click.Context, option: click.Parameter, name: str | None) -> str | None:
    given = name is not None or context.params.get("data_dir") is not None
    return _named(context, option, name) if given else None


def _named(context: click.Context, option: click.Parameter, name: str | None) -> str:
    folder = context.params.get("data_dir")
    if name is None and folder is None:
        raise HostError(f"--data: none given, expected one of {', '.join(NAMES)}, or --data-dir with a folder")
    return name if name is not None else Path(str(folder)).resolve().name


def load_from_options(data: str, data_dir: str | None) -> Dataset:
    """The data set these two options name."""
    return load(data, data_dir)
