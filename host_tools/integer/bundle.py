"""An integer network as a bundle that a board runs with integers only (docs/bundle.md, docs/integer.md)."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from device_models.compile import STEPS
from device_models.macro import MacroConfig
from device_models.profile import DeviceProfile
from firmware_py.bundle import VERSION, Bundle
from host_tools.data import Dataset
from host_tools.errors import HostError
from host_tools.export import GOLDEN_IMAGES, GOLDEN_SEED, put_in_place, write_bundle
from host_tools.integer.adc import WholeCells, choose, matched
from host_tools.integer.network import Analog, Flatten, IntegerNetwork, MaxPool, Rename, Thresholds, apply
from host_tools.mapping.bare import Tensors, profile_tables, table_tensors

VECTORS = 64


def export_integer(
    path: Path,
    network: IntegerNetwork,
    profile: DeviceProfile,
    macro: MacroConfig,
    data: Dataset,
    provenance: dict[str, Any],
    flatbuffer: bytes = b"",
) -> tuple[Bundle, WholeCells]:
    """Write `network` to `path`; the bundle and what ADC codes stand for. The test set is not touched.

    Thresholds are brought to the unit of each layer's ADC. flatbuffer: the ideal network. HostError: a macro whose DAC
    gives other codes, or that boards do not emulate. The file appears whole or not at all.
    """
    refusal = macro.not_on_a_board()
    if refusal is not None:
        raise HostError(f"macro: {refusal}")
    if macro.dac_bits != network.bits:
        raise HostError(f"macro: dac_bits: {macro.dac_bits} given, the network was trained for {network.bits}")
    _, held_out, _ = data.validation()
    adc = choose(network, macro, held_out)
    tensors = layer_tensors(matched(network, adc), profile, adc) | {
        "calibration.x": held_out[:VECTORS],
        "golden.x": held_out[-np.arange(1, GOLDEN_IMAGES + 1) % len(held_out)],
        "golden.logits": np.zeros((GOLDEN_IMAGES, len(data.classes)), np.float32),
        "ideal.tflite": np.frombuffer(flatbuffer, np.uint8),
    }
    metadata = {
        "format": "rram-edge",
        "version": VERSION,
        "graph": json.dumps({"nodes": graph(network)}),
        "profile": profile.to_json(),
        "macro": macro.model_dump_json(),
        "classes": json.dumps(list(data.classes)),
        "input": json.dumps({"shape": list(network.input_shape)}),
        "golden": json.dumps({"seed": GOLDEN_SEED, "cells_sha256": ""}),
        "provenance": json.dumps({"data": data.name, "cells_per_adc_code": adc.cells, **provenance}, sort_keys=True),
    }
    with tempfile.TemporaryDirectory(dir=path.resolve().parent) as scratch:
        draft = Path(scratch) / "draft.rram.safetensors"
        write_bundle(draft, metadata, tensors)
        put_in_place(path, draft, Bundle.open(draft), metadata, tensors)
    return Bundle.open(path), adc


def graph(network: IntegerNetwork) -> list[dict[str, Any]]:
    """The nodes of the graph document."""
    nodes: list[dict[str, Any]] = []
    a = np.zeros((1, *network.input_shape), np.int32)
    for step in network.steps:
        shape, a = list(a.shape[1:]), apply(step, a)
        if isinstance(step, Analog):
            node: dict[str, Any] = {"op": "dense", "name": step.name, "in": shape, "out": list(a.shape[1:]),
                                    "integer": True}
            if step.kernel is not None:
                node |= {"op": "conv2d", "kernel": list(step.kernel), "stride": list(step.stride),
                         "padding": step.padding}
        elif isinstance(step, Thresholds):
            node = {"op": "thresholds", "name": step.name, "levels": len(step.values) + 1}
        elif isinstance(step, MaxPool):
            node = {"op": "maxpool2d", "pool": list(step.pool), "stride": list(step.stride)}
        elif isinstance(step, Rename):
            node = {"op": "rename", "name": step.name, "out": [step.rows]}
        else:
            assert isinstance(step, Flatten)
            node = {"op": "flatten"}
        nodes.append(node)
    return nodes


def layer_tensors(network: IntegerNetwork, profile: DeviceProfile, adc: WholeCells) -> Tensors:
    """Tensors of technology and layers: +1 is the highest level on the plus cell, -1 on the minus cell."""
    out = table_tensors(profile_tables(profile))
    highest = profile.n_levels - 1
    dac = 1 / ((1 << network.bits) - 1)
    for step in network.steps:
        if isinstance(step, Analog):
            w = step.weights
            scales = [1 / STEPS, dac, STEPS * adc.cells[step.name]]
            out[f"{step.name}.levels"] = (np.stack([w > 0, w < 0]) * highest).astype(np.uint8)
            out[f"{step.name}.scales"] = np.array(scales, np.float32)
            dac = 1.0  # later layers take codes as they are
        elif isinstance(step, Thresholds):
            out[f"{step.name}.thresholds"] = step.values
        elif isinstance(step, Rename):
            out[f"{step.name}.rename.row"], out[f"{step.name}.rename.sign"] = step.row, step.sign
    return out
