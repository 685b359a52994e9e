"""The core as a C library: installed, found, linked, and a program without Python that says what Python says."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from firmware_py import Chip, Effects, build_core
from firmware_py.bundle import Bundle
from firmware_py.c_header import write_header
from firmware_py.correction import initial_correction
from firmware_py.numpy_engine import NumpyEngine
from tests.firmware_py.core_cases import needs_core
from tests.firmware_py.make_bundle import CONV, Synthetic, make_bundle

CORE = Path(build_core.__file__).parent / "core"
TOOLS = ("make", "gcc", "objcopy", "nm")
missing = [tool for tool in TOOLS if shutil.which(tool) is None]
pytestmark = [needs_core, pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")]


def output(*command: str, code: int = 0) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the library is installed."""
    folder = tmp_path_factory.mktemp("library")
    make = ("make", "-s", "-C", str(CORE), "-j2", f"BUILD={folder / 'build'}", f"PREFIX={folder / 'usr'}", "CFLAGS=-O1")
    output(*make, "install")
    return folder / "usr"


def flags(prefix: Path) -> list[str]:
    """Compiler and linker flags as pkg-config gives them; read here where it is not installed."""
    file = prefix / "lib" / "pkgconfig" / "rram_core.pc"
    if shutil.which("pkg-config"):
        return output("pkg-config", "--with-path=" + str(file.parent), "--cflags", "--libs", "rram_core").split()
    text = file.read_text().replace("${includedir}", f"{prefix}/include").replace("${libdir}", f"{prefix}/lib")
    return " ".join(re.findall(r"^(?:Cflags|Libs): (.*)$", text, re.MULTILINE)).split()


def test_only_its_own_names_are_seen(prefix: Path) -> None:
    """All that rram_core.h declares and nothing else: a program may have a function forward()."""
    listed = output("nm", "--defined-only", "--extern-only", str(prefix / "lib" / "librram_core.a")).splitlines()
    found = {line.split()[-1] for line in listed if " T " in line or " R " in line or " D " in line}
    header = re.sub(r"/\*.*?\*/", "", (CORE / "rram_core.h").read_text(), flags=re.DOTALL)
    assert found == set(re.findall(r"\b(rram_\w+)\(", header))


def test_a_name_of_the_cores_inside_may_be_the_programs(prefix: Path, tmp_path: Path) -> None:
    (tmp_path / "p.c").write_text('#include "rram_core.h"\nint forward(void);\nint forward(void) { return 0; }\n'
                                  "int main(void) { return forward() + (rram_variant_count() < 1); }\n")  # fmt: skip
    output("gcc", str(tmp_path / "p.c"), *flags(prefix), "-o", str(tmp_path / "p"))
    output(str(tmp_path / "p"))


def test_the_library_has_the_packages_version(prefix: Path, repo_root: Path) -> None:
    version = re.search(r'^version = "(.*)"', (repo_root / "pyproject.toml").read_text(), re.MULTILINE)
    assert version and f"Version: {version[1]}" in (prefix / "lib" / "pkgconfig" / "rram_core.pc").read_text()


def test_the_example_says_the_classes_that_python_says(prefix: Path, repo_root: Path, tmp_path: Path) -> None:
    spec = Synthetic(nodes=[*CONV[:-1], {**CONV[-1], "out": [10]}])  # ten classes: chance is a tenth
    bundle = Bundle.open(make_bundle(tmp_path / "b", spec))
    write_header(tmp_path / "net.h", Chip(bundle, 5, "c"))
    example = str(repo_root / "examples" / "classify.c")
    warnings = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
    output("gcc", *warnings, f"-I{tmp_path}", example, *flags(prefix), "-o", str(tmp_path / "classify"))
    rng = np.random.default_rng(3)  # stripes of any brightness: the random network tells them apart
    x = (rng.integers(0, 2, (16, 8, 1, 1)) * rng.integers(0, 256, (16, 1, 8, 1))).astype(np.uint8)
    oracle, found = NumpyEngine(bundle, 5, Effects(), initial_correction(bundle)), []
    for image in x:
        (tmp_path / "x.pgm").write_bytes(b"P5\n8 8\n255\n" + image.tobytes())
        found.append(output(str(tmp_path / "classify"), str(tmp_path / "x.pgm")).strip())
    # every start of the program reads with the same counter, as a first prediction in Python does
    logits = np.concatenate([oracle.logits(one[None].astype(np.float32) / np.float32(255), 0) for one in x])
    assert found == [bundle.classes[i] for i in logits.argmax(axis=1)]
    assert len(set(found)) > 1
    (tmp_path / "x.pgm").write_bytes(b"P5\n8 9\n255\n" + bytes(72))
    assert output(str(tmp_path / "classify"), str(tmp_path / "x.pgm"), code=2) == "usage: classify IMAGE.pgm\n"


def test_the_example_calibrates_as_python_does(prefix: Path, repo_root: Path, tmp_path: Path) -> None:
    """The errors of every layer, and the classes of the vectors afterwards."""
    bundle = Bundle.open(make_bundle(tmp_path / "b", Synthetic(nodes=[*CONV[:-1], {**CONV[-1], "out": [10]}])))
    chip = Chip(bundle, 5, "c")
    write_header(tmp_path / "net.h", chip, vectors=9)
    example = str(repo_root / "examples" / "calibrate.c")
    warnings = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
    output("gcc", *warnings, f"-I{tmp_path}", example, *flags(prefix), "-o", str(tmp_path / "calibrate"))
    lines = output(str(tmp_path / "calibrate")).splitlines()
    report = chip.calibrate(bundle.calibration_x[:9], in_core=False)  # NumPy's fit
    gained = [tuple(map(float, line.split("error ")[1].split(" -> "))) for line in lines[:3]]
    np.testing.assert_allclose(gained, [(one.before, one.after) for one in report.layers], atol=6e-4)
    assert lines[3:] == [bundle.classes[i] for i in chip.predict_many(bundle.calibration_x[:9])]
