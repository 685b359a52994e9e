"""What a bundle holds, in numbers."""

from __future__ import annotations

from typing import Any

from firmware_py.bundle import AnalogLayer, Bundle
from firmware_py.correction import count_sram
from host_tools.mapping.area import layer_sizes, macro_of


def summary(bundle: Bundle) -> dict[str, Any]:
    """Layers, tiles, cells, SRAM, profile, macro and provenance as JSON types."""
    layers = [_layer(bundle, layer) for layer in bundle.layers]
    sram = count_sram(bundle)
    return {
        "digest": bundle.digest,
        "input": list(bundle.input_shape),
        "classes": list(bundle.classes),
        "layers": layers,
        "weights": sum(layer["weights"] for layer in layers),
        "cells": sum(layer["cells"] for layer in layers),
        "tiles": sum(layer["tiles"] for layer in layers),
        "multiply_accumulates": sum(layer["multiply_accumulates"] for layer in layers),
        "sram": {"values": sram.values, "gains": sram.gains, "offsets": sram.offsets, "percent": sram.percent,
                 "bytes": sram.bytes, "parts": sram.parts},
        "calibration_vectors": len(bundle.calibration_x),
        "ideal_tflite_bytes": int(bundle.ideal_tflite.size),
        "macro": {"rows": bundle.macro.rows, "cols": bundle.macro.cols, "rows_active": bundle.macro.rows_active,
                  "dac_bits": bundle.macro.dac_bits, "adc_bits": bundle.macro.adc_bits, "pairing": "differential"},
        "profile": bundle.profile,
        "provenance": bundle.provenance,
    }  # fmt: skip


def _layer(bundle: Bundle, layer: AnalogLayer) -> dict[str, Any]:
    macro, node = bundle.macro, layer.node
    return {
        "name": layer.name,
        "op": node.op,
        "rows": layer.k,
        "columns": layer.n,
        "positions": node.positions,
        "weights": layer.k * layer.n,
        "cells": 2 * layer.k * layer.n,
        "tiles": layer_sizes([layer])[0].tiles(macro_of(bundle)),
        "mask": int(layer.mask_rows.size),
        "multiply_accumulates": node.positions * layer.k * layer.n,
        "dac_range": float(layer.dac_lsb) * (2**macro.dac_bits - 1),
        "adc_lsb": float(layer.unit),
        "w_clip": float(layer.w_step) * 2048,
    }
