"""`rram inspect`: what is in a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from host_tools import console


@click.command(name="inspect", context_settings={"max_content_width": 110})
@click.argument("bundle", metavar="BUNDLE", type=click.Path(path_type=Path))
@console.common_options
def command(bundle: Path, seed: int, json_file: str | None) -> None:
    """Verify a bundle and show its layers, tiles, cells, SRAM, profile and where it comes from.

    \b
    Example: rram inspect lenet5.rram.safetensors
    """
    from firmware_py.bundle import Bundle
    from host_tools.inspect import summary

    result = summary(Bundle.open(bundle))
    if json_file != "-":
        _show(bundle, result)
    console.emit_json(result, json_file)


def _show(path: Path, r: dict[str, Any]) -> None:
    rows = [
        [layer["name"], layer["op"], f"{layer['rows']} x {layer['columns']}", f"{layer['positions']}",
         f"{layer['cells']:,}", f"{layer['tiles']}", f"{layer['mask']:,}", f"{layer['multiply_accumulates']:,}"]
        for layer in r["layers"]
    ]  # fmt: skip
    console.table(
        f"{path}", ["layer", "op", "rows x columns", "positions", "cells", "tiles", "SRAM values", "MACs"], rows
    )
    sram, macro, origin = r["sram"], r["macro"], r["provenance"]
    parts = ", ".join(f"{name} {size:,}" for name, size in sram["parts"].items())
    network = origin.get("network", {})
    record = network.get("record", {})
    lines = {
        "input": f"{r['input']}, {len(r['classes'])} classes; {r['calibration_vectors']} calibration vectors",
        "cells": f"{r['cells']:,} ({r['weights']:,} weights as differential pairs) on {r['tiles']} tiles",
        "macro": f"{macro['rows']} x {macro['cols']} pairs a tile, {macro['rows_active']} rows an ADC conversion,"
                 f" DAC {macro['dac_bits']} bits, ADC {macro['adc_bits']} bits",
        "SRAM": f"{sram['percent']:.2f} % of the weights (values, gains, offsets);"
                f" {sram['bytes']:,} bytes in all ({parts})",
        "profile": f"{r['profile'].get('name')}: {r['profile'].get('description', '')}",
        "ideal network": f"LiteRT flatbuffer, {r['ideal_tflite_bytes']:,} bytes"
                         f" ({origin.get('ideal', {}).get('file', '?')})",
        "provenance": f"{origin.get('created_by', '?')}; data {origin.get('data', '?')};"
                      f" network {network.get('file', '?')}, {record.get('kind', 'own network')}",
        "digest": r["digest"],
    }  # fmt: skip
    for name, text in lines.items():
        console.say(f"{name:>14}: {text}")
