"""The virtual environment of a release: numpy and cffi from the system or from the network, the wheel, the C core."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from .process import FULL, Failure, last_line, quiet, says_full, step


def make_environment(release: Path, wheel: Path) -> str:
    """Make release/venv and install the wheel in it; returns 'system' or 'network': where numpy and cffi come from."""
    if quiet([sys.executable, "-c", "import venv, ensurepip"]).returncode:
        raise Failure("Python's venv module is not on the board: sudo apt install python3-venv")
    needs = requirements(wheel)
    have = importable(list(needs))
    missing = [text for name, (low, text) in needs.items() if have.get(name, ()) < low]
    step(f"virtual environment (Python {sys.version.split()[0]}{', with the packages of the system' if have else ''})")
    shutil.rmtree(release / "venv", ignore_errors=True)
    done = quiet([sys.executable, "-m", "venv", *["--system-site-packages"] * bool(have), release / "venv"])
    if done.returncode:
        raise Failure(f"the virtual environment cannot be made: {last_line(done.stdout)}")
    if missing:
        fetch(release, missing, enough=len(have) == len(needs))
    step(f"install {wheel.name}")
    done = pip(release, "--no-deps", "--no-index", "--force-reinstall", str(wheel))
    if done.returncode:
        raise Failure(f"{wheel.name} cannot be installed: {last_line(done.stdout)}")
    return "network" if missing else "system"


def pip(release: Path, *arguments: str) -> subprocess.CompletedProcess:
    """`pip install` inside the release's environment."""
    options = ["--disable-pip-version-check", "--no-input"]
    return quiet([release / "venv/bin/python", "-m", "pip", "install", *options, *arguments])


def fetch(release: Path, missing: list[str], enough: bool) -> None:
    """Get packages from the network; `enough`: older ones of the system may serve (the self-test decides)."""
    step(f"fetch {', '.join(missing)} from the network")
    done = pip(release, "--prefer-binary", *missing)
    if done.returncode == 0:
        return
    if says_full(done.stdout):
        raise Failure(FULL[0])
    if not enough:
        reason = f"{' and '.join(missing)} cannot be had: {last_line(done.stdout)}"
        raise Failure(f"{reason} (without a network: sudo apt install python3-numpy python3-cffi)")
    step(f"{' and '.join(missing)} cannot be had; what the system has is tried")


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


def importable(names: list[str]) -> dict[str, tuple[int, ...]]:
    """Versions of those packages that the board's own Python can import."""
    found = {}
    for name in names:
        done = quiet([sys.executable, "-c", f"import {name}; print({name}.__version__)"])
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
    done = quiet([release / "venv/bin/python", "-m", "firmware_py.build_core"])
    if done.returncode == 0:
        return "compiled on the board"
    if says_full(done.stdout):
        raise Failure(FULL[0])
    step(f"the C core cannot be compiled ({last_line(done.stdout)}): the NumPy engine runs")
    return f"not compiled: {last_line(done.stdout)}"
