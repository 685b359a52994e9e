"""What a bundle holds, short: for `rram-edge info` on a board (`rram inspect` on the workstation says more)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from firmware_py.bundle import Bundle, printable
from firmware_py.cells import cells_digest
from firmware_py.chip import Chip
from firmware_py.correction import count_sram


def describe(bundle: Bundle, seed: int | None = None) -> dict[str, Any]:
    """Input, layers, cells, SRAM, profile and origin of a bundle; with `seed` also the digest of that chip's cells."""
    chip = {} if seed is None else {"chip_seed": seed, "cells_sha256": cells_digest(Chip(bundle, seed).engine.cells)}
    return {
        "bundle": str(bundle.path),
        "digest": bundle.digest,
        "input_shape": list(bundle.input_shape),
        "classes": list(bundle.classes),
        "layers": [
            {"name": a.name, "op": a.node.op, "rows": a.k, "columns": a.n, "mask": int(a.mask_rows.size)}
            for a in bundle.layers
        ],
        "cells": sum(2 * layer.k * layer.n for layer in bundle.layers),
        "levels": len(bundle.tables.target),
        "sram": asdict(count_sram(bundle)),
        "macro": asdict(bundle.macro),
        "profile": name if printable(name := bundle.profile.get("name"), 256) else "unnamed",
        "calibration_vectors": len(bundle.calibration_x),
        "golden_vectors": len(bundle.golden_x),
        "ideal_tflite_bytes": int(bundle.ideal_tflite.size),
        "provenance": bundle.provenance,
        **chip,
    }


def lines(summary: dict[str, Any]) -> list[str]:
    """The same for people."""
    sram, macro = summary["sram"], summary["macro"]
    shape = " x ".join(str(n) for n in summary["input_shape"])
    return [
        f"bundle   {summary['bundle']} (sha256 {summary['digest'][:16]}...)",
        f"input    {shape}, {len(summary['classes'])} classes: {', '.join(summary['classes'][:20])}",
        *(
            f"layer    {layer['name']}: {layer['op']}, {layer['rows']} rows x {layer['columns']} columns, "
            f"{layer['mask']} SRAM values"
            for layer in summary["layers"]
        ),
        f"cells    {summary['cells']:,} of {summary['levels']} levels, profile {summary['profile']}",
        f"macro    {macro['rows']} x {macro['cols']} a tile, {macro['rows_active']} rows a conversion, "
        f"DAC {macro['dac_bits']} bits, ADC {macro['adc_bits']} bits",
        f"SRAM     {sram['percent']:.2f} % of the weights, {sram['bytes']:,} bytes with indices and optimiser",
        f"vectors  {summary['calibration_vectors']} for calibration, {summary['golden_vectors']} golden; "
        f"ideal network {summary['ideal_tflite_bytes']:,} bytes",
        *([f"chip {summary['chip_seed']}   cells sha256 {summary['cells_sha256']}"] if "chip_seed" in summary else []),
    ]
