"""The board's wheel: what is in it, that the same content is the same wheel, and both ways to come by one."""

from __future__ import annotations

import csv
import importlib.metadata
import io
import zipfile

import pytest

from host_tools.errors import HostError
from host_tools.flash import wheel
from host_tools.flash.release import installer

MEMBERS = {
    "firmware_py/__init__.py": b"x = 1\n",
    "firmware_py/core/core.c": b"int x;\n",
    "firmware_py/_core.abi3.so": b"\x7fELF",
    "host_tools/__init__.py": b"",
    "rram_edge-1.0.dist-info/METADATA": b"Name: rram-edge\n",
    "rram_edge-1.0.dist-info/WHEEL": b"Root-Is-Purelib: false\nTag: cp311-cp311-linux_x86_64\n",
    "rram_edge-1.0.dist-info/entry_points.txt": (
        b"[console_scripts]\nrram = host_tools.cli:main\nrram-edge = firmware_py.cli:main\n"
    ),
    "rram_edge-1.0.dist-info/RECORD": b"",
    "rram_edge-1.0.dist-info/licenses/LICENSE": b"Apache",
}


def contents(made: wheel.Wheel) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(made.data)) as file:
        return {name: file.read(name) for name in file.namelist()}


@pytest.mark.parametrize(("pure", "tag"), [(True, "py3-none-any"), (False, "cp311-cp311-linux_x86_64")])
def test_only_what_the_board_needs_is_packed(pure, tag):
    made = wheel.pack(MEMBERS, pure)
    found = contents(made)
    assert made.name == f"rram_edge-1.0-{tag}.whl"
    assert ("firmware_py/_core.abi3.so" in found) is not pure
    assert "firmware_py/core/core.c" in found
    assert not [name for name in found if name.startswith("host_tools")]
    commands = found["rram_edge-1.0.dist-info/entry_points.txt"].decode().split("\n")
    assert commands == ["[console_scripts]", "rram-edge = firmware_py.cli:main", ""]


def test_without_a_compiled_core_it_is_pure_whatever_was_asked():
    members = {name: data for name, data in MEMBERS.items() if not name.endswith(".so")}
    assert wheel.pack(members, pure=False) == wheel.pack(members, pure=True)


def test_the_record_names_every_file():
    found = contents(wheel.pack(MEMBERS, pure=False))
    record = [row[0] for row in csv.reader(io.StringIO(found["rram_edge-1.0.dist-info/RECORD"].decode()))]
    assert sorted(record) == sorted(found)


def test_the_same_content_is_the_same_wheel_and_other_content_is_not():
    one = wheel.pack(MEMBERS, pure=False)
    assert one == wheel.pack(dict(reversed(MEMBERS.items())), pure=False)
    rebuilt = wheel.pack({**MEMBERS, "firmware_py/_core.abi3.so": b"\x7fELF another build"}, pure=False)
    assert rebuilt.digest == one.digest
    changed = wheel.pack({**MEMBERS, "firmware_py/__init__.py": b"x = 2\n"}, pure=False)
    assert changed.digest != one.digest
    assert wheel.pack(MEMBERS, pure=True).digest != one.digest


def test_the_source_tree_builds_a_pure_wheel_and_stays_as_it_is(repo_root, tmp_path, monkeypatch):
    """The build runs on a copy; it needs setuptools, from here or from the network."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    before = {path.name for path in repo_root.iterdir()}
    try:
        members = wheel.members_of_build(repo_root, pure=True)
    except HostError as error:
        if wheel.needs_isolation():
            pytest.skip(f"no setuptools here and none from the network: {error}")
        raise
    assert {path.name for path in repo_root.iterdir()} == before
    assert not [name for name in members if name.endswith(wheel.COMPILED)]
    sources = {f"firmware_py/{path.relative_to(repo_root / 'firmware_py').as_posix()}"
               for path in (repo_root / "firmware_py").rglob("*") if path.suffix in (".py", ".c", ".h")}  # fmt: skip
    assert {name for name in sources if "_core.c" not in name} <= set(members)
    monkeypatch.setattr(wheel, "build", None)  # a second time comes from the cache
    assert wheel.members_of_build(repo_root, pure=True) == members


def test_a_build_that_fails_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for package in wheel.PACKAGES:
        (tmp_path / package).mkdir()
    (tmp_path / "pyproject.toml").write_text("[build-system]\nrequires = []\nbuild-backend = 'nothing_of_that_name'\n")
    with pytest.raises(HostError, match=r"wheel cannot be built: .*nothing_of_that_name") as caught:
        wheel.members_of_build(tmp_path, pure=True)
    assert "\n" not in str(caught.value)


def test_an_installed_rram_edge_is_packed_again():
    try:
        importlib.metadata.distribution(wheel.NAME)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("rram-edge is not installed here (tox installs it)")
    made = wheel.pack(wheel.members_of_installed(), pure=True)
    found = contents(made)
    assert {"firmware_py/cli.py", "firmware_py/bundle.py"} <= set(found)
    assert any(name.startswith("firmware_py/core/") and name.endswith(".c") for name in found)


def test_neither_installed_nor_a_source_tree(monkeypatch):
    monkeypatch.setattr(wheel, "NAME", "rram-edge-that-is-not-here")
    with pytest.raises(HostError, match="neither installed nor a source tree"):
        wheel.members_of_installed()


def test_the_installer_runs_alone_and_is_the_same_each_time():
    assert installer() == installer()
    with zipfile.ZipFile(io.BytesIO(installer())) as file:
        text = "".join(file.read(name).decode() for name in file.namelist())
        assert {"__main__.py", "on_board/install.py", "on_board/files.py"} <= set(file.namelist())
    assert "host_tools" not in text
    assert "firmware_py import" not in text
