"""TARGET: a board over ssh or a folder, told apart by how it is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from host_tools.errors import HostError
from host_tools.flash.target import FolderTarget, SshTarget, parse_target


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pi@raspberrypi.local", SshTarget("raspberrypi.local", "pi")),
        ("pi@board:2222", SshTarget("board", "pi", 2222)),
        ("alias", SshTarget("alias")),
        ("10.0.0.7:22", SshTarget("10.0.0.7", None, 22)),
        ("pi@[fe80::1]:2200", SshTarget("fe80::1", "pi", 2200)),
        ("/media/card", FolderTarget(Path("/media/card"))),
        ("./pi@card", FolderTarget(Path("pi@card"))),
        (".", FolderTarget(Path())),
    ],
)
def test_how_it_is_read(text, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert parse_target(text) == expected


def test_a_folder_that_exists_needs_no_slash(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "card").mkdir()
    assert parse_target("card") == FolderTarget(Path("card"))
    assert parse_target("~") == FolderTarget(Path.home())


@pytest.mark.parametrize("text", ["", "a b", "cards/new", "pi@", "board:", "pi@board:0", "board:70000", "board:ssh"])
def test_what_is_neither_is_refused(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(HostError, match="TARGET: "):
        parse_target(text)
