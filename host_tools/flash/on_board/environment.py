"""The virtual environment of a release: numpy and cffi from the system or from the network, the wheel, the C core."""

from __future__ import annotations

import os
import re
import shutil
import sys
import zipfile
from pathlib import Path

from .files import check_room
from .process import FULL, Failure, last_line, quiet, says_full, step

SYSTEM_BYTES = 8 << 20  # wheel, core and environment where numpy and cffi are the system's
NETWORK_BYTES = 150 << 20  # pip, numpy and cffi as well

SCRIPT = """\
#!/bin/sh
'''exec' "{python}" "$0" "$@"
' '''
import sys

from {module} import {function}

sys.exit({function}())
"""


def make_environment(release: Path, wheel: Path) -> str:
    """Make release/venv and install the wheel in it; returns 'system' or 'network': where numpy and cffi come from."""
    check_room(release, SYSTEM_BYTES)
    step(f"virtual environment (Python {sys.version.split()[0]})")
    new_venv(release, "--system-site-packages", "--without-pip")
    needs = requirements(wheel)
    have = importable(release, list(needs))
    missing = [text for name, (low, text) in needs.items() if have.get(name, ()) < low]
    if missing:
        check_room(release, NETWORK_BYTES)
        if quiet([sys.executable, "-c", "import ensurepip"]).returncode:
            raise Failure("Python's venv module is not complete on the board: sudo apt install python3-venv")
        new_venv(release, *["--system-site-packages"] * bool(have))
        fetch(release, missing, enough=len(have) == len(needs))
    step(f"install {wheel.name}")
    unpack(release / "venv", wheel)
    return "network" if missing else "system"


def new_venv(release: Path, *options: str) -> None:
    """An empty virtual environment."""
    shutil.rmtree(release / "venv", ignore_errors=True)
    if quiet([sys.executable, "-c", "import venv"]).returncode:
        raise Failure("Python's venv module is not on the board: sudo apt install python3-venv")
    done = quiet([sys.executable, "-m", "venv", *options, release / "venv"])
    if done.returncode:
        raise Failure(f"the virtual environment cannot be made: {last_line(done.stdout)}")


def fetch(release: Path, missing: list[str], enough: bool) -> None:
    """Get packages from the network; `enough`: older ones of the system may serve (the self-test decides)."""
    step(f"fetch {', '.join(missing)} from the network")
    options = ["--disable-pip-version-check", "--no-input", "--prefer-binary"]
    done = quiet([release / "venv/bin/python", "-m", "pip", "install", *options, *missing])
    if done.returncode == 0:
        return
    if says_full(done.stdout):
        raise Failure(FULL[0])
    if not enough:
        reason = f"{' and '.join(missing)} cannot be had: {last_line(done.stdout)}"
        raise Failure(f"{reason} (without a network: sudo apt install python3-numpy python3-cffi)")
    step(f"{' and '.join(missing)} cannot be had; what the system has is tried")


def unpack(environment: Path, wheel: Path) -> None:
    """Install our own wheel: its files into site-packages, its commands into bin (it holds nothing else)."""
    python = environment / "bin/python"
    site = quiet([python, "-c", "import sysconfig; print(sysconfig.get_path('platlib'))"]).stdout.strip()
    with zipfile.ZipFile(wheel) as file:
        file.extractall(site)
        commands = next(file.read(name).decode() for name in file.namelist() if name.endswith("/entry_points.txt"))
    for name, module, function in re.findall(r"^([\w-]+) *= *([\w.]+):(\w+)$", commands, re.MULTILINE):
        script = environment / "bin" / name
        script.write_text(SCRIPT.format(python=python, module=module, function=function))
        script.chmod(0o755)
    quiet([python, "-m", "compileall", "-q", site])


def requirements(wheel: Path) -> dict[str, tuple[tuple[int, ...], str]]:
    """{package: (lowest version, requirement)} of the wheel, extras aside."""
    with zipfile.ZipFile(wheel) as file:
        name = next(n for n in file.namelist() if n.endswith(".dist-info/METADATA"))
        head = file.read(name).decode().split("\n\n")[0]
    lines = [line for line in head.splitlines() if line.startswith("Requires-Dist:") and "extra ==" not in line]
    texts = [line.split(":", 1)[1].strip() for line in lines]
    return {re.split(r"[^\w.-]", text)[0]: (version(text.partition(">=")[2]), text) for text in texts}


def version(text: str) -> tuple[int, ...]:
    """'1.26.4rc1' -> (1, 26, 4): enough to compare with a lowest version."""
    return tuple(int(number) for number in re.findall(r"\d+", text.split(",")[0])[:3])


def importable(release: Path, names: list[str]) -> dict[str, tuple[int, ...]]:
    """Versions of those packages that the environment can import: at first, what the system has."""
    found = {}
    for name in names:
        done = quiet([release / "venv/bin/python", "-c", f"import {name}; print({name}.__version__)"])
        if done.returncode == 0:
            found[name] = version(done.stdout.strip().splitlines()[-1])
    return found


def build_core(release: Path, pure: bool) -> str:
    """Compile the C core where the wheel brought only its sources; a board without a compiler runs on NumPy."""
    if not pure:
        return "in the wheel"
    if not shutil.which("cc"):
        step("no C compiler: the NumPy engine runs (for the C core: sudo apt install gcc python3-dev)")
        return "no C compiler"
    step("compile the C core")
    done = quiet([release / "venv/bin/python", "-m", "firmware_py.build_core"], CC=os.environ.get("CC", "cc"))
    if done.returncode == 0:
        return "compiled on the board"
    if says_full(done.stdout):
        raise Failure(FULL[0])
    step(f"the C core cannot be compiled ({last_line(done.stdout)}): the NumPy engine runs")
    return f"not compiled: {last_line(done.stdout)}"
