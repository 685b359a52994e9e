"""Whom we talk to: a board's host key must be known; one that has changed is always refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from host_tools.errors import HostError
from host_tools.flash.ssh_settings import DEFAULT_PORT, Settings

if TYPE_CHECKING:
    import paramiko


def load(client: paramiko.SSHClient, settings: Settings) -> None:
    """Read the known_hosts files that exist; a broken line in them is skipped, as ssh does."""
    for path in settings.known_hosts_read:
        if path.is_file():
            client.load_system_host_keys(str(path))


def policy(settings: Settings, accept_new: bool) -> Any:
    """What happens with a host that is in none of the files: refused, or with `accept_new` written down."""
    import paramiko

    class Policy(paramiko.MissingHostKeyPolicy):
        """Called by paramiko with the key of an unknown host."""

        def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:
            if not accept_new:
                raise HostError(
                    f"{settings.name}: unknown host key {key.get_name()} {key.fingerprint} of {hostname}; "
                    "if it is the board's, flash again with --accept-new-host-key"
                )
            write_down(settings, key)

    return Policy()


def write_down(settings: Settings, key: Any) -> None:
    """Append the key to known_hosts (other lines stay as they are)."""
    path = settings.known_hosts
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = settings.host if settings.port == DEFAULT_PORT else f"[{settings.host}]:{settings.port}"
    with open(path, "a+b") as file:
        file.seek(0, 2)
        if file.tell():
            file.seek(-1, 2)
            start = b"" if file.read(1) == b"\n" else b"\n"
        else:
            start = b""
        file.write(start + f"{name} {key.get_name()} {key.get_base64()}\n".encode())


def changed(settings: Settings) -> str:
    """The message for a host whose key is another than the known one."""
    name = settings.host if settings.port == DEFAULT_PORT else f"[{settings.host}]:{settings.port}"
    return (
        f"{settings.name}: the host key of {name} is not the one in known_hosts: another machine, or a board "
        f"set up anew (then: ssh-keygen -R '{name}')"
    )
