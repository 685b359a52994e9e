"""One ssh connection to a board: run a command, with bytes for it to read; every trouble is one HostError."""

from __future__ import annotations

import getpass
import logging
import socket
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from host_tools.errors import HostError
from host_tools.flash import host_keys
from host_tools.flash.ssh_settings import Settings, settings_of
from host_tools.flash.target import SshTarget

if TYPE_CHECKING:
    import paramiko

SILENCE_S = 30  # a connection on which nothing is acknowledged for so long is dead
MAX_JUMPS = 8


@dataclass(frozen=True)
class Result:
    """Exit status (-1: killed) and what the command printed on both its outputs."""

    code: int
    output: str


class Cut(HostError):
    """The connection ended by itself."""


class Connection:
    """An authenticated connection; `run` one command after another, then `close`."""

    def __init__(self, client: paramiko.SSHClient, name: str, under: Connection | None) -> None:
        self.client, self.name, self.under = client, name, under

    def run(
        self,
        command: str,
        data: Iterable[bytes] = (),
        on_line: Callable[[str], None] = lambda line: None,
        doing: str = "",
    ) -> Result:
        """Run a shell command; `data` is its standard input, `on_line` gets every line as it comes.

        Cut: the connection ended by itself; `doing` says in the middle of what.
        """
        import paramiko

        lines = []
        try:
            channel = transport_of(self.client).open_session(timeout=SILENCE_S)
            channel.set_combine_stderr(True)
            channel.exec_command(command)
            with suppress(OSError):  # the command ended before it read all: its output and status say why
                for block in data:
                    channel.sendall(block)
                channel.shutdown_write()
            for line in channel.makefile("rb"):
                lines.append(line.decode(errors="replace").rstrip("\n"))
                on_line(lines[-1])
            code = channel.recv_exit_status()
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise self.cut(doing) from error
        if code == -1:  # killed, or no status came
            transport_of(self.client).join(2)
            if not transport_of(self.client).is_active():
                raise self.cut(doing)
        return Result(code, "\n".join(lines))

    def cut(self, doing: str) -> Cut:
        """The error for a connection that ended by itself."""
        return Cut(f"{self.name}: the connection was cut during {doing}; flash again")

    def close(self) -> None:
        """Close this connection, then those it goes through."""
        self.client.close()
        if self.under is not None:
            self.under.close()


def connect(
    target: SshTarget,
    identity: str | None = None,
    accept_new: bool = False,
    under: Connection | None = None,
    hops: int = 0,
) -> Connection:
    """Connect (through `under`, or the config's ProxyJump) and log in: agent, keys, on a terminal a password.

    HostError: says in one line why not; `accept_new` writes an unknown host key down instead of refusing it.
    """
    import paramiko

    logging.getLogger("paramiko").addHandler(logging.NullHandler())  # else its tracebacks go to stderr
    logging.getLogger("paramiko").propagate = False
    if hops > MAX_JUMPS:
        raise HostError(f"{target}: ProxyJump: more than {MAX_JUMPS} hosts on the way (a circle?)")
    settings = settings_of(target, identity)
    client = paramiko.SSHClient()
    try:
        for jump in settings.jumps if under is None else ():
            under = connect(jump, identity, accept_new, under, hops + 1)
        host_keys.load(client, settings)
        client.set_missing_host_key_policy(host_keys.policy(settings, accept_new))
        log_in(client, settings, open_socket(settings, under))
    except BaseException:
        Connection(client, settings.name, under).close()
        raise
    transport_of(client).set_keepalive(10)
    return Connection(client, settings.name, under)


def transport_of(client: paramiko.SSHClient) -> paramiko.Transport:
    """The client's transport; it has one once it is connected."""
    transport = client.get_transport()
    if transport is None:
        raise EOFError("no transport")
    return transport


def open_socket(settings: Settings, under: Connection | None) -> Any:
    """A connected socket (or a tunnel) to the board."""
    import paramiko

    address = f"{settings.host} port {settings.port}"
    try:
        if under is not None:
            there, here = (settings.host, settings.port), ("127.0.0.1", 0)
            return transport_of(under.client).open_channel("direct-tcpip", there, here, timeout=settings.timeout)
        if settings.proxy_command:
            return paramiko.ProxyCommand(settings.proxy_command)
        sock = socket.create_connection((settings.host, settings.port), settings.timeout)
    except socket.gaierror:
        raise HostError(f"{settings.name}: unknown host {settings.host}") from None
    except ConnectionRefusedError:
        raise HostError(f"{settings.name}: connection refused at {address}; is ssh on there?") from None
    except TimeoutError:
        raise HostError(f"{settings.name}: no answer from {address} in {settings.timeout:g} s") from None
    except (OSError, paramiko.SSHException) as error:
        raise HostError(f"{settings.name}: cannot reach {address}: {error}") from None
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE_S * 1000)
    return sock


def log_in(client: paramiko.SSHClient, settings: Settings, sock: Any) -> None:
    """Check the host key and authenticate."""
    import paramiko

    try:
        client.connect(
            settings.host, settings.port, settings.user, sock=sock,
            key_filename=list(settings.identities) or None,  # type: ignore[arg-type]  # a list is documented
            allow_agent=not settings.only_identities, look_for_keys=not settings.only_identities,
            timeout=settings.timeout, banner_timeout=settings.timeout, auth_timeout=SILENCE_S,
        )  # fmt: skip
    except paramiko.BadHostKeyException:
        raise HostError(host_keys.changed(settings)) from None
    except paramiko.PasswordRequiredException:
        raise HostError(f"{settings.where}: the private key has a passphrase: ssh-add it first") from None
    except (paramiko.SSHException, EOFError, OSError, ValueError) as error:
        if refused(error) and sys.stdin.isatty() and transport_of(client).is_active():
            ask_password(client, settings)
            return
        if refused(error):
            keys = "no key of yours is accepted: ssh-copy-id, or --identity FILE"
            raise HostError(f"{settings.where}: authentication failed ({keys})") from None
        text = " ".join(str(error).split()) or type(error).__name__
        raise HostError(f"{settings.where}: no ssh connection: {text}") from None


def refused(error: Exception) -> bool:
    """Whether the board turned us away, in any of the ways in which paramiko says so."""
    import paramiko

    return isinstance(error, paramiko.AuthenticationException) or "No authentication methods available" in str(error)


def ask_password(client: paramiko.SSHClient, settings: Settings) -> None:
    """Ask for the password, as ssh does on a terminal."""
    import paramiko

    try:
        password = getpass.getpass(f"{settings.user}@{settings.host}'s password: ")
        transport_of(client).auth_password(settings.user, password)
    except (paramiko.SSHException, EOFError) as error:
        raise HostError(f"{settings.where}: authentication failed: {error}") from None
