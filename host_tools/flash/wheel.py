"""The board's wheel: rram-edge without the workstation's packages; for one Python and machine, or pure.

From a source tree it is built by the project's own build (and kept in the user's cache, by the digest of the sources);
from an installed rram-edge it is packed again out of the files that pip's RECORD names.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import io
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from host_tools.errors import HostError

NAME = "rram-edge"
BOARD_PACKAGE = "firmware_py"
PACKAGES = ("firmware_py", "device_models", "host_tools")
PROJECT_FILES = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE")
COMPILED = (".so", ".pyd", ".dylib")
IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc", "*.so", "*.o", "_core.c", "*.egg-info", "build")
EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Wheel:
    """`data`: the bytes; `digest`: sha256 over what the board gets from it; a compiled core counts by its tag."""

    name: str
    data: bytes
    digest: str
    pure: bool


def board_wheel(pure: bool) -> Wheel:
    """The wheel for a board; `pure` false: with the C core compiled for this machine and Python, where possible.

    HostError: rram-edge is neither a source tree nor an installed distribution, or its build fails.
    """
    root = Path(__file__).resolve().parents[2]
    is_tree = (root / "pyproject.toml").exists() and (root / BOARD_PACKAGE).is_dir()
    return pack(members_of_build(root, pure) if is_tree else members_of_installed(), pure)


def pack(members: dict[str, bytes], pure: bool) -> Wheel:
    """One wheel of those members, the workstation's packages left out; the same members give the same bytes."""
    info = next((name.split("/")[0] for name in members if name.endswith(".dist-info/METADATA")), None)
    if info is None:
        raise HostError(f"flash: no METADATA among the files of {NAME}; reinstall it")
    pure = pure or not any(name.endswith(COMPILED) for name in members)
    tag = "py3-none-any" if pure else tag_of(members[f"{info}/WHEEL"])
    kept = {name: data for name, data in members.items() if belongs(name, info, pure)}
    about = ("Wheel-Version: 1.0", "Generator: rram flash", f"Root-Is-Purelib: {str(pure).lower()}", f"Tag: {tag}", "")
    kept[f"{info}/WHEEL"] = "\n".join(about).encode()
    kept[f"{info}/entry_points.txt"] = board_commands(members[f"{info}/entry_points.txt"])
    digest = hashlib.sha256(tag.encode())
    for name in sorted(kept):
        if not name.endswith(COMPILED):  # two builds of the same sources are the same runtime
            digest.update(f"\0{name}\0{hashlib.sha256(kept[name]).hexdigest()}".encode())
    return Wheel(f"{info.removesuffix('.dist-info')}-{tag}.whl", archive(kept, info), digest.hexdigest(), pure)


def belongs(name: str, info: str, pure: bool) -> bool:
    """Whether a member goes to the board."""
    if name.endswith(COMPILED):
        return not pure and name.startswith(f"{BOARD_PACKAGE}/")
    return name.startswith((f"{BOARD_PACKAGE}/", f"{info}/METADATA", f"{info}/licenses/"))


def board_commands(entry_points: bytes) -> bytes:
    """Of an entry_points.txt, the commands that the board's package provides."""
    lines = entry_points.decode().splitlines()
    ours = f"{BOARD_PACKAGE}."
    kept = [line for line in lines if line.startswith("[") or line.partition("=")[2].strip().startswith(ours)]
    return ("\n".join(kept) + "\n").encode()


def tag_of(wheel_file: bytes) -> str:
    """The tag of a WHEEL file, such as cp311-cp311-linux_x86_64."""
    return next(line.split(":", 1)[1].strip() for line in wheel_file.decode().splitlines() if line.startswith("Tag:"))


def archive(members: dict[str, bytes], info: str) -> bytes:
    """A wheel file: members with fixed dates, RECORD last."""
    record = []
    for name, data in sorted(members.items()):
        sha = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        record.append(f"{name},sha256={sha},{len(data)}\n")
    record.append(f"{info}/RECORD,,\n")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in [*sorted(members.items()), (f"{info}/RECORD", "".join(record).encode())]:
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            file.writestr(entry, data)
    return out.getvalue()


def members_of_installed() -> dict[str, bytes]:
    """The files of the installed distribution, by their names in a wheel."""
    try:
        files = importlib.metadata.distribution(NAME).files or []
    except importlib.metadata.PackageNotFoundError:
        raise HostError(f"flash: {NAME} is neither installed nor a source tree: no wheel can be made of it") from None
    tops = (BOARD_PACKAGE, NAME.replace("-", "_"))
    wanted = [f for f in files if f.parts[0].split("-")[0] in tops and "__pycache__" not in f.parts]
    members = {f.as_posix(): f.read_binary() for f in wanted}
    if not any(name.startswith(f"{BOARD_PACKAGE}/") for name in members):
        raise HostError(f"flash: {NAME} is installed in editable mode without its source tree; reinstall it")
    return members


def members_of_build(root: Path, pure: bool) -> dict[str, bytes]:
    """The files of the wheel that the project's own build makes; from the cache when the sources are the same."""
    from platformdirs import user_cache_path

    kind = "pure" if pure else f"{sysconfig.get_config_var('SOABI')}-{sysconfig.get_platform()}"
    cached = user_cache_path(NAME) / "wheels" / f"{sources_digest(root)[:16]}-{kind}.whl"
    if not zipfile.is_zipfile(cached):
        cached.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cached.parent) as scratch:
            os.replace(build(root, Path(scratch), pure), cached)
    with zipfile.ZipFile(cached) as file:
        return {name: file.read(name) for name in file.namelist() if not name.endswith("/")}


def sources_digest(root: Path) -> str:
    """sha256 of what the board's wheel is made of."""
    digest = hashlib.sha256()
    files = [root / name for name in PROJECT_FILES] + sorted((root / BOARD_PACKAGE).rglob("*"))
    for path in files:
        ignored = IGNORED(str(path.parent), [path.name]) or "__pycache__" in path.parts
        if path.is_file() and not ignored:
            digest.update(f"{path.relative_to(root).as_posix()}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\0".encode())
    return digest.hexdigest()


def build(root: Path, scratch: Path, pure: bool) -> Path:
    """Run the project's build on a copy of the tree (the tree itself stays as it is); returns the wheel's path."""
    tree = scratch / "tree"
    for name in PROJECT_FILES:
        if (root / name).exists():
            tree.mkdir(exist_ok=True)
            shutil.copy(root / name, tree / name)
    for package in PACKAGES:
        shutil.copytree(root / package, tree / package, ignore=IGNORED)
    isolation = [] if needs_isolation() else ["--no-isolation"]
    done = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", *isolation, "--outdir", str(scratch / "out"), str(tree)],
        cwd=scratch, env={**os.environ, "RRAM_EDGE_PURE": "1" if pure else "0"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
    )  # fmt: skip
    made = list((scratch / "out").glob("*.whl"))
    if done.returncode or len(made) != 1:
        lines = [line.strip() for line in done.stdout.splitlines() if line.strip()] or ["no output"]
        said = next((line for line in reversed(lines) if "error" in line.lower()), lines[-1])
        raise HostError(f"flash: the board's wheel cannot be built: {said}")
    return made[0]


def needs_isolation() -> bool:
    """Whether the build's own tools are missing or too old here, so that they must be fetched for it."""
    try:
        setuptools = int(importlib.metadata.version("setuptools").split(".")[0])
        importlib.metadata.version("cffi")
    except importlib.metadata.PackageNotFoundError:
        return True
    return setuptools < 77
