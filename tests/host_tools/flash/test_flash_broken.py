"""Broken boards: each failure is one line and exit code 2, and what ran before still runs, with its files untouched."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.host_tools.flash import loopback

OLD, NEW = 11, 12  # bundles
INSTALL = 'case "$SSH_ORIGINAL_COMMAND" in *--report)'


@pytest.fixture
def old(flash, bundles, board):
    """A board that runs the old release; when the test is over it must run it as before, every file untouched."""
    root = board.home / "broken"
    if not (root / "current" / bundles(OLD).name).exists():
        assert flash(bundles(OLD), "broken").code == 0
    link = os.readlink(root / "current")
    for folder in (root / "releases").iterdir():  # what another test left behind
        if folder.name != Path(link).name:
            shutil.rmtree(folder)
    files = {p: p.lstat().st_mtime_ns for p in (root / link).rglob("*") if "__pycache__" not in p.parts}
    yield root
    board.mood()
    assert os.readlink(root / "current") == link
    assert files == {p: p.lstat().st_mtime_ns for p in (root / link).rglob("*") if "__pycache__" not in p.parts}
    run = board.shell(f"broken/rram-edge selftest broken/current/{bundles(OLD).name}")
    assert run.returncode == 0, run.stdout + run.stderr
    until = time.monotonic() + 20  # the board's side of a cut connection takes a moment to notice and to tidy up
    while list(root.rglob("*.part")) and time.monotonic() < until:
        time.sleep(0.1)
    assert not list(root.rglob("*.part"))


@pytest.fixture
def without(board):
    """A PYTHONPATH that hides modules from the board's Python."""

    def hide(*modules: str) -> Path:
        folder = board.folder / "-".join(("without", *modules))
        folder.mkdir(exist_ok=True)
        for name in modules:
            (folder / f"{name}.py").write_text(f"raise ImportError('No module named {name}')\n")
        return folder

    return hide


def failed(outcome, *words: str) -> None:
    """Exit code 2, no result, and one line with those words."""
    assert (outcome.code, outcome.result) == (2, {}), outcome.said
    assert outcome.error.startswith("rram: ")
    for word in words:
        assert word in outcome.error


def test_no_python(old, flash, bundles, board):
    board.mood(f"PATH={board.folder}/empty")
    failed(flash(bundles(NEW), "broken"), "no python3 on the board: sudo apt install python3 python3-venv")


def test_an_old_python(old, flash, bundles, board):
    fake = board.folder / "old_python"
    fake.mkdir(exist_ok=True)
    (fake / "python3").write_text('#!/bin/sh\n[ "$1" = -V ] && echo Python 3.9.2 && exit 0\nexit 1\n')
    (fake / "python3").chmod(0o755)
    board.mood(f"PATH={fake}")
    failed(flash(bundles(NEW), "broken"), "Python 3.9.2 is on the board, Python 3.10 or newer is needed")


def test_no_venv_module_at_all(old, flash, bundles, board, without):
    board.mood(f"export PYTHONPATH={without('venv')}:$PYTHONPATH")
    failed(flash(bundles(NEW), "broken"), "venv module is not on the board: sudo apt install python3-venv")


def test_no_venv_package_and_no_numpy(old, flash, bundles, board, without):
    """Debian without python3-venv has the module venv, but not ensurepip: numpy cannot be fetched."""
    board.mood(f"export PYTHONPATH={without('ensurepip', 'numpy', 'cffi')}")
    failed(flash(bundles(NEW), "broken"), "sudo apt install python3-venv")


def test_no_numpy_and_no_network(old, flash, bundles, board, without):
    board.mood(f"export PYTHONPATH={without('numpy', 'cffi')} PIP_NO_INDEX=1 PIP_CONFIG_FILE=/dev/null")
    failed(flash(bundles(NEW), "broken"), "numpy", "cannot be had", "sudo apt install python3-numpy python3-cffi")


def test_a_file_that_cannot_be_written_whole(old, flash, bundles, board):
    """ulimit -f makes every write fail in its middle, as a full disk does."""
    board.mood("ulimit -f 16")
    failed(flash(bundles(NEW), "broken"), "cannot write", "File too large", "runs what it ran before")


def test_the_disk_fills_up_while_the_environment_is_made(old, flash, bundles, board):
    board.mood(f"{INSTALL} ulimit -f 40;; esac")
    failed(flash(bundles(NEW), "broken"), "no space left")
    assert len(os.listdir(old / "releases")) <= 2  # the half-made release gave its room back


def test_a_folder_that_may_not_be_written(flash, bundles, board):
    (board.home / "file").write_text("")
    failed(flash(bundles(NEW), "file/edge"), "cannot write", "Not a directory")


@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_the_connection_is_cut_during_the_upload(old, flash, bundles, board, known, part):
    whole = loopback.Cutter(board.port, 1 << 40)
    counted = known.read_text() + f"[127.0.0.1]:{whole.port} {board.host_key}\n"
    whole.close()
    cutter = loopback.Cutter(board.port, int(part * bundles(NEW).stat().st_size))
    known.write_text(counted + f"[127.0.0.1]:{cutter.port} {board.host_key}\n")
    try:
        outcome = flash(bundles(NEW), "broken", port=cutter.port)
    finally:
        cutter.close()
    failed(outcome, "the connection was cut during the upload of", "flash again")
    wait_for(lambda: not list(old.rglob("*.part")))


