"""The core on other processors, in emulators: the bits of the NumPy engine; and no more of the system than it says."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from firmware_py import build_core
from tests.firmware_py.core_cases import needs_core
from tests.firmware_py.cross.golden_case import CASES, write_case

pytestmark = [needs_core, pytest.mark.slow]
HERE = Path(__file__).resolve().parent / "cross"
CORE = Path(build_core.__file__).parent / "core"
FLAGS = ["-std=c99", "-ffp-contract=off", "-fno-math-errno", "-Wall", "-Wextra", "-Wconversion", "-Werror",
         "-DRRAM_SCALAR"]  # fmt: skip
ALLOWED = {"memcpy", "memset", "memmove", "exp", "log", "sqrt", "sqrtf", "floor", "rint"}
BARE = ["-mthumb", "-mfloat-abi=hard", "-ffunction-sections", "-fdata-sections"]
BARE_LINK = ["-nostartfiles", "--specs=nosys.specs", "-Wl,--gc-sections", "-DBARE", "-T", str(HERE / "mps2.ld"),
             str(HERE / "bare.c")]  # fmt: skip


@dataclass(frozen=True)
class Machine:
    """A processor: what compiles for it and what runs it. `own`: kernels that must have run there."""

    compiler: str
    emulator: tuple[str, ...] = ()
    flags: tuple[str, ...] = ("-O2",)
    link: tuple[str, ...] = ()
    own: str = "scalar"


def cortex(core: str, fpu: str, board: str) -> Machine:
    emulator = ("qemu-system-arm", "-M", board, "-nographic", "-semihosting-config", "enable=on,target=native",
                "-kernel")  # fmt: skip
    return Machine("arm-none-eabi-gcc", emulator, ("-Os", f"-mcpu={core}", f"-mfpu={fpu}", *BARE), tuple(BARE_LINK))


MACHINES = {
    "gcc": Machine("gcc"),
    "clang": Machine("clang"),
    "aarch64": Machine("aarch64-linux-gnu-gcc", ("qemu-aarch64-static",), link=("-static",), own="neon"),
    "aarch64, NEON alone": Machine("aarch64-linux-gnu-gcc", ("qemu-aarch64-static",), ("-Os", "-URRAM_SCALAR"),
                                   ("-static",), own="neon"),
    "armv7": Machine("arm-linux-gnueabihf-gcc", ("qemu-arm-static",), link=("-static",)),
    "small": Machine("gcc", flags=("-Os", "-DRRAM_SMALL")),
    "cortex-m4": cortex("cortex-m4", "fpv4-sp-d16", "mps2-an386"),
    "cortex-m7": cortex("cortex-m7", "fpv5-d16", "mps2-an500"),
}


def command(words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, timeout=120)


def compiled(machine: Machine, folder: Path, *more: str) -> list[str]:
    """The core's objects; skips where the compiler is not installed."""
    if shutil.which(machine.compiler) is None:
        pytest.skip(f"{machine.compiler} is not installed")
    objects = []
    for source in sorted(CORE.glob("*.c")):
        objects.append(str(folder / f"{source.stem}.o"))
        done = command([machine.compiler, *FLAGS, *machine.flags, *more, "-c", str(source), "-o", objects[-1]])
        assert done.returncode == 0, done.stderr
    return objects


def program(machine: Machine, folder: Path, objects: list[str], *more: str) -> Path:
    """golden.c with the headers that lie in `folder`, linked with the core."""
    made = folder / "golden"
    words = [machine.compiler, *FLAGS, *machine.flags, *more, f"-I{CORE}", f"-I{folder}", str(HERE / "golden.c")]
    done = command([*words, *machine.link, "-o", str(made), *objects, "-lm"])
    assert done.returncode == 0, done.stderr
    return made


@pytest.mark.parametrize("name", MACHINES)
def test_every_processor_gives_the_bits_of_the_numpy_engine(name: str, tmp_path: Path) -> None:
    machine = MACHINES[name]
    objects = compiled(machine, tmp_path)
    emulator = machine.emulator[0] if machine.emulator else None
    for case, spec in CASES.items():
        folder = tmp_path / case
        folder.mkdir()
        write_case(folder, spec)
        made = program(machine, folder, objects)
        if emulator and shutil.which(emulator) is None:
            pytest.skip(f"{emulator} is not installed")
        ran = command([*machine.emulator, str(made)])
        said = ran.stdout + ran.stderr  # semihosting speaks to standard error
        assert ran.returncode == 0, f"{case}: {said}"
        first = "scalar" if "-URRAM_SCALAR" not in machine.flags else machine.own
        assert said.startswith(f"same: {first}") and machine.own in said


# What the compiler itself adds for that processor: arithmetic that it has no instruction for.
HELPERS = {"aarch64": (), "armv7": ("__aeabi_",), "cortex-m4": ("__aeabi_",), "cortex-m7": ("__aeabi_",)}


@pytest.mark.parametrize("name", HELPERS)
def test_no_processor_needs_more_of_the_system(name: str, tmp_path: Path) -> None:
    """No allocation, no I/O, no libc beyond copying and mathematics; no variables."""
    machine = MACHINES[name]
    objects = compiled(machine, tmp_path, "-fno-pic")  # relocations would make constants look like variables
    tool = machine.compiler.removesuffix("gcc")
    listed = command([f"{tool}nm", *objects]).stdout.splitlines()
    kinds = [line.split()[-2:] for line in listed if line and not line.endswith(":")]
    own = {symbol for kind, symbol in kinds if kind in "TtRr"}
    foreign = {symbol for kind, symbol in kinds if kind == "U"} - own - ALLOWED
    assert {symbol for symbol in foreign if not symbol.startswith(HELPERS[name] or "-")} == set()
    assert {symbol for kind, symbol in kinds if kind in "BbDdCc"} == set()
    rows = [line.split() for line in command([f"{tool}size", "-A", *objects]).stdout.splitlines()]
    sizes = {row[0]: int(row[1]) for row in rows if len(row) == 3 and row[1].isdigit()}
    assert ".text" in sizes or any(section.startswith(".text.") for section in sizes)
    assert {section for section, size in sizes.items() if size and section.startswith((".data", ".bss"))} == set()


CHECKS = {
    "gcc": ("-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-DRRAM_SMALL"),
    "clang": ("-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
}


@pytest.mark.parametrize("name", CHECKS)
def test_the_sanitizers_find_nothing(name: str, tmp_path: Path) -> None:
    machine, empty = Machine(name, flags=CHECKS[name]), tmp_path / "empty.c"
    empty.write_text("int main(void) { return 0; }\n")
    if shutil.which(name) is None or command([name, *machine.flags, str(empty), "-o", f"{empty}.out"]).returncode:
        pytest.skip(f"{name} is not installed, or without sanitizer libraries")
    objects = compiled(machine, tmp_path)
    for case, spec in CASES.items():
        folder = tmp_path / case
        folder.mkdir()
        write_case(folder, spec)
        ran = command([str(program(machine, folder, objects))])
        assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
def test_valgrind_finds_nothing(tmp_path: Path) -> None:
    """Uninitialised numbers, too, which the sanitizers do not see."""
    machine = Machine("gcc", flags=("-g", "-O1"))
    objects = compiled(machine, tmp_path)
    for case, spec in CASES.items():
        folder = tmp_path / case
        folder.mkdir()
        write_case(folder, spec)
        made = program(machine, folder, objects)
        ran = command(["valgrind", "--quiet", "--error-exitcode=9", "--leak-check=full", str(made)])
        assert ran.returncode == 0, ran.stdout + ran.stderr
