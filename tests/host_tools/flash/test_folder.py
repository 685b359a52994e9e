"""Flashing a folder or a card: what lies there installs on a board exactly what ssh would; full cards are survived."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]


@pytest.fixture
def card(tmp_path):
    return tmp_path / "card"


def names(card: Path) -> list[str]:
    return sorted(path.relative_to(card).as_posix() for path in card.rglob("*") if path.is_file())


def test_all_that_a_board_needs_lies_there(rram, bundles, card):
    outcome = rram("flash", bundles(21), card)
    assert outcome.code == 0, outcome.said
    release = f"releases/{outcome.result['id']}"
    files = (outcome.result["wheel"], "install.pyz", "manifest.json", "net21.rram.safetensors")
    assert names(card) == sorted(["README.txt", "current", "install.sh", *(f"{release}/{name}" for name in files)])
    assert (card / "current").read_text() == outcome.result["id"] + "\n"
    assert outcome.result["wheel"].endswith("-py3-none-any.whl")
    assert not [path for path in card.rglob("*") if path.is_symlink()]  # a FAT card has no links


def test_the_same_again_writes_nothing_and_damage_is_mended(rram, bundles, card):
    rram("flash", bundles(21), card)
    before = {path: path.stat().st_mtime_ns for path in card.rglob("*")}
    again = rram("flash", bundles(21), card)
    assert (again.code, again.result["changed"]) == (0, False)
    assert {path: path.stat().st_mtime_ns for path in card.rglob("*")} == before
    bundle = next(card.rglob("net21*"))
    bundle.write_bytes(b"damaged")
    assert rram("flash", bundles(21), card).result["changed"] is True
    assert bundle.read_bytes() == bundles(21).read_bytes()


def test_the_previous_release_stays_and_older_ones_go(rram, bundles, card):
    ids = [rram("flash", bundles(seed), card).result["id"] for seed in (21, 22, 23)]
    assert set(os.listdir(card / "releases")) == set(ids[1:])
    assert (card / "current").read_text().strip() == ids[2]


def test_a_folder_inside_the_folder(rram, bundles, card):
    card.mkdir()
    assert rram("flash", bundles(21), card, "--path", "boards/one").code == 0
    assert os.listdir(card) == ["boards"]
    assert (card / "boards" / "one" / "install.sh").exists()


def test_install_sh_installs_on_the_board_what_ssh_would(rram, bundles, card, board):
    """Without a compiler first (NumPy alone), then again where nothing is left to do."""
    result = rram("flash", bundles(21), card).result
    board.shell("rm -rf from-card")
    (board.folder / "bin" / "cc").rename(board.folder / "bin" / "cc.away")
    try:
        run = board.shell(f"sh {card}/install.sh $HOME/from-card")
    finally:
        (board.folder / "bin" / "cc.away").rename(board.folder / "bin" / "cc")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "no C compiler: the NumPy engine runs" in run.stdout
    root = board.home / "from-card"
    assert (root / "current").resolve() == root / "releases" / result["id"]
    assert board.shell("from-card/rram-edge selftest from-card/current/net21.rram.safetensors").returncode == 0
    again = board.shell(f"sh {card}/install.sh $HOME/from-card")
    assert again.returncode == 0
    assert "nothing else to do" in again.stdout


def test_install_sh_compiles_the_core_where_a_compiler_is(rram, bundles, card, board):
    if subprocess.run(["cc", "--version"], capture_output=True, check=False).returncode:
        pytest.skip("no C compiler here")
    rram("flash", bundles(21), card)
    other = board.home / "work" / "firmware_py"  # a source tree in which the user happens to be
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("raise SystemExit('the wrong firmware_py')\n")
    run = board.shell(f"cd work; sh {card}/install.sh $HOME/compiled")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "compile the C core" in run.stdout
    assert "NumPy engine" not in run.stdout
    check = board.shell("compiled/rram-edge selftest compiled/current/net21.rram.safetensors --engine c")
    assert check.returncode == 0, check.stdout + check.stderr


def test_install_sh_refuses_a_damaged_card(rram, bundles, card, board):
    rram("flash", bundles(21), card)
    next(card.rglob("net21*")).write_bytes(b"damaged")
    run = board.shell(f"sh {card}/install.sh $HOME/from-damaged")
    assert run.returncode == 1
    assert "error: " in run.stdout
    assert "sha256" in run.stdout
    assert not (board.home / "from-damaged" / "current").exists()


def test_a_full_card_keeps_its_old_release(bundles, cache, tmp_path):
    """A small file system of its own, in a mount namespace: no root needed."""
    disk = tmp_path / "disk"
    mount = f"mount -t tmpfs -o size=4m none {disk}"
    disk.mkdir()
    if shutil.which("unshare") is None or subprocess.run([*NAMESPACE, "sh", "-c", mount], check=False).returncode:
        pytest.skip("no user and mount namespaces here")
    rram = f"{sys.executable} -c 'from host_tools.cli import main; main()' flash"
    script = f"""
        {mount}
        {rram} {bundles(21)} {disk} && cp {disk}/current {disk}/before && head -c 9M /dev/zero > {disk}/filler
        {rram} {bundles(22)} {disk}; echo exit $?
        cmp {disk}/before {disk}/current && cmp {disk}/releases/$(cat {disk}/current)/net21* {bundles(21)} && echo kept
        ls {disk}/releases | wc -l
    """
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [*NAMESPACE, "sh", "-c", script]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["exit", "2", "kept", "1"], done.stdout + done.stderr
    assert f"rram: {disk}: no space left" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_cannot_be_made(rram, bundles, tmp_path):
    (tmp_path / "file").write_text("")
    outcome = rram("flash", bundles(21), tmp_path / "file" / "card")
    assert outcome.code == 2
    assert "Not a directory" in outcome.error


def test_an_installation_is_not_taken_for_a_card(rram, bundles, card):
    card.mkdir()
    (card / "current").symlink_to("releases/x")
    outcome = rram("flash", bundles(21), card)
    assert outcome.code == 2
    assert "is an installation" in outcome.error
