"""Options of every command that reads tables of measured cells, and the reading itself."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from host_tools.errors import HostError

if TYPE_CHECKING:
    from device_models.measured import MeasuredCells


@dataclass(frozen=True)
class MeasuredFiles:
    """Tables of measured cells and how to read them."""

    files: tuple[Path, ...]
    columns: tuple[str, ...] | None
    mapping: Path | None
    target: str | None
    units: dict[str, str]

    def cells(self) -> MeasuredCells:
        """The readings; ProfileError names file, line and column of what cannot be read."""
        from device_models.measured import read_cells

        return read_cells(self.files, columns=self.columns, mapping=self.mapping, target=self.target, units=self.units)

    def told(self) -> str:
        """The files and how to read them as options of a command, quoted for a shell."""
        words = ["--against", *map(str, self.files)]
        if self.columns is not None:
            words += ["--columns", ",".join(self.columns)]
        for option, value in (("--mapping", self.mapping), ("--target", self.target)):
            words += [] if value is None else [option, str(value)]
        for column, unit in self.units.items():
            words += ["--unit", f"{column}={unit}"]
        return shlex.join(words)


def measured_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add FILES..., --columns, --mapping, --target and --unit; the function gets them as one `measured`."""
    return _with_files(function, click.argument("files", metavar="FILES...", nargs=-1, required=True, type=_PATH))


def measured_against(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same with --against FILES..., for a command whose first argument is something else."""
    option = click.option("--against", "files", metavar="FILES...", multiple=True, required=True, type=_PATH,
                          help="Tables of measured cells.")
    return _with_files(function, option, click.argument("more", metavar="", nargs=-1, type=_PATH))


_PATH = click.Path(path_type=Path)


def _with_files(function: Callable[..., Any], *names_of_files: Callable[..., Any]) -> Callable[..., Any]:
    def gathered(files: tuple[Path, ...], columns: str | None, mapping: Path | None, target: str | None,
                 units: tuple[str, ...], more: tuple[Path, ...] = (), **rest: Any) -> Any:
        names = None if columns is None else tuple(name.strip() for name in columns.split(","))
        told = dict(_unit(text) for text in units)
        return function(measured=MeasuredFiles(files + more, names, mapping, target, told), **rest)

    gathered.__doc__, gathered.__name__ = function.__doc__, function.__name__
    decorated: Callable[..., Any] = gathered
    for option in (
        click.option("--unit", "units", metavar="COLUMN=UNIT", multiple=True,
                     help="Unit of a column whose name tells none, such as g=S; again for more."),
        click.option("--target", metavar="EXPRESSION",
                     help="Target level of a row, over the columns: 'addr % 32' [default: a column named level]."),
        click.option("--mapping", metavar="FILE", type=_PATH, help="JSON or TOML file that says which column is what."),
        click.option("--columns", metavar="NAME,NAME,...", help="Names of the columns, for files without a header."),
        *names_of_files,
    ):  # fmt: skip
        decorated = option(decorated)
    # what the decorators below this one added stays: click keeps it on the function
    decorated.__click_params__ += getattr(function, "__click_params__", [])  # type: ignore[attr-defined]
    return decorated


def units_of(context: click.Context, option: click.Parameter, texts: tuple[str, ...]) -> dict[str, str]:
    """Callback of an option that tells units, COLUMN=UNIT, again for more."""
    return dict(_unit(text) for text in texts)


def _unit(text: str) -> tuple[str, str]:
    column, sign, unit = text.rpartition("=")
    if not (sign and column and unit):
        raise HostError(f"--unit: {text!r} is not COLUMN=UNIT, such as g=S")
    return column, unit
