"""TARGET of `rram flash`: a board over ssh, or a folder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from host_tools.errors import HostError

SSH = re.compile(r"^(?:(?P<user>[^@/\s]+)@)?(?P<host>\[[^\]/\s]+\]|[^:@/\s\[\]]+)(?::(?P<port>\d{1,5}))?$")
FOLDER_STARTS = ("/", "./", "../", "~/", "~")


@dataclass(frozen=True)
class SshTarget:
    """A board as the user named it: `host` may be an alias of ~/.ssh/config, `user` and `port` may be left to it."""

    host: str
    user: str | None = None
    port: int | None = None

    def __str__(self) -> str:
        return f"{self.user}@{self.host}" if self.user else self.host


@dataclass(frozen=True)
class FolderTarget:
    """A folder on this machine, or a mounted card."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


def parse_target(text: str) -> SshTarget | FolderTarget:
    """'user@board[:port]', an alias, '[v6::address]:port', or a folder: a path that exists or starts with / ./ ../ ~.

    HostError: neither of them, or a port that is none.
    """
    path = Path(text).expanduser()
    if text and (text in (".", "..") or text.startswith(FOLDER_STARTS) or path.exists()):
        return FolderTarget(path)
    match = SSH.match(text)
    if match is None:
        raise HostError(f"TARGET: {text!r} is neither user@board[:port] nor a folder (a new one: ./{text.strip('/')})")
    port = int(match["port"]) if match["port"] else None
    if port is not None and not 1 <= port <= 65535:
        raise HostError(f"TARGET: port {port} of {text!r} is not in 1..65535")
    return SshTarget(match["host"].strip("[]"), match["user"], port)
