"""`rram profile schema`: the published JSON Schemas."""

from __future__ import annotations

import json

import click

from host_tools import console


@click.command("schema")
@click.argument("document", type=click.Choice(["device-profile", "macro-config"]), default="device-profile")
@console.common_options
def command(document: str, seed: int, json_file: str | None) -> None:
    """Print the JSON Schema of a profile or a macro document.

    Example: rram profile schema macro-config
    """
    from device_models.schema import published

    console.emit_json(json.loads(published(document)), json_file or "-")
