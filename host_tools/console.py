"""What a command shows while it works: a progress bar on a terminal, plain lines elsewhere, tables, JSON on request."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from host_tools.errors import HostError

PLAIN_INTERVAL_S = 5.0
INTERRUPTED = 130  # exit code after Ctrl-C, as shells have it


def writable(context: click.Context, option: click.Parameter, value: Any) -> Any:
    """Callback of an option that names a file to write: HostError now, not after an hour, if it cannot be."""
    if value is not None and str(value) != "-":
        path, name = Path(value), "/".join(option.opts[:1])
        if path.is_dir():
            raise HostError(f"{name}: {path} is a folder, expected a file")
        if not path.absolute().parent.is_dir():
            raise HostError(f"{name}: {path}: the folder {path.absolute().parent} does not exist")
    return value


def common_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options every command has: --seed and --json FILE ('-' is standard output)."""
    seeds = click.IntRange(0, 2**32 - 1)
    function = click.option("--seed", type=seeds, default=0, show_default=True, help="Seed of every draw.")(function)
    return click.option(
        "--json", "json_file", metavar="FILE", callback=writable,
        help="Write the result as JSON ('-': standard output).",
    )(function)  # fmt: skip


def emit_json(result: dict[str, Any], json_file: str | None) -> None:
    """Write `result` to `json_file` ('-' is standard output); None does nothing."""
    if json_file is None:
        return
    text = json.dumps(result, indent=2) + "\n"
    if json_file == "-":
        sys.stdout.write(text)
    else:
        Path(json_file).write_text(text)


def say(text: str = "") -> None:
    """One line for people. It goes to stderr, so that --json - leaves standard output to the JSON alone."""
    print(text, file=sys.stderr, flush=True)


class Progress:
    """`advance(n, note)` moves one bar; made by `progress`."""

    def __init__(self, advance: Callable[[float, str], None]) -> None:
        self._advance = advance

    def advance(self, amount: float = 1, note: str = "") -> None:
        """Move by `amount` of the total; `note` (say, 'loss 0.12') is shown beside the bar."""
        self._advance(amount, note)


@contextmanager
def progress(label: str, total: float) -> Iterator[Progress]:
    """A progress bar on stderr when it is a terminal, else a plain line every few seconds and at the end."""
    if sys.stderr.isatty():
        with _bar(label, total) as bar:
            yield bar
        return
    done, last, start = 0.0, time.monotonic(), time.monotonic()

    def advance(amount: float, note: str) -> None:
        nonlocal done, last
        done += amount
        if time.monotonic() - last >= PLAIN_INTERVAL_S and done < total:
            last = time.monotonic()
            say(f"{label}: {100 * done / total:.0f} % {note}".rstrip())

    yield Progress(advance)
    say(f"{label}: done in {time.monotonic() - start:.1f} s")


@contextmanager
def _bar(label: str, total: float) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with RichProgress(*columns, console=Console(stderr=True)) as rich:
        task = rich.add_task(label, total=total, note="")
        yield Progress(lambda amount, note: rich.update(task, advance=amount, note=note))


def table(title: str, header: list[str], rows: list[list[str]]) -> None:
    """Print a table to stderr; numbers are already formatted strings."""
    from rich.console import Console
    from rich.table import Table

    grid = Table(title=title, title_justify="left")
    for i, name in enumerate(header):
        grid.add_column(name, justify="left" if i == 0 else "right", no_wrap=i == 0)  # a name is there to be copied
    for row in rows:
        grid.add_row(*row)
    Console(stderr=True, width=None if sys.stderr.isatty() else 120).print(grid)
