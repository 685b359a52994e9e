"""Wheels for Linux on x86-64 and aarch64, with the C core compiled in, made on one machine by zig's C compiler.

    pip install '.[host]' ziglang && python -m host_tools.wheels -o dist

One wheel serves every Python from 3.10 on (abi3) and every distribution with glibc 2.17 or newer (manylinux2014). The
files are those of the project's own pure build; only the core is compiled here, once for each processor.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from firmware_py import build_core
from host_tools.errors import HostError
from host_tools.flash.wheel import BOARD_PACKAGE, archive, members_of_build

GLIBC = (2, 17)  # what manylinux2014 promises
PYTHON = "cp310-abi3"
ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Machine:
    """A processor: its name in wheels, and its number in the head of an ELF file."""

    name: str
    elf: int


MACHINES = (Machine("x86_64", 62), Machine("aarch64", 183))


def build_wheels(into: Path, machines: tuple[Machine, ...] = MACHINES) -> list[Path]:
    """Write one wheel for each machine into the folder; HostError without zig, or where the build fails."""
    if find_spec("ziglang") is None:
        raise HostError("wheels: zig is not installed: pip install ziglang")
    if not (ROOT / "pyproject.toml").exists():
        raise HostError(f"wheels: {ROOT} is not the source tree of rram-edge: run it there")
    members, made = members_of_build(ROOT, pure=True), []
    into.mkdir(parents=True, exist_ok=True)
    for machine in machines:
        name, data = wheel_of(members, machine, compiled(machine))
        made.append(into / name)
        made[-1].write_bytes(data)
    return made


def compiled(machine: Machine) -> bytes:
    """The extension for a machine, checked."""
    with tempfile.TemporaryDirectory() as name:
        folder, target = Path(name), f"{machine.name}-linux-gnu.{GLIBC[0]}.{GLIBC[1]}"
        compiler = [sys.executable, "-m", "ziglang", "cc", "-target", target, f"-I{headers(folder)}"]
        try:
            core = build_core.build(folder, ["-s"], compiler).read_bytes()
        except (OSError, subprocess.CalledProcessError):
            raise HostError(f"wheels: {machine.name}: zig does not compile the core, the lines above say why") from None
    check(core, machine)
    return core


def headers(folder: Path) -> Path:
    """This Python's headers, copied: Debian's pyconfig.h looks for another processor's, which are not here.

    What the limited API takes from pyconfig.h (sizes of types) is the same on both.
    """
    copy = Path(shutil.copytree(sysconfig.get_path("include"), folder / "include"))
    shutil.copy(sysconfig.get_config_h_filename(), copy / "pyconfig.h")
    return copy


def check(core: bytes, machine: Machine) -> None:
    """HostError unless it is code for this machine that runs with an old glibc."""
    if core[:4] != b"\x7fELF" or int.from_bytes(core[18:20], "little") != machine.elf:
        raise HostError(f"wheels: {machine.name}: what was compiled is not for this machine")
    needed = [tuple(map(int, version.split(b"."))) for version in re.findall(rb"GLIBC_([0-9.]+)\0", core)]
    if needed and max(needed) > GLIBC:
        text = ".".join(map(str, max(needed)))
        raise HostError(f"wheels: {machine.name}: the core needs glibc {text}, expected at most 2.17")


def wheel_of(members: dict[str, bytes], machine: Machine, core: bytes) -> tuple[str, bytes]:
    """Name and bytes of a wheel: the members of a pure one, and the core."""
    info = next(name.split("/")[0] for name in members if name.endswith(".dist-info/METADATA"))
    platforms = [f"{kind}_{machine.name}" for kind in ("manylinux2014", "manylinux_2_17")]
    kept = {name: data for name, data in members.items() if name != f"{info}/RECORD"}
    about = ["Wheel-Version: 1.0", "Generator: rram-edge", "Root-Is-Purelib: false"]
    kept[f"{info}/WHEEL"] = "\n".join([*about, *(f"Tag: {PYTHON}-{name}" for name in platforms), ""]).encode()
    kept[f"{BOARD_PACKAGE}/_core.abi3.so"] = core
    return f"{info.removesuffix('.dist-info')}-{PYTHON}-{'.'.join(platforms)}.whl", archive(kept, info)


def main() -> int:
    """Build both and say where."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path("dist"), help="folder (default dist)")
    try:
        for path in build_wheels(parser.parse_args().output):
            print(f"{path} ({path.stat().st_size / 1e6:.1f} MB)")
    except HostError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
