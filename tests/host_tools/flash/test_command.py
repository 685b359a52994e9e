"""The command itself: its help, its words for people, and a Ctrl-C or a missing bundle."""

from __future__ import annotations

from click.testing import CliRunner

from host_tools.commands.flash import command, report
from host_tools.flash.on_board import environment, process


def test_help_is_one_screen_and_ends_with_an_example():
    text = CliRunner().invoke(command, ["--help"], prog_name="rram flash", terminal_width=110).output
    assert len(text.splitlines()) <= 40
    assert text.strip().splitlines()[-1].split()[:2] == ["rram", "flash"]
    for word in ("--path", "--port", "--identity", "--accept-new-host-key", "--json", "Example: rram flash"):
        assert word in text


def test_what_is_said_fits_what_was_done():
    result = {"target": "pi@board", "path": "/home/pi/rram-edge", "id": "abc", "bundle": "net", "changed": True,
              "core": "in the wheel", "selftest": {"passed": True}}  # fmt: skip
    assert "passed its self-test" in report(result)[0]
    assert "nothing was done" in report({**result, "changed": False})[0]
    assert "sh install.sh" in report({**result, "selftest": None})[0]


def test_versions_compare_by_number():
    assert environment.version("1.26.4rc1") == (1, 26, 4)
    assert environment.version("1.9") < environment.version("1.23,<3")


def test_the_line_that_says_why():
    output = "Collecting numpy\nERROR: Could not find a version\nfor more information see\n"
    assert process.last_line(output) == "ERROR: Could not find a version"
    assert process.last_line("one\ntwo\n\n") == "two"
    assert process.last_line("") == "no output"
