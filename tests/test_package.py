"""What `pip install` and `python -m build` make of the checkout: complete, and with or without a C compiler."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("build", reason="the package `build` makes the distributions")
pytestmark = pytest.mark.slow

PACKAGES = ("device_models", "firmware_py", "host_tools")
BUILT = {".so", ".o", ".pyc"}


@pytest.fixture(scope="module")
def checkout(repo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the files that git knows or would add, without anything that was built here."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=repo_root, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    folder = tmp_path_factory.mktemp("checkout")
    for name in filter(None, listed.split("\0")):
        if (repo_root / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(repo_root / name, folder / name)
    return folder


def build(checkout: Path, into: Path, *options: str, **environment: str) -> None:
    """Run `python -m build` (in its own environment, as a user would) in `checkout`."""
    shutil.rmtree(checkout / "build", ignore_errors=True)  # setuptools packs what an earlier build left there
    command = [sys.executable, "-m", "build", "--outdir", str(into), *options, str(checkout)]
    result = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]


@pytest.fixture(scope="module")
def distributions(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The sdist, and the wheel that is built from the sdist (not from the checkout), without compiled code."""
    into = tmp_path_factory.mktemp("dist")
    build(checkout, into, RRAM_EDGE_PURE="1")
    (sdist,) = into.glob("*.tar.gz")
    (wheel,) = into.glob("*.whl")
    return sdist, wheel


def packaged(checkout: Path) -> set[str]:
    """The files of the three packages, as paths relative to the checkout."""
    files = {path for package in PACKAGES for path in (checkout / package).rglob("*") if path.is_file()}
    return {path.relative_to(checkout).as_posix() for path in files if "__pycache__" not in path.parts}


def test_the_wheel_holds_every_file_of_the_packages(checkout: Path, distributions: tuple[Path, Path]) -> None:
    names = set(zipfile.ZipFile(distributions[1]).namelist())
    assert {name for name in names if name.split("/")[0] in PACKAGES} == packaged(checkout)
    assert {name.split("/")[0] for name in names if not name.startswith("rram_edge-")} == set(PACKAGES)


def test_the_sdist_holds_what_a_build_and_its_tests_need(checkout: Path, distributions: tuple[Path, Path]) -> None:
    with tarfile.open(distributions[0]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    tests = {path.relative_to(checkout).as_posix() for path in (checkout / "tests").rglob("*.py")}
    assert packaged(checkout) | tests | {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "tox.ini"} <= names
    assert not {name for name in names if Path(name).suffix in BUILT}


def test_the_pure_wheel_fits_every_machine(distributions: tuple[Path, Path]) -> None:
    assert distributions[1].name.endswith("-py3-none-any.whl")


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_with_a_compiler_the_wheel_carries_the_core(checkout: Path, tmp_path: Path) -> None:
    build(checkout, tmp_path, "--wheel")
    (wheel,) = tmp_path.glob("*.whl")
    assert [name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("firmware_py/_core.")]


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_an_editable_installation_compiles_the_core_into_the_checkout(checkout: Path, tmp_path: Path) -> None:
    """This is what `./run` does."""
    copy = shutil.copytree(checkout, tmp_path / "checkout", ignore=shutil.ignore_patterns("build"))
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(tmp_path / "venv" / "bin" / "python")]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--editable", str(copy)], check=True)
    assert list((copy / "firmware_py").glob("_core.*so"))


PREDICT = """
import sys
from pathlib import Path
import numpy as np
import firmware_py
from make_bundle import make_bundle
chip = firmware_py.Chip.open(make_bundle(Path("small.rram.safetensors")), seed=1)
label = chip.predict_one(np.zeros(chip.bundle.input_shape, np.uint8))
print(chip.engine.name, label in range(4), Path(firmware_py.__file__).parent)
"""


def test_without_a_compiler_it_installs_and_runs_on_numpy(checkout: Path, tmp_path: Path) -> None:
    """Not told to be pure: the compiler simply is not there."""
    build(checkout, tmp_path, "--wheel", CC=str(tmp_path / "no-such-cc"), RRAM_EDGE_PURE="0")
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(installed)
    assert not list(installed.rglob("*.so"))
    shutil.copy(checkout / "tests" / "firmware_py" / "make_bundle.py", tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-c", PREDICT]
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"numpy True {installed / 'firmware_py'}\n"
