"""The digest of the code: whatever decides a number changes it, what only shows one does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from host_tools import version
from host_tools.version import all_code, code_of


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three packages of a few files each, in place of ours."""
    for name in ("device_models/compile.py", "firmware_py/core/rram.c", "host_tools/export.py",
                 "host_tools/mapping/rows/cost.py", "host_tools/commands/study.py", "host_tools/plots/study.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    monkeypatch.setattr(version, "ROOT", tmp_path)
    return tmp_path


def digest(drawn: bool = False) -> str:
    all_code.cache_clear()
    return all_code(drawn)


@pytest.mark.parametrize(("name", "decides"), [
    ("device_models/compile.py", True), ("firmware_py/core/rram.c", True), ("host_tools/mapping/rows/cost.py", True),
    ("host_tools/mapping/new.py", True), ("firmware_py/_core.abi3.so", True), ("host_tools/commands/study.py", False),
    ("host_tools/plots/study.py", False),
])  # fmt: skip
def test_what_decides_a_number_changes_the_digest(tree: Path, name: str, decides: bool) -> None:
    before = digest()
    (tree / name).write_text("x = 2\n")
    assert (digest() != before) == decides


def test_a_figure_is_also_of_the_code_that_draws_it(tree: Path) -> None:
    before = digest(drawn=True)
    (tree / "host_tools/plots/study.py").write_text("x = 2\n")
    assert digest(drawn=True) != before


def test_another_library_is_another_version(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest()
    monkeypatch.setattr(version, "version", lambda name: "0.0.0")
    assert digest() != before


def test_patterns_choose_files_and_their_names_count(tree: Path) -> None:
    before = code_of(["host_tools/mapping/**/*.py"])
    (tree / "host_tools/export.py").write_text("x = 2\n")
    assert code_of(["host_tools/mapping/**/*.py"]) == before
    (tree / "host_tools/mapping/rows/cost.py").rename(tree / "host_tools/mapping/cost.py")
    assert code_of(["host_tools/mapping/**/*.py"]) != before


def test_the_digest_of_ours_is_one_for_all_processes() -> None:
    all_code.cache_clear()
    assert all_code() == all_code() != all_code(drawn=True)
