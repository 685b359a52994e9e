"""`rram profile at`: the same technology some time after programming, or at other target conductances."""

from __future__ import annotations

import json
from pathlib import Path

import click

from host_tools import console
from host_tools.commands.outside_option import outside_option


@click.command("at")
@click.argument("profile", metavar="NAME|FILE")
@click.option("--time", "time_s", type=float, default=0.0, show_default=True, help="Seconds since programming.")
@click.option("--levels", metavar="G,G,...", help="Target conductances in uS, lowest first.")
@outside_option("Also outside of where the profile's source says that it holds.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, callback=console.writable,
              help="Profile to write.")  # fmt: skip
@console.common_options
def command(
    profile: str, time_s: float, levels: str | None, outside: bool, output: Path, seed: int, json_file: str | None
) -> None:
    """Derive a profile: NAME|FILE as its cells are after some time, or at other levels.

    Between measured times quantiles move linearly in log time, between levels linearly in conductance.

    Example: rram profile at techA --time 10000 -o techA-aged.json
    """
    from device_models.derive import aged, with_levels
    from device_models.profile import DeviceProfile

    document = DeviceProfile.load(profile)
    if levels is not None:
        document = with_levels(document, _numbers(levels), outside)
    document = aged(document, time_s, outside)
    output.write_text(document.to_json(), encoding="utf-8")
    console.say(f"{output}: {document.name}, {document.n_levels} levels")
    console.emit_json({"profile": json.loads(document.to_json())}, json_file)


def _numbers(text: str) -> list[float]:
    from host_tools.errors import HostError

    try:
        return [float(word) for word in text.split(",")]
    except ValueError:
        raise HostError(f"--levels: {text!r} is not a list of numbers such as 50,75,100") from None
