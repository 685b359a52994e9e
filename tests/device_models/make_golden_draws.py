"""Golden draws for every engine's tests: `python -m tests.device_models.make_golden_draws` writes golden_draws.json.

The numbers come from scalar.py, not from the code under test; the tables are charan-65nm's lowest and highest level.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.device_models import scalar

PATH = Path(__file__).resolve().parents[1] / "golden_draws.json"
EDGES = [0, 1, 127, 128, 255 << 7, 256 << 7, (257 << 7) - 1, 0x3FFFFFFF, 0x40000000, 0x7FFFFF7F, 0x7FFFFFFF]
STREAMS = [
    {"seed": 0, "purpose": 1, "layer": 0, "read": 0, "first": 0, "count": 64},
    {"seed": 1, "purpose": 2, "layer": 1, "read": 0, "first": 6, "count": 23},
    {"seed": 2**64 - 1, "purpose": 3, "layer": 4, "read": 2**33 + 5, "first": 0, "count": 64},
    {"seed": 0x0123456789ABCDEF, "purpose": 3, "layer": 255, "read": 2**32 - 1, "first": 2**20 + 3, "count": 33},
]
FAULTS = [2**28, 2**28 + 2**27, 100, 30000]  # thr_low, thr_high, g_low, g_high


def build(tables: list[list[list[int]]], normal: list[float]) -> dict[str, Any]:
    """The document, from tables [level][2][514] and the unit normal's table [514]."""
    streams = [{**s, "words": [scalar.word(s["seed"], s["purpose"], s["layer"], s["first"] + i, s["read"])
                               for i in range(s["count"])]} for s in STREAMS]
    edges = EDGES + [w | 0x80000000 for w in EDGES]
    words = edges + [w for stream in streams for w in stream["words"]]
    return {
        "about": "docs/numerics.md, sections 1 to 3; made by tests/device_models/make_golden_draws.py",
        "philox": [{"counter": c, "key": k, "output": scalar.philox(c, k)} for c, k in (
            ([0] * 4, [0] * 2), ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2),
            ([0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344], [0xA4093822, 0x299F31D0]))],
        "streams": streams,
        "octave": {"words": words, "half_node_fraction": [list(scalar.locate(w)) for w in words]},
        "normal": {"table_bits": [scalar.float32_bits(z) for z in normal], "words": words,
                   "z_bits": [scalar.float32_bits(scalar.normal(w, normal)) for w in words]},
        "cells": {"quantiles": tables, "words": words,
                  "g": [[scalar.cell(w, table) for w in words] for table in tables]},
        "chip": chip(tables),
    }


def chip(tables: list[list[list[int]]]) -> dict[str, Any]:
    """One layer, plus and minus plane of 3 x 5 cells, levels by turns, with and without faults."""
    seed, layer, shape = 0xFEDCBA9876543210, 2, [2, 3, 5]
    levels = [(i * i + i // 7) % len(tables) for i in range(30)]
    words = [scalar.word(seed, scalar.PROGRAM, layer, i, 0) for i in range(30)]
    healthy = [scalar.cell(w, tables[level]) for w, level in zip(words, levels, strict=True)]
    low, high, g_low, g_high = FAULTS
    faulty = []
    for i, g in enumerate(healthy):
        w = scalar.word(seed, scalar.FAULT, layer, i, 0)
        faulty.append(g_low if w < low else g_high if w < high else g)
    return {"seed": seed, "layer": layer, "shape": shape, "levels": levels, "g": healthy,
            "faults": FAULTS, "g_faulty": faulty}


def main() -> None:
    """Write the file; its tables come from the compiled preset."""
    from device_models.compile import compile_profile
    from device_models.profile import DeviceProfile

    compiled = compile_profile(DeviceProfile.load("charan-65nm"))
    document = build(compiled.quantiles[[0, -1]].tolist(), compiled.normal.tolist())
    PATH.write_text(json.dumps(document, separators=(",", ":")).replace(',"', ',\n"') + "\n")


if __name__ == "__main__":
    main()
