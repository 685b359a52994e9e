"""`rram flash` over ssh: look, send what is missing, install there, self-test, switch."""

from __future__ import annotations

import hashlib
import json
import shlex
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from platform import libc_ver
from typing import Any

from firmware_py.bundle import Bundle
from host_tools.console import Progress, progress, say
from host_tools.errors import HostError
from host_tools.flash.find_python import FIND_PYTHON
from host_tools.flash.release import INSTALLER, Release, make_release, script
from host_tools.flash.transport_ssh import Connection, Cut
from host_tools.flash.wheel import board_wheel

DEFAULT_FOLDER = "~/rram-edge"  # of the user who logs in
BLOCK = 32768
UNCHANGED = "the board runs what it ran before"
TESTED = "only a release that passed its self-test runs there"
INSTALLED_BYTES = 8 << 20  # at least; the board knows better (on_board/environment.py)


@dataclass(frozen=True)
class Board:
    """What on_board/look.py found."""

    facts: dict[str, Any]

    @property
    def root(self) -> PurePosixPath:
        """The folder on the board, absolute."""
        return PurePosixPath(self.facts["root"])

    def has(self, release: Release) -> bool:
        """Whether this very release runs there, whole and working."""
        now = self.facts["current"]
        return bool(now["id"] == release.id and now["works"] and now["selftest"] and not self.missing(release))

    def missing(self, release: Release) -> list[str]:
        """Names of the release's files that are not there, or damaged."""
        there = self.facts["releases"].get(release.id, {})
        lost = [name for name, data in release.files.items() if there.get(name) != hashlib.sha256(data).hexdigest()]
        rebuilt = {release.manifest["wheel"], "manifest.json"}  # a second build of the same wheel may differ in bytes
        installed = self.facts["current"]["id"] == release.id and rebuilt <= there.keys()
        return [] if installed and set(lost) <= rebuilt else lost

    def runs_our_core(self) -> bool:
        """Whether a C core compiled here runs there: the same Python and machine, and a C library not older."""
        same = self.facts["soabi"] is not None and self.facts["soabi"] == sysconfig.get_config_var("SOABI")
        ours, theirs = libc_ver(), tuple(self.facts["libc"])
        return same and ours[0] == theirs[0] and _numbers(theirs[1]) >= _numbers(ours[1])


def flash_board(connection: Connection, bundle: Bundle, folder: str | None) -> dict[str, Any]:
    """Flash over an open connection; returns the result for --json. HostError leaves what ran before."""
    board = look(connection, folder or DEFAULT_FOLDER)
    facts = board.facts
    say(f"{connection.name}: Python {facts['version']}, {facts['machine']}, {facts['free'] >> 20} MB free")
    release = make_release(bundle, board_wheel(pure=not board.runs_our_core()))
    head = {"target": connection.name, "path": str(board.root), "id": release.id, "wheel": release.manifest["wheel"],
            "bundle": release.manifest["bundle"], "digest": bundle.digest}  # fmt: skip
    if board.has(release):
        return {**head, "changed": False, "selftest": board.facts["current"]["selftest"]}
    missing = board.missing(release)
    check_room(connection, board, release, missing)
    send(connection, board, release, missing)
    return {**head, "changed": True, **install(connection, board, release)}


def look(connection: Connection, folder: str) -> Board:
    """Find Python and what is flashed there."""
    text = FIND_PYTHON + f'exec "$python" -c {shlex.quote(script("look.py"))} {shlex.quote(folder)}'
    return Board(run(connection, f"exec /bin/sh -c {shlex.quote(text)}", "the first look"))


def check_room(connection: Connection, board: Board, release: Release, missing: list[str]) -> None:
    """Refuse a disk that is too small before anything is sent."""
    new = board.facts["current"]["id"] != release.id
    needed = sum(len(release.files[name]) for name in missing) + (INSTALLED_BYTES if new else 0)
    if board.facts["free"] < needed:
        free = f"{board.facts['free'] >> 20} MB free, {(needed >> 20) + 1} MB needed"
        raise HostError(f"{connection.name}: no space left in {board.root}: {free}; {UNCHANGED}")


def send(connection: Connection, board: Board, release: Release, missing: list[str]) -> None:
    """Upload files, the manifest last; each is checked by its sha256 before it gets its name."""
    with progress(f"send to {connection.name}", sum(len(release.files[name]) for name in missing)) as bar:
        for name in [name for name in release.files if name in missing]:
            data = release.files[name]
            path = board.root / "releases" / release.id / name
            words = [board.facts["python"], "-c", script("receive.py"), str(path), str(len(data))]
            command = shlex.join(["exec", *words, hashlib.sha256(data).hexdigest()])
            run(connection, command, f"the upload of {name}", data=blocks(data, name, bar))


def blocks(data: bytes, name: str, bar: Progress) -> Iterator[bytes]:
    """`data` in pieces, moving the bar."""
    for start in range(0, len(data), BLOCK):
        yield data[start : start + BLOCK]
        bar.advance(len(data[start : start + BLOCK]), name)


def install(connection: Connection, board: Board, release: Release) -> dict[str, Any]:
    """Run the installer on the board, showing its steps."""
    folder = board.root / "releases" / release.id
    words = [board.facts["python"], str(folder / INSTALLER), str(folder), str(board.root), "--report"]
    with progress("install on the board", 1) as bar:
        # after the switch a cut can only lose the report
        result = run(connection, shlex.join(["exec", *words]), "the installation", left=TESTED)
        bar.advance(1)
    return result


def run(
    connection: Connection, command: str, doing: str, data: Iterable[bytes] = (), left: str = UNCHANGED
) -> dict[str, Any]:
    """Run one of our scripts: 'step:' lines are shown, 'error:' becomes a HostError, 'result:' is the answer.

    `left` says what a cut connection leaves on the board.
    """

    def show(line: str) -> None:
        if line.startswith("step: "):
            say(f"  {line.removeprefix('step: ')}")

    try:
        done = connection.run(command, data, show, doing)
    except Cut as error:
        raise HostError(f"{error}; {left}") from error
    lines = [line.strip() for line in done.output.splitlines() if line.strip()]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    results = [line.removeprefix("result: ") for line in lines if line.startswith("result: ")]
    if results or (done.code == 0 and not errors):
        return dict(json.loads(results[-1])) if results else {}
    how = "was killed" if done.code == -1 else f"failed with exit {done.code}"
    reason = errors[-1] if errors else f"{doing} {how}: {lines[-1] if lines else 'no output'}"
    raise HostError(f"{connection.name}: {reason}; {UNCHANGED}")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
