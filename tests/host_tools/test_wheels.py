"""Wheels for two processors: their names and contents, what is refused, and, where zig is installed, the real ones."""

from __future__ import annotations

import io
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from host_tools import wheels
from host_tools.errors import HostError
from tests.host_tools.flash.test_wheel import MEMBERS

X86, ARM = wheels.MACHINES
PURE = {name: data for name, data in MEMBERS.items() if not name.endswith(".so")}


def elf(machine: int, *versions: str) -> bytes:
    """What a check sees of a compiled core."""
    return b"\x7fELF" + bytes(14) + machine.to_bytes(2, "little") + "".join(f"GLIBC_{v}\0" for v in versions).encode()


def test_the_name_says_python_and_machine_and_the_core_is_in_it():
    name, data = wheels.wheel_of(PURE, ARM, elf(183))
    assert name == "rram_edge-1.0-cp310-abi3-manylinux2014_aarch64.manylinux_2_17_aarch64.whl"
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        names = file.namelist()
        assert file.read("firmware_py/_core.abi3.so") == elf(183)
        about = file.read("rram_edge-1.0.dist-info/WHEEL").decode().splitlines()
    assert set(names) == {*PURE, "firmware_py/_core.abi3.so"} and len(names) == len(set(names))
    assert about[-2:] == ["Tag: cp310-abi3-manylinux2014_aarch64", "Tag: cp310-abi3-manylinux_2_17_aarch64"]
    assert "Root-Is-Purelib: false" in about


def test_pip_takes_the_name_for_such_machines_from_python_3_10_on():
    tags = pytest.importorskip("packaging.tags")
    parse = pytest.importorskip("packaging.utils").parse_wheel_filename
    name, _ = wheels.wheel_of(PURE, ARM, elf(183))
    platforms = ["manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"]
    for minor, fits in ((9, False), (10, True), (13, True)):
        theirs = set(tags.cpython_tags((3, minor), platforms=platforms))
        assert bool(parse(name)[3] & theirs) is fits


def test_a_core_for_another_machine_or_a_newer_glibc_is_refused():
    wheels.check(elf(62, "2.2.5", "2.17"), X86)
    wheels.check(elf(183), ARM)
    with pytest.raises(HostError, match="wheels: aarch64: what was compiled is not for this machine"):
        wheels.check(elf(62), ARM)
    with pytest.raises(HostError, match=r"x86_64: the core needs glibc 2\.29, expected at most 2\.17"):
        wheels.check(elf(62, "2.4", "2.29"), X86)


def test_without_zig_it_says_how_to_come_by_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(wheels, "find_spec", lambda name: None)
    with pytest.raises(HostError, match="wheels: zig is not installed: pip install ziglang"):
        wheels.build_wheels(tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("ziglang") is None, reason="ziglang is not installed (tox -e wheels installs it)")
@pytest.mark.parametrize("machine", wheels.MACHINES, ids=lambda machine: machine.name)
def test_zig_compiles_the_core_for_both(machine: wheels.Machine, tmp_path: Path):
    core = wheels.compiled(machine)  # and checks it
    assert b"PyInit__core" in core
    assert b"neon" in core if machine is ARM else b"avx512vnni" in core
