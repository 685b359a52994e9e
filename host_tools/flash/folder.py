"""`rram flash` to a folder or a mounted card: all that a board needs, and install.sh, which does there what ssh does.

Cards are often FAT: no links, no modes; so `current` is a text file with the release's id, and scripts are run by `sh`.
"""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any

from firmware_py.bundle import Bundle
from host_tools.console import progress
from host_tools.errors import HostError
from host_tools.flash.board import DEFAULT_FOLDER
from host_tools.flash.find_python import FIND_PYTHON
from host_tools.flash.release import INSTALLER, Release, make_release
from host_tools.flash.wheel import board_wheel

INSTALL_SH = f"""\
#!/bin/sh
# Installs what lies here on this board: sh install.sh [DIR]      (DIR: {DEFAULT_FOLDER})
here=$(cd "$(dirname "$0")" && pwd) || exit 1
read -r id < "$here/current" || exit 1
{FIND_PYTHON}exec "$python" "$here/releases/$id/{INSTALLER}" "$here/releases/$id" "${{1:-{DEFAULT_FOLDER}}}"
"""
README = f"""\
rram-edge for a board: runtime and bundle, ready to install.

On the board, from this folder (Python 3.10 or newer with its venv module; no root):

    sh install.sh [DIR]          installs in DIR, by default {DEFAULT_FOLDER}

It makes a virtual environment, runs the self-test, and only if that passes lets DIR/current name the new release.
Afterwards DIR/rram-edge is the command:

    DIR/rram-edge selftest DIR/current/{{bundle}}
"""


def flash_folder(root: Path, bundle: Bundle) -> dict[str, Any]:
    """Write the release into `root`; returns the result for --json. HostError: a full disk, a wrong folder."""
    if (root / "current").is_symlink():
        raise HostError(f"{root}: is an installation (current is a link); flash it over ssh, or flash another folder")
    release = make_release(bundle, board_wheel(pure=True))
    extra = {"install.sh": INSTALL_SH, "README.txt": README.format(bundle=release.manifest["bundle"])}
    head = {"target": str(root), "path": str(root), "id": release.id, "wheel": release.manifest["wheel"],
            "bundle": release.manifest["bundle"], "digest": bundle.digest, "selftest": None}  # fmt: skip
    previous = current(root)
    if previous == release.id and whole(root, release, extra):
        return {**head, "changed": False}
    try:
        write_all(root, release, extra)
    except OSError as error:
        if previous != release.id:
            shutil.rmtree(root / "releases" / release.id, ignore_errors=True)
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        needed = f"no space left, {release.size >> 10} KB needed"
        reason = needed if full else f"{error.strerror}: {error.filename or root}"
        raise HostError(f"{root}: {reason}; what was there before stays") from None
    prune(root, keep={release.id, previous})
    return {**head, "changed": True}


def current(root: Path) -> str | None:
    """The id in the marker, None if there is none."""
    try:
        return (root / "current").read_text().strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def whole(root: Path, release: Release, extra: dict[str, str]) -> bool:
    """Whether every file is there, byte for byte."""
    try:
        ours = all((root / "releases" / release.id / name).read_bytes() == data for name, data in release.files.items())
        return ours and all((root / name).read_text() == text for name, text in extra.items())
    except (OSError, UnicodeDecodeError):
        return False


def write_all(root: Path, release: Release, extra: dict[str, str]) -> None:
    """Write files, then scripts, then the marker: a card pulled out in between holds the old release or the new one."""
    folder = root / "releases" / release.id
    folder.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(root).free < release.size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(root))
    with progress(f"write to {root}", release.size) as bar:
        for name, data in release.files.items():
            write(folder / name, data)
            bar.advance(len(data), name)
    for name, text in extra.items():
        write(root / name, text.encode())
    write(root / "current", f"{release.id}\n".encode())


def write(path: Path, data: bytes) -> None:
    """A file that is whole or absent under its name, on the disk when this returns."""
    part = path.with_name(f".{path.name}.part")
    try:
        with open(part, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def prune(root: Path, keep: set[str | None]) -> None:
    """Remove releases older than the previous one."""
    for folder in (root / "releases").iterdir():
        if folder.is_dir() and folder.name not in keep:
            shutil.rmtree(folder, ignore_errors=True)
