"""The board's receiver: a file under its final name is whole, or it is not there."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest

from host_tools.flash.release import script

DATA = b"all of it" * 1000


def receive(path, data: bytes, expected: bytes = DATA) -> subprocess.CompletedProcess:
    words = [sys.executable, "-c", script("receive.py"), path, str(len(expected)), hashlib.sha256(expected).hexdigest()]
    return subprocess.run(words, input=data, capture_output=True, check=False)


def test_a_whole_file_is_taken_and_replaces_another(tmp_path):
    path = tmp_path / "new" / "folder" / "file"
    for _ in range(2):
        assert receive(path, DATA).returncode == 0
        assert path.read_bytes() == DATA
        path.write_bytes(b"damaged later")
    assert [p.name for p in path.parent.iterdir()] == ["file"]


@pytest.mark.parametrize("data", [b"", DATA[:-1], DATA + b"x", b"X" + DATA[1:]])
def test_a_file_that_came_over_damaged_leaves_what_was_there(tmp_path, data):
    path = tmp_path / "file"
    path.write_bytes(b"before")
    done = receive(path, data)
    assert done.returncode == 1
    assert done.stderr.decode().startswith(f"error: file arrived damaged: {len(data)} bytes, expected {len(DATA)}")
    assert path.read_bytes() == b"before"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    done = receive(tmp_path / "file" / "inside", DATA)
    assert done.returncode == 1
    assert done.stderr.decode().count("\n") == 1
    assert b"error: cannot write" in done.stderr