SSHD = "SSHD=$PPID; until grep -q sshd /proc/$SSHD/comm; do SSHD=$(cut -d ' ' -f 4 /proc/$SSHD/stat); done; export SSHD"
SECOND_VENV = "set -- broken/releases/*/venv; until [ $# -ge 2 ]; do sleep 0.02; set -- broken/releases/*/venv; done"


@pytest.mark.parametrize("moment", ["in the environment", "in the self-test"])
def test_the_connection_is_cut_during_the_installation(old, flash, bundles, board, moment):
    """The installer on the board loses its reader: it must stop before it switches."""
    if moment == "in the self-test":  # the installer starts it through `timeout`
        tools = board.folder / "cutting"
        tools.mkdir(exist_ok=True)
        (tools / "timeout").write_text('#!/bin/sh\nkill -9 $SSHD\nshift\nexec "$@"\n')
        (tools / "timeout").chmod(0o755)
        board.mood(f"{INSTALL} {SSHD}; PATH={tools}:$PATH;; esac")
    else:
        board.mood(f"{INSTALL} {SSHD}; ({SECOND_VENV}; kill -9 $SSHD) & ;; esac")
    outcome = flash(bundles(NEW), "broken")
    failed(outcome, "the connection was cut during the installation", "only a release that passed its self-test")
    wait_for(lambda: lock_is_free(old / ".lock"))


def test_two_flashes_at_once(old, flash, bundles, board, monkeypatch):
    import fcntl

    with open(old / ".lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        board.mood("export RRAM_FLASH_LOCK_S=0")
        failed(flash(bundles(NEW), "broken"), "another flash is at work")


def test_the_self_test_fails(old, flash, bundles, board):
    """The runtime of the new release computes something else than the bundle's golden vectors."""
    patch = board.folder / "patched"
    patch.mkdir(exist_ok=True)
    (patch / "sitecustomize.py").write_text(
        "import sys\nif 'selftest' in sys.argv:\n    import numpy as np\n    rint = np.rint\n"
        "    np.rint = lambda x, *a, **k: rint(x * 0.5, *a, **k)\n"
    )
    board.mood(f"export PYTHONPATH={patch}:$PYTHONPATH")
    failed(flash(bundles(NEW), "broken"), "self-test fails")


def test_a_wrong_bundle_is_refused_before_anything_is_contacted(rram, bundles, tmp_path):
    damaged = tmp_path / "damaged.rram.safetensors"
    data = bytearray(bundles(NEW).read_bytes())
    data[-5] ^= 1
    damaged.write_bytes(data)
    nobody = f"127.0.0.1:{loopback.free_port()}"
    failed(rram("flash", damaged, nobody), "damaged.rram.safetensors", "digest")
    failed(rram("flash", tmp_path / "absent", nobody), "absent: no such file")
    (tmp_path / "text").write_text("hello, this is no bundle")
    failed(rram("flash", tmp_path / "text", nobody), "text")


def test_a_bundle_that_only_the_boards_self_test_finds_wrong(old, flash, bundles, tmp_path):
    from tests.firmware_py.make_bundle import Synthetic, contents, write

    metadata, tensors = contents(Synthetic(seed=NEW))
    write(tmp_path / "wrong.rram.safetensors", metadata, tensors)  # golden logits are all zero
    failed(flash(tmp_path / "wrong.rram.safetensors", "broken"), "self-test fails")


def test_after_all_that_a_flash_succeeds(flash, bundles, board):
    outcome = flash(bundles(NEW), "broken")
    assert outcome.code == 0, outcome.said
    assert (board.home / "broken" / "current").resolve().name == outcome.result["id"]


NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]


@pytest.fixture
def namespace():
    """Skips where a user may not mount a file system of his own."""
    if shutil.which("unshare") is None:
        pytest.skip("no unshare here")
    if subprocess.run([*NAMESPACE, "mount", "-t", "tmpfs", "none", "/mnt"], check=False).returncode:
        pytest.skip("no user and mount namespaces here")


@pytest.mark.parametrize("kilobytes", [100, 4000, 9000])
def test_a_disk_that_is_really_full(namespace, bundles, board, home, tmp_path, kilobytes):
    """The installer on a small tmpfs: too small for the files; for the environment, seen before; seen in the middle."""
    from firmware_py.bundle import Bundle
    from host_tools.flash.release import make_release
    from host_tools.flash.wheel import board_wheel

    release = make_release(Bundle.open(bundles(NEW)), board_wheel(pure=True))
    source = tmp_path / "card"
    source.mkdir()
    for name, data in release.files.items():
        (source / name).write_bytes(data)
    disk = tmp_path / "disk"
    disk.mkdir()
    script = f"""
        mount -t tmpfs -o size={kilobytes}k none {disk}
        (while [ ! -e {disk}/edge/releases/*/venv ]; do sleep 0.01; done; head -c 9M /dev/zero > {disk}/filler) &
        {sys.executable} {source}/install.pyz {source} {disk}/edge; echo exit $?
        kill $!
        ls -A {disk}/edge/releases
    """
    environment = {**os.environ, "PYTHONPATH": str(board.folder / "site")}
    command = [*NAMESPACE, "sh", "-c", script]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert "exit 1" in done.stdout, done.stdout + done.stderr
    assert "error: no space left in" in done.stdout
    assert done.stdout.splitlines()[-1] == "exit 1"  # nothing of the release is left


def lock_is_free(path: Path) -> bool:
    import fcntl

    with open(path) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def wait_for(condition) -> None:
    """Wait until what still runs on the board is through."""
    for _ in range(600):
        if condition():
            return
        time.sleep(0.1)
    pytest.fail("the board did not come to rest")
