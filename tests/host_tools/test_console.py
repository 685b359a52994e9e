"""What commands share: JSON, plain progress, files that can be written."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

click = pytest.importorskip("click", reason="a board: no workstation tools")

from host_tools import console
from host_tools.errors import HostError


def test_json_goes_where_it_is_asked_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = {"a": [1, 2.5], "b": "µS"}
    console.emit_json(result, None)
    assert capsys.readouterr() == ("", "")
    console.emit_json(result, "-")
    assert json.loads(capsys.readouterr().out) == result
    console.emit_json(result, str(tmp_path / "r.json"))
    assert json.loads((tmp_path / "r.json").read_text()) == result


def test_progress_is_plain_lines_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "PLAIN_INTERVAL_S", 0.0)
    with console.progress("work", 4) as bar:
        bar.advance(1, "loss 2")
        bar.advance(2)
        bar.advance(1)
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert lines[:2] == ["work: 25 % loss 2", "work: 75 %"]
    assert lines[2].startswith("work: done in ")


def test_progress_does_not_claim_to_be_done_after_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError), console.progress("work", 4):
        raise KeyError
    assert "done" not in capsys.readouterr().err


def test_progress_is_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr("sys.stderr", Terminal())
    with console.progress("work", 2) as bar:
        bar.advance(2, "half a note")
    import sys

    shown = sys.stderr.getvalue()  # type: ignore[attr-defined]
    assert "work" in shown
    assert "100 %" in shown
    assert "half a note" in shown


@pytest.mark.parametrize(("path", "reason"), [("no/r.json", "does not exist"), (".", "is a folder")])
def test_a_file_that_cannot_be_written_is_refused_before_the_work(
    path: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    @click.command()
    @console.common_options
    def command(seed: int, json_file: str | None) -> None:
        pytest.fail("work was done")

    with pytest.raises(HostError, match=rf"^--json: {path}.*{reason}"):
        command.main(["--json", path], standalone_mode=False)
