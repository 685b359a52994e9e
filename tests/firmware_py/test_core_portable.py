"""The core without Python, by other compilers, for other processors: always the same digest of logits and state."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from firmware_py import build_core

HERE = Path(__file__).resolve().parent
# Of the scalar loops with gcc on x86-64; clang, aarch64 with NEON and armv7 give the same: a new chip, and an old one
# whose ADCs have errors.
DIGESTS = ["5e53543e", "d3d3e4a4"]
FLAGS = ["-std=c99", "-O2", "-ffp-contract=off", "-fno-math-errno", "-Wall", "-Wextra", "-Wconversion", "-Werror",
         "-DRRAM_SCALAR"]  # fmt: skip

# compiler, what runs its programs, further flags
MACHINES = [
    ("gcc", None, []),
    ("clang", None, []),
    ("aarch64-linux-gnu-gcc", "qemu-aarch64-static", ["-static"]),
    ("arm-linux-gnueabihf-gcc", "qemu-arm-static", ["-static"]),
]


@pytest.mark.parametrize(("compiler", "emulator", "flags"), MACHINES, ids=[machine[0] for machine in MACHINES])
def test_every_machine_computes_the_same(compiler: str, emulator: str | None, flags: list[str], tmp_path: Path) -> None:
    for tool in (compiler, emulator):
        if tool and shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    core, program = Path(build_core.__file__).parent / "core", tmp_path / "portable"
    sources = [str(HERE / "portable.c"), *map(str, sorted(core.glob("*.c")))]
    command = [compiler, *FLAGS, *flags, f"-I{core}", "-o", str(program), *sources, "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    run = [emulator, str(program)] if emulator else [str(program)]
    ran = subprocess.run(run, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"the variants differ: {ran.stdout}"
    assert ran.stdout.split()[:2] == DIGESTS
