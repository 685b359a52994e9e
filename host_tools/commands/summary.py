"""`rram summary`: what a network asks of the hardware, layer by layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from host_tools import console
from host_tools.importers.options import pixels_option


@click.command(name="summary", context_settings={"max_content_width": 110})
@click.argument("network", metavar="MODEL|BUNDLE", type=click.Path(path_type=Path))
@click.option("--profile", metavar="NAME|FILE", help="Whose levels, for the bits [default: a student's own].")
@click.option("--macro", metavar="NAME|FILE", help="The macro [default: the bundle's; 128 x 128 pairs, 8 bits].")
@pixels_option
@console.common_options
def command(network: Path, profile: str | None, macro: str | None, pixels: tuple[float, float] | None, seed: int,
            json_file: str | None) -> None:  # fmt: skip
    """Count cells, tiles, bits, SRAM, multiply-accumulates and parameters of a network, layer by layer.

    The network is a .keras, .tflite or .onnx file, or a bundle. What stays digital, and what a board does not carry,
    is named.

    \b
    Example: rram summary student.keras --profile charan-65nm
    """
    from device_models.macro import MacroConfig
    from device_models.profile import DeviceProfile
    from host_tools import summary

    chosen = None if macro is None else MacroConfig.load(macro)
    if network.name.endswith(".safetensors"):
        from firmware_py.bundle import Bundle

        result = summary.of_bundle(Bundle.open(network), chosen)
        if profile is not None:
            console.say("note: a bundle brings its own profile; --profile is not used")
    else:
        from host_tools.importers import load

        device = None if profile is None else DeviceProfile.load(profile)
        result = summary.of_model(load(network, pixels), chosen or MacroConfig(), device)
    if json_file != "-":
        _show(result)
    console.emit_json(result, json_file)


def _show(r: dict[str, Any]) -> None:
    rows = [_row(layer) for layer in r["layers"]]
    t, macro = r["totals"], r["macro"]
    bits = "" if t["bits"] is None else f"{t['bits']:,.0f}"
    rows.append(["all", "", "", "", f"{t['cells']:,}", f"{t['tiles']}", bits, f"{t['sram']:,}", f"{t['macs_analog']:,}",
                 f"{t['macs_digital']:,}", f"{t['parameters']:,}"])  # fmt: skip
    header = ["layer", "kind", "rows x cols", "positions", "cells", "tiles", "bits", "SRAM", "MACs", "digital",
              "param."]  # fmt: skip
    levels = sorted({layer["levels"] for layer in r["layers"] if layer["levels"] is not None})
    told = f"{'/'.join(str(n) for n in levels)} levels" if levels else "no levels given"
    whose = f" of {r['profile']}" if r["profile"] else ""
    takes = " x ".join(str(size) for size in r["input"])
    console.table(f"{r['network']}: {takes} to {r['classes']} classes; {macro['pairing']}, tiles of {macro['rows']} x "
                  f"{macro['cols']}; {told}{whose}", header, rows)  # fmt: skip
    console.say("bits: of a weight, then of all; SRAM: numbers; digital: MACs of gains, offsets and correction")
    if t["reference_cells"]:
        console.say(f"reference columns: {t['reference_cells']:,} more cells")
    kinds: dict[str, int] = {}
    for d in r["digital"]:
        kinds[d["kind"]] = kinds.get(d["kind"], 0) + d["operations"]
    listed = ", ".join(f"{kind} {count:,}" for kind, count in kinds.items()) or "nothing"
    console.say(f"stays digital (additions and comparisons an image): {listed}")
    if "sram_bytes" in r:
        console.say(f"SRAM: {r['sram_percent']:.2f} % of the weights, {r['sram_bytes']:,} bytes in all")
    for name, item in r["not_carried"].items():
        console.say(f"not carried: {name} ({item['reason']}), {item['parameters']:,} parameters; not counted above")


def _row(layer: dict[str, Any]) -> list[str]:
    bits = "" if layer["bits_per_weight"] is None else f"{layer['bits_per_weight']:.2f}"
    return [layer["name"], layer["kind"], f"{layer['rows']} x {layer['columns']}", f"{layer['positions']:,}",
            f"{layer['cells']:,}", f"{layer['tiles']}", bits, f"{layer['sram']:,}", f"{layer['macs_analog']:,}",
            f"{layer['macs_digital']:,}", f"{layer['parameters']:,}"]  # fmt: skip
