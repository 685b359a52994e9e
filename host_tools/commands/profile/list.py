"""`rram profile list`: the profiles that travel with the package."""

from __future__ import annotations

import click

from host_tools import console
from host_tools.commands.profile.show import say_wrapped


@click.command("list")
@console.common_options
def command(seed: int, json_file: str | None) -> None:
    """List the profiles and macros that travel with the package.

    Example: rram profile list
    """
    from device_models import presets

    profiles = [presets.load(name) for name in presets.names()]
    rows = [[p.name, str(p.n_levels), f"{p.g_min_uS:g} to {p.g_max_uS:g}", p.programming.distribution]
            for p in profiles]
    console.table("Profiles", ["name", "levels", "uS", "spread"], rows)
    macros = [presets.load_macro(name) for name in presets.macro_names()]
    console.table("Macros", ["name", "rows x columns", "pairing", "DAC bits", "ADC bits"],
                  [[m.name, f"{m.macro.rows} x {m.macro.cols}", m.macro.pairing, str(m.macro.dac_bits),
                    str(m.macro.adc_bits)] for m in macros])
    for p in profiles:
        say_wrapped(f"{p.name}: {p.description}", indent=0)
    keys = ("name", "description", "source", "licence")
    console.emit_json({"profiles": [{key: getattr(p, key) for key in keys} for p in profiles],
                       "macros": [{key: getattr(m, key) for key in keys} for m in macros]}, json_file)
