"""The two options every command with a data set has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from host_tools.data import NAMES, Dataset, load


def data_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --data NAME and --data-dir DIR; pass both to `host_tools.data.load`."""
    function = click.option(
        "--data-dir",
        metavar="DIR",
        type=click.Path(),
        help="Folder with the data: IDX files, an npz, or class folders of PNGs.",
    )(function)
    return click.option(
        "--data", metavar="NAME", required=True, help=f"Data set: {', '.join(NAMES)}; with --data-dir any name."
    )(function)


def load_from_options(data: str, data_dir: str | None) -> Dataset:
    """The data set these two options name."""
    return load(data, data_dir)
