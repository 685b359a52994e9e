"""A board for tests: a real sshd on loopback, run by whoever runs the tests, with keys and a port of its own."""

from __future__ import annotations

import getpass
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
AllowTcpForwarding yes
LogLevel ERROR
ForceCommand {folder}/shell
"""
# What every command on the board goes through. `mood` is shell text that a test sets: it can take things away.
SHELL = """\
#!/bin/sh
export HOME={home} PATH={tools} PYTHONPATH={site}
cd "$HOME"
. {folder}/mood
exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"
"""


@dataclass
class Loopback:
    """The running sshd: where it listens, what it lets in, and the board's own home folder."""

    folder: Path
    home: Path
    port: int
    user: str = field(default_factory=getpass.getuser)

    @property
    def target(self) -> str:
        return f"{self.user}@127.0.0.1:{self.port}"

    @property
    def identity(self) -> Path:
        return self.folder / "key"

    @property
    def host_key(self) -> str:
        return " ".join((self.folder / "host_key.pub").read_text().split()[:2])

    def mood(self, text: str = "") -> None:
        """Shell text that runs before each command on the board."""
        (self.folder / "mood").write_text(text + "\n")

    def shell(self, command: str) -> subprocess.CompletedProcess:
        """Run a command on the board as it is when nothing is wrong, without ssh."""
        environment = {"SSH_ORIGINAL_COMMAND": command}
        self.mood()
        return subprocess.run([self.folder / "shell"], env=environment, capture_output=True, text=True, check=False)


def start(folder: Path) -> tuple[Loopback, subprocess.Popen]:
    """Make keys and configuration in `folder`, start sshd; skips the test where that is not possible."""
    if SSHD is None or shutil.which("ssh-keygen") is None:
        pytest.skip("no sshd here (Debian: apt-get install openssh-server)")
    if os.geteuid() == 0:
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)  # sshd's empty folder for privilege separation
    for name in ("host_key", "key", "stranger"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    shutil.copy(folder / "key.pub", folder / "authorized_keys")
    board = Loopback(folder, folder / "home", free_port())
    board.home.mkdir()
    board.mood()
    text = SHELL.format(home=board.home, tools=tools(folder), site=site(folder), folder=folder)
    (folder / "shell").write_text(text)
    (folder / "shell").chmod(0o755)
    (folder / "sshd_config").write_text(CONFIG.format(port=board.port, folder=folder))
    with open(folder / "sshd.log", "w") as log:
        process = subprocess.Popen([SSHD, "-D", "-e", "-f", folder / "sshd_config"], stdout=log, stderr=log)
    try:
        wait(board.port, process, folder / "sshd.log")
    except BaseException:
        process.kill()
        raise
    return board, process


def tools(folder: Path) -> Path:
    """The board's PATH: the system's tools, and as python3 the Python that runs the tests."""
    path = folder / "bin"
    path.mkdir()
    for name in ("sh", "cc", "gcc", "as", "ld", "timeout", "sleep", "cat", "kill", "dirname", "grep", "cut"):
        found = shutil.which(name)
        if found:
            (path / name).symlink_to(found)
    (path / "python3").write_text(f'#!/bin/sh\nexec {sys._base_executable} "$@"\n')
    (path / "python3").chmod(0o755)
    return path


def site(folder: Path) -> Path:
    """What a Debian board has from python3-numpy and python3-cffi: these, and nothing else of the tests' own."""
    path = folder / "site"
    path.mkdir()
    for name in ("numpy", "cffi", "pycparser", "setuptools", "_cffi_backend"):
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin is not None:
            origin = Path(spec.origin)
            origin = origin.parent if origin.name == "__init__.py" else origin
            (path / origin.name).symlink_to(origin)
            libraries = origin.with_name(f"{name}.libs")
            if libraries.is_dir():
                (path / libraries.name).symlink_to(libraries)
    return path


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    return port


def wait(port: int, process: subprocess.Popen, log: Path) -> None:
    """Wait until sshd answers."""
    for _ in range(100):
        if process.poll() is not None:
            pytest.skip(f"sshd does not start here: {log.read_text().strip()[-200:]}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    pytest.skip("sshd does not answer here")


class Cutter:
    """A TCP proxy to `port` that cuts every connection after `limit` bytes from the client."""

    def __init__(self, port: int, limit: int) -> None:
        self.upstream, self.limit = port, limit
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.upstream))
            threading.Thread(target=self.pump, args=(client, server, self.limit), daemon=True).start()
            threading.Thread(target=self.pump, args=(server, client, 1 << 40), daemon=True).start()

    @staticmethod
    def pump(source: socket.socket, sink: socket.socket, left: int) -> None:
        try:
            while left > 0 and (data := source.recv(min(left, 4096))):
                sink.sendall(data)
                left -= len(data)
        except OSError:
            pass
        for sock in (source, sink):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self) -> None:
        self.listener.close()
