"""Reaching a board: each thing that can go wrong is one line that says what to do, and exit code 2."""

from __future__ import annotations

import socket
import sys
import threading
from pathlib import Path

import pytest

from host_tools.errors import HostError
from host_tools.flash.target import SshTarget
from host_tools.flash.transport_ssh import connect
from tests.host_tools.flash import loopback


def target(board: loopback.Loopback, port: int | None = None) -> SshTarget:
    return SshTarget("127.0.0.1", board.user, port or board.port)


def refused(*arguments: object, **options: object) -> str:
    """The one line that `connect` refuses with."""
    with pytest.raises(HostError) as caught:
        connect(*arguments, **options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_key_and_a_known_host_let_us_in(board, known):
    connection = connect(target(board), str(board.identity))
    lines: list[str] = []
    done = connection.run("echo one; echo two >&2; cat; exit 3", [b"three", b"\xff\n"], lines.append)
    connection.close()
    assert (done.code, sorted(done.output.split())) == (3, ["one", "three\ufffd", "two"])
    assert lines == done.output.splitlines()


def test_an_unknown_host_key_is_refused_with_its_fingerprint(board, home):
    message = refused(target(board), str(board.identity))
    assert "unknown host key ssh-ed25519 SHA256:" in message
    assert "--accept-new-host-key" in message
    assert not (home / ".ssh" / "known_hosts").exists()


def test_accepted_host_keys_are_appended_and_known_from_then_on(board, home):
    known_hosts = home / ".ssh" / "known_hosts"
    known_hosts.write_text("# mine\nnonsense line\n[elsewhere]:22 ssh-ed25519 !!!")
    connect(target(board), str(board.identity), accept_new=True).close()
    assert known_hosts.read_text() == (
        f"# mine\nnonsense line\n[elsewhere]:22 ssh-ed25519 !!!\n[127.0.0.1]:{board.port} {board.host_key}\n"
    )
    connect(target(board), str(board.identity)).close()


def test_a_changed_host_key_is_refused_even_when_new_ones_are_accepted(board, home):
    other = " ".join((board.folder / "stranger.pub").read_text().split()[:2])
    (home / ".ssh" / "known_hosts").write_text(f"[127.0.0.1]:{board.port} {other}\n")
    message = refused(target(board), str(board.identity), accept_new=True)
    assert "not the one in known_hosts" in message
    assert f"ssh-keygen -R '[127.0.0.1]:{board.port}'" in message


def test_a_key_that_the_board_does_not_know_is_refused(board, known):
    message = refused(target(board), str(board.folder / "stranger"))
    assert "authentication failed" in message
    assert "ssh-copy-id" in message


def test_without_any_key_the_message_is_the_same(board, known):
    assert "authentication failed" in refused(target(board))


def test_an_identity_that_is_not_there(board, known):
    assert refused(target(board), "/nowhere/key") == "--identity: /nowhere/key: no such file"


def test_an_identity_that_is_no_key(board, known, tmp_path):
    (tmp_path / "key").write_text("not a key\n")
    assert "127.0.0.1" in refused(target(board), str(tmp_path / "key"))


def test_nobody_listens(board, home):
    port = loopback.free_port()
    assert f"connection refused at 127.0.0.1 port {port}" in refused(target(board, port))


def test_a_host_without_address(home):
    assert "unknown host no-such-board.invalid" in refused(SshTarget("no-such-board.invalid"))


def test_something_that_is_not_ssh(board, home):
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=lambda: server.accept()[0].close(), daemon=True).start()
        assert "no ssh connection" in refused(target(board, server.getsockname()[1]))


def test_an_alias_of_the_ssh_config_with_an_include(board, home):
    (home / ".ssh" / "config").write_text("Include config.d/*\nHost *\n  ConnectTimeout 5\n")
    (home / ".ssh" / "config.d").mkdir()
    (home / ".ssh" / "config.d" / "boards").write_text(
        f"Host bench-board\n  HostName 127.0.0.1\n  Port {board.port}\n  User {board.user}\n"
        f"  IdentityFile {board.identity}\n  UserKnownHostsFile {home}/hosts\n"
    )
    (home / "hosts").write_text(f"[127.0.0.1]:{board.port} {board.host_key}\n")
    connection = connect(SshTarget("bench-board"))
    assert connection.run("echo here").output == "here"
    connection.close()


PIPE = """
import os, socket, sys, threading
sock = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def up():
    while data := os.read(0, 4096):
        sock.sendall(data)
threading.Thread(target=up, daemon=True).start()
while data := sock.recv(4096):
    os.write(1, data)
"""
WAYS = ["ProxyJump bastion", "ProxyJump bastion,bastion", "ProxyCommand {python} {pipe} %h %p"]


@pytest.mark.parametrize("way", WAYS)
def test_a_board_behind_another_host(board, home, known, way):
    (home / "pipe.py").write_text(PIPE)
    common = f"  HostName 127.0.0.1\n  Port {board.port}\n  User {board.user}\n  IdentityFile {board.identity}\n"
    line = way.format(python=sys.executable, pipe=home / "pipe.py")
    (home / ".ssh" / "config").write_text(f"Host bastion\n{common}Host behind\n{common}  {line}\n")
    connection = connect(SshTarget("behind"))
    assert connection.run("echo through").output == "through"
    connection.close()


def test_jumps_in_a_circle_are_refused(home):
    (home / ".ssh" / "config").write_text("Host a\n  ProxyJump b\nHost b\n  ProxyJump a\n")
    assert "circle" in refused(SshTarget("a"))


def test_a_config_that_cannot_be_read(home: Path):
    (home / ".ssh" / "config").write_text("Host\n=\n\x00")
    message = refused(SshTarget("127.0.0.1", "me", loopback.free_port()))
    assert "config" in message or "refused" in message
