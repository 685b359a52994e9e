"""The code that decides a result, as a digest: what other code made and kept is never taken for today's."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("device_models", "firmware_py", "host_tools")
KINDS = ("*.py", "*.c", "*.h", "*.so", "*.json")
# Shows, sends or reads what was typed; decides no number. Whatever is not named here counts.
SHOWING = ("host_tools/commands", "host_tools/flash", "host_tools/plots", "host_tools/cli.py", "host_tools/console.py",
           "host_tools/quiet.py", "host_tools/sender.py", "host_tools/wheels.py", "firmware_py/micropython",
           "firmware_py/cli.py", "firmware_py/commands.py")  # fmt: skip
LIBRARIES = ("numpy", "scipy", "keras", "tensorflow")


def code_of(patterns: Iterable[str]) -> str:
    """Digest of the files of these packages that match `patterns`, such as 'host_tools/mapping/*.py'."""
    return _digest([path for pattern in patterns for path in sorted(ROOT.glob(pattern))])


@lru_cache
def all_code(drawn: bool = False) -> str:
    """Digest of all that may decide a measured number: the packages' code, the compiled core, the libraries' versions.

    drawn: with the code of the figures.
    """
    left_out = [name for name in SHOWING if not (drawn and name == "host_tools/plots")]
    found = [path for package in PACKAGES for kind in KINDS for path in sorted((ROOT / package).rglob(kind))]
    return _digest([path for path in found if not _among(path, left_out)], *map(_installed, LIBRARIES))


def _among(path: Path, names: Iterable[str]) -> bool:
    inside = path.relative_to(ROOT).as_posix()
    return any(inside == name or inside.startswith(f"{name}/") for name in names)


def _installed(library: str) -> str:
    try:
        return f"{library} {version(library)}"
    except PackageNotFoundError:
        return f"{library} none"


def _digest(files: Iterable[Path], *words: str) -> str:
    whole = hashlib.sha256("\n".join(words).encode())
    for path in files:
        whole.update(f"\n{path.relative_to(ROOT).as_posix()}\n".encode() + path.read_bytes())
    return whole.hexdigest()
