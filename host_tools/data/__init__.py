"""Data sets: `load(name, data_dir)` gives a Dataset, from a name or from a folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from host_tools.data.dataset import Dataset, scaled
from host_tools.errors import HostError

__all__ = ["NAMES", "Dataset", "load", "scaled"]

NAMES = ("digits", "mnist", "cifar10")


def load(name: str, data_dir: str | Path | None = None) -> Dataset:
    """The data set `name`: from `data_dir` when given (then any name will do), else one of NAMES. HostError when it
    cannot be."""
    from host_tools.data import builtin, folder

    if data_dir is not None:
        data = folder.load_folder(name, Path(data_dir))
        known = builtin.CIFAR10_CLASSES
        return replace(data, classes=known) if name == "cifar10" and len(data.classes) == len(known) else data
    if name == "digits":
        return builtin.digits()
    if name not in NAMES:
        raise HostError(f"--data: {name!r} is unknown, expected one of {', '.join(NAMES)}, or any name with --data-dir")
    return builtin.fetched(name)
