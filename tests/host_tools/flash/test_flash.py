"""Flashing over ssh: what lands on the board, that a second time does nothing, and what is left of the old release."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def outcomes():
    """The outcome of the first flash, once it was made."""
    return []


@pytest.fixture
def first(outcomes, flash, bundles):
    """The board with the bundle of seed 1 flashed; the outcome of that flash."""
    if not outcomes:
        outcomes.append(flash(bundles(1)))
        assert outcomes[0].code == 0, outcomes[0].said
    return outcomes[0]


def current(board) -> Path:
    return (board.home / "edge" / "current").resolve()


def test_the_release_is_whole_tested_and_current(first, board, bundles):
    root, release = board.home / "edge", current(board)
    assert release == root / "releases" / first.result["id"]
    assert (release / "net1.rram.safetensors").read_bytes() == bundles(1).read_bytes()
    assert first.result["selftest"] == json.loads((release / "selftest.json").read_text())
    assert not list(root.rglob("*.part"))


def test_the_launcher_runs_the_flashed_runtime(first, board):
    run = board.shell("edge/rram-edge selftest edge/current/net1.rram.safetensors")
    assert run.returncode == 0, run.stdout + run.stderr


def test_only_the_boards_package_travels(first, board):
    release = current(board)
    with zipfile.ZipFile(release / first.result["wheel"]) as wheel:
        tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"firmware_py"}
    assert not list(release.glob("venv/lib/python3*/site-packages/host_tools"))


def test_the_environment_is_a_virtual_one_that_sees_the_systems_numpy(first, board):
    assert first.result.get("environment", "system") == "system"
    assert "include-system-site-packages = true" in (current(board) / "venv" / "pyvenv.cfg").read_text()
    assert not list(current(board).glob("venv/lib/python3*/site-packages/numpy"))


def test_the_same_again_changes_nothing(first, flash, bundles, board):
    def snapshot():
        return {p: p.lstat().st_mtime_ns for p in (board.home / "edge").rglob("*") if "__pycache__" not in p.parts}

    before = snapshot()
    again = flash(bundles(1))
    assert (again.code, again.result["changed"]) == (0, False)
    assert again.result["selftest"] == first.result["selftest"]
    assert "nothing was done" in again.said
    assert snapshot() == before


def test_a_damaged_file_on_the_board_is_sent_again(first, flash, bundles, board):
    path = current(board) / "net1.rram.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x00\x00")
    mended = flash(bundles(1))
    assert (mended.code, mended.result["changed"]) == (0, True)
    assert path.read_bytes() == bundles(1).read_bytes()


def test_an_environment_that_no_longer_runs_is_made_again(first, flash, bundles, board):
    """As after an upgrade of the board's Python."""
    python = current(board) / "venv" / "bin" / "python"
    python.unlink()
    mended = flash(bundles(1))
    assert (mended.code, mended.result["changed"]) == (0, True)
    assert board.shell("edge/rram-edge selftest edge/current/net1.rram.safetensors").returncode == 0


def test_a_new_bundle_keeps_the_previous_release_and_prunes_older_ones(first, flash, bundles, board):
    releases = board.home / "edge" / "releases"
    (releases / "0123456789abcdef").mkdir()
    second = flash(bundles(2))
    assert second.code == 0, second.said
    assert current(board).name == second.result["id"] != first.result["id"]
    assert set(os.listdir(releases)) == {first.result["id"], second.result["id"]}
    back = flash(bundles(1))
    assert (back.result["id"], back.result["environment"]) == (first.result["id"], "kept")
    assert current(board).name == first.result["id"]


def test_what_the_board_learned_outlives_a_new_release_of_the_same_bundle(first, flash, bundles, board, tmp_path):
    def calibrate(name: str) -> dict:
        run = board.shell(f"edge/rram-edge calibrate edge/current/{name} --json -")
        assert run.returncode == 0, run.stderr
        return json.loads(run.stdout)

    before = calibrate("net1.rram.safetensors")
    renamed = shutil.copy(bundles(1), tmp_path / "renamed.rram.safetensors")
    assert flash(renamed).result["id"] != first.result["id"]
    assert calibrate("renamed.rram.safetensors")["generation"] == before["generation"] + 1
    assert flash(bundles(1)).code == 0


def test_an_unknown_host_key_is_refused_then_accepted(first, known, flash, bundles):
    known.unlink()
    refused = flash(bundles(1))
    assert (refused.code, refused.result) == (2, {})
    assert "unknown host key" in refused.error
    assert flash(bundles(1), "edge", "--accept-new-host-key").code == 0
    assert flash(bundles(1)).code == 0


def test_pruning_and_flashing_never_leave_the_folder(first, board):
    assert sorted(os.listdir(board.home / "edge")) == [".lock", "current", "releases", "rram-edge", "state"]
    others = {"broken", "file"}  # of the tests of failing flashes, whose board this is, too
    assert set(os.listdir(board.home)) <= {"edge", ".cache", ".local", *others}


def test_without_the_default_folder_it_is_in_the_home_of_the_board(rram, board, known, bundles):
    outcome = rram("flash", bundles(1), board.target, "--identity", board.identity)
    try:
        assert outcome.result["path"] == str(board.home / "rram-edge")
    finally:
        shutil.rmtree(board.home / "rram-edge", ignore_errors=True)
