"""`./run` on machines where something is missing, and on a toy project that installs in seconds."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = ("sh", "dirname", "basename", "cat", "cksum")
TOY_PROJECT = """
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"
[project]
name = "rram-edge"
version = "0"
[project.optional-dependencies]
host = []
reference = []
[project.scripts]
rram = "toy:main"
rram-edge = "toy:main"
[tool.setuptools]
py-modules = ["toy"]
"""
TOY_MODULE = """
import os, sys
def main():
    print(os.path.basename(sys.argv[0]), sys.argv[1:], os.getcwd())
"""


def run(script: Path, *arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Call `script` under dash's rules, without the variables of the environment that runs this test."""
    kept = {key: value for key, value in os.environ.items() if key.startswith(("PIP_", "XDG_", "HOME", "TMP", "LANG"))}
    environment = {"PATH": os.environ["PATH"], "PYTHON": sys.executable, **kept, **environment}
    return subprocess.run(["sh", str(script), *arguments], cwd=cwd, env=environment, capture_output=True, text=True)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder of programs to be the whole PATH: a shell's tools, no Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found
        (folder / tool).symlink_to(found)
    return folder


def add_python(machine: Path, name: str, change: str) -> None:
    """Put a Python called `name` on `machine`, which runs the line `change` before anything else."""
    library = machine / f"lib-{name}"
    library.mkdir()
    (library / "sitecustomize.py").write_text(f"import sys\n{change}\n")
    (machine / name).write_text(f'#!/bin/sh\nPYTHONPATH="{library}" exec "{sys.executable}" "$@"\n')
    (machine / name).chmod(0o755)


def refused(script: Path, machine: Path, tmp_path: Path) -> str:
    """Run the demo where only `machine` is in PATH; it must stop with one line, which is returned."""
    result = run(script, "demo", PATH=str(machine), PYTHON="", RRAM_EDGE_VENV=str(tmp_path / "venv"))
    assert result.returncode == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert not (tmp_path / "venv").exists()
    return line


def test_alone_it_prints_its_commands(repo_root: Path) -> None:
    result = run(repo_root / "run")
    assert result.returncode == 0
    for command in ("./run demo", "./run test", "./run rram ", "./run rram-edge "):
        assert command in result.stdout
    assert run(repo_root / "run", "--help").stdout == result.stdout


def test_an_unknown_command_is_one_line(repo_root: Path) -> None:
    result = run(repo_root / "run", "dmeo")
    assert (result.returncode, result.stderr) == (2, "run: no such command: dmeo; ./run shows the commands\n")


def test_without_python_it_names_the_package(repo_root: Path, machine: Path, tmp_path: Path) -> None:
    assert "apt install python3 python3-venv" in refused(repo_root / "run", machine, tmp_path)


def test_with_only_an_old_python_it_says_which_and_what_is_needed(
    repo_root: Path, machine: Path, tmp_path: Path
) -> None:
    add_python(machine, "python3", "sys.version_info = (3, 9, 2, 'final', 0)")
    line = refused(repo_root / "run", machine, tmp_path)
    assert "3.10 to 3.13" in line
    assert "found only 3.9:" in line
    assert "apt install" in line


def test_without_ensurepip_it_names_the_package(repo_root: Path, machine: Path, tmp_path: Path) -> None:
    add_python(machine, "python3", "sys.modules['ensurepip'] = None")
    assert refused(repo_root / "run", machine, tmp_path).endswith("sudo apt install python3-venv")


def test_an_old_python3_is_passed_over_for_a_newer_one(repo_root: Path, machine: Path, tmp_path: Path) -> None:
    add_python(machine, "python3", "sys.version_info = (3, 9, 2, 'final', 0)")
    add_python(machine, "python3.12", "sys.version_info = (3, 12, 1, 'final', 0); sys.modules['ensurepip'] = None")
    assert refused(repo_root / "run", machine, tmp_path).endswith("sudo apt install python3.12-venv")


