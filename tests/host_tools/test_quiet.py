"""Silence on file descriptor 2, whoever writes there."""

from __future__ import annotations

import os

import pytest

pytest.importorskip("click", reason="a board: no workstation tools")

from host_tools.quiet import quiet


def test_what_c_code_writes_is_kept_back_and_later_words_are_not(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet():
        os.write(2, b"chatter")
    os.write(2, b"words")
    assert capfd.readouterr().err == "words"


def test_what_was_kept_back_is_shown_when_something_goes_wrong(capfd: pytest.CaptureFixture[str]) -> None:
    def failing() -> None:
        with quiet():
            os.write(2, b"the reason")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    os.write(2, b" and more")
    assert capfd.readouterr().err == "the reason and more"
