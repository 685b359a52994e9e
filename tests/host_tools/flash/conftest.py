"""A board over ssh, bundles, and `rram` with a home of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from host_tools.cli import main
from tests.firmware_py.make_bundle import Synthetic, make_bundle
from tests.host_tools.flash import loopback


@dataclass(frozen=True)
class Outcome:
    """What `rram` gave: exit code, the JSON result, what it said, its error line."""

    code: int
    result: dict[str, Any]
    said: str

    @property
    def error(self) -> str:
        return self.said.strip().splitlines()[-1]


@pytest.fixture(scope="session")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[loopback.Loopback]:
    """A board that can be reached over ssh."""
    running, process = loopback.start(tmp_path_factory.mktemp("board"))
    yield running
    process.terminate()
    process.wait(10)


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Bundles by seed; the same seed is the same file."""
    folder = tmp_path_factory.mktemp("bundles")

    def bundle(seed: int) -> Path:
        path = folder / f"net{seed}.rram.safetensors"
        return path if path.exists() else make_bundle(path, Synthetic(seed=seed))

    return bundle


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where wheels are kept: one build serves all tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def home(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without keys or known hosts."""
    path = tmp_path / "home"
    (path / ".ssh").mkdir(parents=True, mode=0o700)
    monkeypatch.setenv("HOME", str(path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return path


@pytest.fixture
def known(home: Path, board: loopback.Loopback) -> Path:
    """The board's host key is known."""
    path = home / ".ssh" / "known_hosts"
    path.write_text(f"[127.0.0.1]:{board.port} {board.host_key}\n")
    return path


@pytest.fixture
def rram(home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run `rram` with those words."""

    def run(*words: object) -> Outcome:
        report = tmp_path / "result.json"
        report.unlink(missing_ok=True)
        capfd.readouterr()
        code = 0
        try:
            main([*map(str, words), "--json", str(report)])
        except SystemExit as stop:
            code = int(stop.code or 0)
        said = capfd.readouterr().err
        assert "Traceback" not in said
        return Outcome(code, json.loads(report.read_text()) if report.exists() else {}, said)

    return run


@pytest.fixture
def flash(rram: Callable[..., Outcome], board: loopback.Loopback, known: Path) -> Callable[..., Outcome]:
    """`rram flash BUNDLE` to the board, in the folder of that name there."""

    def run(bundle: Path, folder: str = "edge", *words: object, port: int | None = None) -> Outcome:
        where = ("--path", board.home / folder, "--identity", board.identity, "--port", port or board.port)
        return rram("flash", bundle, f"{board.user}@127.0.0.1", *where, *words)

    return run
