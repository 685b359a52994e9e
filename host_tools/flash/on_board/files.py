"""A release's files on the board: verified, copied, switched, pruned; a final name is whole or absent."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import time
from contextlib import contextmanager
from pathlib import Path

from .process import Failure, NoSpace, says_full

LOCK_S = 30.0


@contextmanager
def locked(root: Path):
    """One installation at a time; the lock goes with the process, however it ends."""
    import fcntl

    root.mkdir(parents=True, exist_ok=True)
    with open(root / ".lock", "w") as file:
        until = time.monotonic() + float(os.environ.get("RRAM_FLASH_LOCK_S", LOCK_S))
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise Failure(f"another flash is at work in {root}; wait until it ends") from None
                time.sleep(0.5)
        yield


def verified(folder: Path) -> dict:
    """The manifest of `folder`, all its files checked against it."""
    try:
        manifest: dict = json.loads((folder / "manifest.json").read_text())
    except (OSError, ValueError):
        raise Failure(f"{folder / 'manifest.json'} is missing or damaged; flash again") from None
    for name, expected in manifest["files"].items():
        try:
            found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        except OSError:
            found = "nothing"
        if found != expected["sha256"]:
            wanted = expected["sha256"][:12]
            raise Failure(f"{folder / name}: sha256 {found[:12]} given, expected {wanted}; flash again")
    return manifest


def copy(source: Path, release: Path, manifest: dict) -> None:
    """Bring the files of a card into the release folder."""
    if source == release.resolve():
        return
    release.mkdir(parents=True, exist_ok=True)
    for name in [*manifest["files"], "manifest.json"]:
        part = release / f".{name}.part"
        try:
            with open(source / name, "rb") as given, open(part, "wb") as taken:
                shutil.copyfileobj(given, taken)
                taken.flush()
                os.fsync(taken.fileno())
            os.replace(part, release / name)
        finally:
            part.unlink(missing_ok=True)
    verified(release)


def current(root: Path) -> Path | None:
    """The release that DIR/current names, if any."""
    link = root / "current"
    return root / "releases" / os.path.basename(os.readlink(link)) if link.is_symlink() else None


def check_room(folder: Path, needed: int) -> None:
    """Refuse a disk that has less than `needed` bytes free."""
    if shutil.disk_usage(folder).free < needed:
        raise NoSpace(f"no space left in {folder}: {free_mb(folder)} MB free, {needed >> 20} MB needed")


def check_links(root: Path) -> None:
    """Refuse a file system without symbolic links (a FAT card)."""
    probe = root / ".link"
    try:
        probe.unlink(missing_ok=True)
        probe.symlink_to("releases")
        probe.unlink()
    except OSError as error:
        if is_full(error, root):
            raise
        raise Failure(f"{root}: no symbolic links can be made there; choose a folder on the board's own disk") from None


def free_mb(root: Path) -> int:
    """Free megabytes."""
    return shutil.disk_usage(root).free >> 20


def is_full(error: BaseException, root: Path) -> bool:
    """Whether `error` comes from a full disk, a quota or a size limit."""
    if isinstance(error, NoSpace) or says_full(f"{getattr(error, 'strerror', '')} {error}"):
        return True
    return shutil.disk_usage(root).free < 1 << 20 and not isinstance(error, BrokenPipeError)


def keep_state(root: Path, release: Path, manifest: dict) -> None:
    """Let BUNDLE.state lie outside the releases: what a board learned belongs to the bundle, and outlives a runtime."""
    kept, link = Path("state") / manifest["digest"][:16], release / f"{manifest['bundle']}.state"
    (root / kept).mkdir(parents=True, exist_ok=True)
    if not link.is_symlink():
        link.symlink_to(Path("../..") / kept)


def switch(root: Path, release: Path) -> None:
    """Let DIR/current name the release, in one step, and write the launcher DIR/rram-edge."""
    launcher, link = root / ".rram-edge.part", root / ".current.part"
    program = shlex.quote(str(root / "current/venv/bin/rram-edge"))
    comment = "# the rram-edge that was flashed last and passed its self-test"
    launcher.write_text(f'#!/bin/sh\n{comment}\nexec {program} "$@"\n')
    launcher.chmod(0o755)
    os.replace(launcher, root / "rram-edge")
    os.sync()  # all of the release is on the disk before anything names it
    link.unlink(missing_ok=True)
    link.symlink_to(f"releases/{release.name}")
    os.replace(link, root / "current")


def prune(root: Path, keep: set) -> None:
    """Remove releases older than the previous one."""
    for folder in (root / "releases").iterdir():
        if folder not in keep:
            shutil.rmtree(folder, ignore_errors=True)
