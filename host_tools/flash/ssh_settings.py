"""How a board is reached: the target, the command line and ~/.ssh/config together, as ssh would read them."""

from __future__ import annotations

import getpass
import glob
import os
from dataclasses import dataclass
from pathlib import Path

from host_tools.errors import HostError
from host_tools.flash.target import SshTarget, parse_target

DEFAULT_PORT = 22
CONNECT_S = 15


@dataclass(frozen=True)
class Settings:
    """Everything `connect` needs; `jumps` are the hosts on the way (ProxyJump), first one first."""

    name: str
    host: str
    port: int
    user: str
    identities: tuple[str, ...]
    only_identities: bool
    known_hosts: Path
    known_hosts_read: tuple[Path, ...]
    jumps: tuple[SshTarget, ...]
    proxy_command: str | None
    timeout: float

    @property
    def where(self) -> str:
        """For messages: user@host:port."""
        return f"{self.user}@{self.host}:{self.port}"


def settings_of(target: SshTarget, identity: str | None = None) -> Settings:
    """Settings of a target; command line before config, config before defaults.

    HostError: a config that cannot be read, or an identity file that is not there.
    """
    home = Path.home()
    config = lookup(home / ".ssh" / "config", target.host)
    if identity and not Path(identity).expanduser().is_file():
        raise HostError(f"--identity: {identity}: no such file")
    named = [str(Path(identity).expanduser())] if identity else []
    found = [path for path in map(os.path.expanduser, config.get("identityfile", [])) if Path(path).is_file()]
    hosts_files = [Path(word).expanduser() for word in config.get("userknownhostsfile", "").split()]
    hosts_files = hosts_files or [home / ".ssh" / "known_hosts", home / ".ssh" / "known_hosts2"]
    jump, command = config.get("proxyjump", "none"), config.get("proxycommand", "none")
    return Settings(
        name=str(target),
        host=config.get("hostname", target.host),
        port=target.port or int(config.get("port", DEFAULT_PORT)),
        user=target.user or config.get("user") or getpass.getuser(),
        identities=tuple(named + found),
        only_identities=bool(identity) or config.get("identitiesonly", "no").lower() == "yes",
        known_hosts=hosts_files[0],
        known_hosts_read=(*hosts_files, Path("/etc/ssh/ssh_known_hosts")),
        jumps=jumps(jump),
        proxy_command=None if command.lower() == "none" else command,
        timeout=float(config.get("connecttimeout", CONNECT_S)),
    )


def lookup(path: Path, host: str) -> dict:
    """What ~/.ssh/config says of `host` ({} without a config)."""
    import paramiko

    if not path.is_file():
        return {}
    try:
        return dict(paramiko.SSHConfig.from_text(with_includes(path)).lookup(host))
    except (paramiko.SSHException, OSError, ValueError, ImportError) as error:
        raise HostError(f"{path}: cannot be read as an ssh config: {' '.join(str(error).split())}") from None


def with_includes(path: Path, depth: int = 0) -> str:
    """The config's text with the files of its Include lines in their place (paramiko does not follow them)."""
    lines = []
    for line in path.read_text().splitlines():
        words = line.replace("=", " ").split()
        if not words or words[0].lower() != "include" or depth > 8:
            lines.append(line)
            continue
        for pattern in words[1:]:
            given = Path(pattern.strip('"')).expanduser()
            found = sorted(glob.glob(str(path.parent / given)))
            lines += [with_includes(Path(name), depth + 1) for name in found if Path(name).is_file()]
    return "\n".join(lines)


def jumps(text: str) -> tuple[SshTarget, ...]:
    """'a,user@b:2222' -> its targets; 'none' -> none."""
    if text.lower() == "none":
        return ()
    targets = [parse_target(word.strip()) for word in text.split(",")]
    return tuple(target for target in targets if isinstance(target, SshTarget))
