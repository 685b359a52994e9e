"""How the core is made: without a warning, without the system, and clean under the sanitizers."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from firmware_py import build_core

CC = shutil.which("gcc") or shutil.which("cc")
needs_compiler = pytest.mark.skipif(CC is None, reason="no C compiler")
CORE = Path(build_core.__file__).parent / "core"
STRICT = ["-std=c99", "-O2", "-ffp-contract=off", "-fno-math-errno", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
ALLOWED = {"memcpy", "memset", "memmove", "exp", "log", "sqrt", "sqrtf", "floor"}  # and what the compiler itself brings


def compiled(folder: Path, *flags: str) -> list[Path]:
    objects = []
    for source in sorted(CORE.glob("*.c")):
        target = folder / f"{source.stem}.o"
        done = subprocess.run(
            [CC, *STRICT, *flags, "-c", str(source), "-o", str(target)], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        objects.append(target)
    return objects


@needs_compiler
def test_no_file_gives_a_warning(tmp_path: Path) -> None:
    compiled(tmp_path, "-Os", "-Wpedantic")  # at -O2, and so with other warnings, in the next test


@needs_compiler
@pytest.mark.skipif(shutil.which("nm") is None, reason="no nm")
@pytest.mark.skipif(platform.system() != "Linux", reason="symbol names as on Linux")
def test_it_calls_no_system_and_keeps_no_state(tmp_path: Path) -> None:
    objects = compiled(tmp_path, "-fno-pic")  # relocations would make constants look like variables
    lines = subprocess.run(["nm", *map(str, objects)], capture_output=True, text=True, check=True).stdout.splitlines()
    kinds = [line.split()[-2:] for line in lines if line and not line.endswith(":")]
    own = {name for kind, name in kinds if kind in "TtRr"}
    foreign = {name for kind, name in kinds if kind == "U"} - own
    assert all(name.startswith("__stack_chk") for name in foreign - ALLOWED)
    assert {name for kind, name in kinds if kind in "BbDdCc"} == set()  # no variables, only constants


RUN = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("firmware_py._core", sys.argv[1])
module = importlib.util.module_from_spec(spec)
sys.modules["firmware_py._core"] = module
spec.loader.exec_module(module)
from hypothesis import HealthCheck, given, settings
from pathlib import Path
import tempfile
from firmware_py import Effects, c_engine
from firmware_py.correction import AdaptConfig
from tests.firmware_py.core_cases import assert_same, images, integer_networks, networks, opened, pair

@settings(max_examples=10, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(networks() | integer_networks())
def run(spec):
    x = images(spec, 2, spec.seed)
    with tempfile.TemporaryDirectory() as folder:
        bundle = opened(Path(folder), spec)
        for variant in c_engine.variants():
            assert_same(bundle, Effects(), x, AdaptConfig(), variant)
            engine = pair(bundle, 1, Effects(), variant)[1]
            for memory in engine.calibration_bytes():
                if memory:
                    engine.calibrate(x, 7, memory=memory)

assert c_engine.core() is module
run()
print("clean")
"""


def library(name: str) -> str | None:
    """A library of the compiler's, by file name."""
    found = subprocess.run([CC, f"-print-file-name={name}"], capture_output=True, text=True, check=True).stdout.strip()
    return found if os.path.isabs(found) else None


@needs_compiler
@pytest.mark.skipif(platform.system() != "Linux", reason="LD_PRELOAD")
@pytest.mark.slow
def test_the_sanitizers_find_nothing(tmp_path: Path) -> None:
    """Address and undefined-behaviour sanitizers, the arena an allocation of its own, on every instruction set."""
    preload = [path for path in (library("libasan.so"), library("libubsan.so"), library("libstdc++.so")) if path]
    if len(preload) < 2:
        pytest.skip("the compiler has no sanitizer libraries")
    flags = ("-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")
    try:
        extension = build_core.build(tmp_path, flags)
    except subprocess.CalledProcessError:
        pytest.skip("no headers of Python, or no sanitizers")
    env = {**os.environ, "LD_PRELOAD": ":".join(preload), "ASAN_OPTIONS": "detect_leaks=0",
           "PYTHONPATH": os.pathsep.join([str(Path(__file__).resolve().parents[2]), *sys.path])}  # fmt: skip
    done = subprocess.run([sys.executable, "-c", RUN, str(extension)], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip().endswith("clean")