@pytest.fixture(scope="module")
def toy(repo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A checkout of a toy project, and what its first `./run demo` without a C compiler said."""
    folder = tmp_path_factory.mktemp("toy") / "my checkout"
    folder.mkdir()
    shutil.copy(repo_root / "run", folder)
    (folder / "pyproject.toml").write_text(TOY_PROJECT)
    (folder / "toy.py").write_text(TOY_MODULE)
    return folder, run(folder / "run", "demo", "--json", "-", CC="/nonexistent/cc", cwd=folder.parent)


def test_the_first_use_says_what_it_installs_and_where(toy: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, first = toy
    assert first.returncode == 0, first.stderr
    assert first.stdout == f"rram ['demo', '--json', '-'] {folder.parent}\n"  # nothing but the command's own output
    assert f"in {folder}/.venv" in first.stderr
    assert "0.5 GB" in first.stderr
    assert "apt install gcc python3-dev" in first.stderr


def test_the_second_use_only_runs(toy: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    folder, _ = toy
    result = run(folder / "run", "rram-edge", "two words", "*", CC="/nonexistent/cc", cwd=tmp_path)
    assert (result.stdout, result.stderr) == (f"rram-edge ['two words', '*'] {tmp_path}\n", "")


def test_a_compiler_that_arrives_later_is_used(toy: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, _ = toy
    again = run(folder / "run", "rram", CC="true")  # `true` compiles anything
    assert "installing host again" in again.stderr
    assert "apt install" not in again.stderr
    assert run(folder / "run", "rram", CC="true").stderr == ""


def test_a_failed_installation_is_said_and_tried_again(toy: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, _ = toy
    broken = TOY_PROJECT.replace('version = "0"', 'version = "0"\ndependencies = ["rram-edge-needs-this-nowhere"]')
    (folder / "pyproject.toml").write_text(broken)
    for _ in range(2):
        result = run(folder / "run", "demo", PIP_NO_INDEX="1", PIP_FIND_LINKS="")
        assert result.returncode == 2
        assert result.stderr.splitlines()[-1].startswith("run: the installation failed")
    (folder / "pyproject.toml").write_text(TOY_PROJECT)
    assert run(folder / "run", "demo").returncode == 0


def test_a_32_bit_machine_hears_why_not(toy: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, _ = toy
    (library,) = (folder / ".venv" / "lib").glob("python3.*/site-packages")
    fake = library / "sitecustomize.py"
    fake.write_text("import struct\nstruct.calcsize = lambda code: 4\n")
    try:
        result = run(folder / "run", "demo")
    finally:
        fake.unlink()
    assert result.returncode == 2
    assert "no 32-bit build" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_the_tests_run_in_the_checkout_with_all_arguments(
    toy: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    folder, _ = toy
    (library,) = (folder / ".venv" / "lib").glob("python3.*/site-packages")
    (library / "tox.py").write_text("")
    shutil.copy(folder / ".venv" / "bin" / "rram", folder / ".venv" / "bin" / "tox")
    result = run(folder / "run", "test", "-e", "py", "--", "-k", "a or b", cwd=tmp_path)
    assert result.stdout == f"tox ['-e', 'py', '--', '-k', 'a or b'] {folder}\n"


def test_a_copied_checkout_does_not_use_the_old_one(
    toy: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    folder, _ = toy
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy, symlinks=True)
    (copy / "toy.py").write_text("def main():\n    print('the copy')\n")
    assert run(copy / "run", "demo").stdout == "the copy\n"


def test_a_folder_that_is_no_environment_is_left_alone(repo_root: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious.txt"
    precious.write_text("mine")
    result = run(repo_root / "run", "demo", RRAM_EDGE_VENV=str(tmp_path))
    assert result.returncode == 2
    assert "no virtual environment" in result.stderr
    assert precious.read_text() == "mine"
