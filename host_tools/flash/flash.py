"""Flash a bundle to a target of either kind."""

from __future__ import annotations

from typing import Any

from firmware_py.bundle import Bundle
from host_tools.flash.target import FolderTarget, SshTarget, parse_target


def flash(
    bundle_file: str, target_text: str, folder: str | None = None, port: int | None = None, identity: str | None = None,
    accept_new_host_key: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Verify the bundle, then put it and the runtime on the target.

    Returns {target, path, id, wheel, bundle, digest, changed, selftest, ...}: what `--json` writes. RramError: the
    bundle is wrong (nothing is contacted). HostError: anything else; what ran on the board before still runs.
    """
    bundle = Bundle.open(bundle_file)
    target = parse_target(target_text)
    if isinstance(target, FolderTarget):
        from host_tools.flash.folder import flash_folder

        return flash_folder(target.path / (folder or ""), bundle)
    from host_tools.flash.board import flash_board
    from host_tools.flash.transport_ssh import connect

    connection = connect(SshTarget(target.host, target.user, port or target.port), identity, accept_new_host_key)
    try:
        return flash_board(connection, bundle, folder)
    finally:
        connection.close()
