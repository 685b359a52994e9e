"""`rram` and all its commands: help, options, and what becomes of mistakes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest

click = pytest.importorskip("click", reason="a board: no workstation tools")

from host_tools import cli
from host_tools.cli import COMMANDS, main

HELP = """
import contextlib, io, json, sys
from host_tools.cli import COMMANDS, main
found = {}
for command in ["", *COMMANDS]:
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        try:
            main([*command.split(), "--help"])
        except SystemExit as end:
            code = end.code or 0
    found[command] = {"code": code, "text": text.getvalue()}
heavy = sorted({"tensorflow", "keras", "matplotlib", "scipy", "sklearn", "safetensors"} & set(sys.modules))
print(json.dumps({"help": found, "heavy": heavy}))
"""


@pytest.fixture(scope="module")
def helped() -> dict[str, Any]:
    """What `--help` of every command prints, in a fresh interpreter, and which heavy packages it loaded."""
    result = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_help_loads_nothing_heavy(helped: dict[str, Any]) -> None:
    assert helped["heavy"] == []


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_is_one_screen_with_an_example(helped: dict[str, Any], command: str) -> None:
    answer = helped["help"][command]
    assert answer["code"] == 0
    lines = answer["text"].splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 110
    assert re.search("Examples?: rram", answer["text"])


def test_the_list_names_every_command_with_its_line(helped: dict[str, Any]) -> None:
    text = " ".join(helped["help"][""]["text"].split())
    for name, (_, line) in COMMANDS.items():
        assert f"{name} {line}" in text


def commands() -> list[Any]:
    """Every command that does something: a group's members instead of the group."""
    group = cli.rram
    found = []
    for name in COMMANDS:
        command = group.get_command(click.Context(group), name)
        found += list(command.commands.values()) if isinstance(command, click.Group) else [command]
    return found


@pytest.mark.parametrize("command", commands(), ids=lambda command: command.name)
def test_every_command_has_json_and_seed_and_says_what_each_option_is(command: Any) -> None:
    options = {name for option in command.params for name in option.opts}
    assert {"--json", "--seed"} <= options
    for option in command.params:
        assert not isinstance(option, click.Option) or option.help, option.name


def end_of(arguments: list[str]) -> int:
    """Exit code of `rram ARGUMENTS`."""
    with pytest.raises(SystemExit) as end:
        main(arguments)
    return int(end.value.code or 0)


@pytest.mark.parametrize("arguments", [["--colour"], ["paint"], *([name, "--colour"] for name in COMMANDS)])
def test_what_is_not_known_is_a_usage_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert end_of(arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith("Usage: rram")
    assert "Traceback" not in err


@pytest.mark.parametrize("seed", ["-1", "x", str(2**32)])
def test_a_seed_has_32_bits(seed: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert end_of(["inspect", "b.safetensors", "--seed", seed]) == 2
    assert "--seed" in capsys.readouterr().err


def test_an_error_of_the_machine_is_one_line_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(**_: object) -> None:
        raise OSError(28, "No space left on device", "out.json")

    monkeypatch.setattr(cli.rram, "main", full)
    assert end_of([]) == 2
    assert capsys.readouterr().err == "rram: out.json: No space left on device\n"
