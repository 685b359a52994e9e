"""`rram flash`: runtime and bundle on a board over ssh, or in a folder."""

from __future__ import annotations

from typing import Any

import click

from host_tools.console import common_options, emit_json, say

EXAMPLE = """\b
Example: rram flash lenet5.rram.safetensors pi@raspberrypi.local
         rram flash lenet5.rram.safetensors /media/card
"""


@click.command(short_help="Put runtime and bundle on a board (ssh) or in a folder.", epilog=EXAMPLE)
@click.argument("bundle")
@click.argument("target")
@click.option("--path", metavar="DIR", help="Folder on the board (default: ~/rram-edge), or inside a folder TARGET.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the board's ssh.")
@click.option("--identity", metavar="FILE", help="Private key to log in with.")
@click.option("--accept-new-host-key", is_flag=True, help="Write an unknown host key to known_hosts.")
@common_options
def command(bundle: str, target: str, **options: Any) -> None:
    """Put the runtime and BUNDLE on a board, self-test them there, and only then let the board use them.

    TARGET is user@board[:port] or an alias of ~/.ssh/config; or a folder or mounted card (an existing path, or one that
    starts with / or ./), which gets an install.sh to run on the board. The board needs Python 3.10 or newer with venv,
    and no root. Flashing the same thing again changes nothing; after any failure what ran before still runs.
    """
    from host_tools.flash.flash import flash

    ssh = {key: options[key] for key in ("port", "identity", "accept_new_host_key")}
    result = flash(bundle, target, options["path"], **ssh)
    for line in report(result):
        say(line)
    emit_json(result, options["json_file"])


def report(result: dict[str, Any]) -> list[str]:
    """What happened, for people."""
    where = result["path"] if result["target"] == result["path"] else f"{result['target']}: {result['path']}"
    if not result["changed"]:
        return [f"{where} holds this very release {result['id']} already: nothing was done"]
    if result["selftest"] is None:
        return [f"{where} holds release {result['id']}; on the board: sh install.sh"]
    return [
        f"{where}: release {result['id']} passed its self-test and runs now (C core: {result['core']})",
        f"try there: {result['path']}/rram-edge predict {result['path']}/current/{result['bundle']} FILE",
    ]
