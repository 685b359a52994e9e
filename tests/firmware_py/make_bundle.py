"""Writes small synthetic bundles with nothing but NumPy: random levels, log-normal cells, any graph of layers."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from statistics import NormalDist

import numpy as np

from firmware_py import Effects
from firmware_py.bundle import VERSION, Bundle, digest_of
from firmware_py.cells import cells_digest
from firmware_py.correction import initial_correction
from firmware_py.draws import NODES
from firmware_py.numpy_engine import NumpyEngine

CODES = {
    "uint8": "U8", "int8": "I8", "uint16": "U16", "int32": "I32", "uint32": "U32", "float32": "F32", "float64": "F64",
}  # fmt: skip

DENSE = [
    {"op": "flatten"},
    {"op": "dense", "name": "fc1", "out": [12]},
    {"op": "relu"},
    {"op": "dense", "name": "fc2", "out": [4]},
]
CONV = [
    {"op": "conv2d", "name": "conv1", "kernel": [3, 3], "stride": [1, 1], "padding": "same", "out": [8, 8, 5]},
    {"op": "relu"},
    {"op": "maxpool2d", "pool": [2, 2], "stride": [2, 2]},
    {"op": "conv2d", "name": "conv2", "kernel": [3, 3], "stride": [1, 1], "padding": "valid", "out": [2, 2, 7]},
    {"op": "relu"},
    {"op": "flatten"},
    {"op": "dense", "name": "fc", "out": [4]},
]

RESNET = [  # for images of 8 x 8 and any channels: two stacks with a shortcut, the second with a convolution in it
    {"op": "conv2d", "name": "conv1", "kernel": [3, 3], "stride": [1, 1], "padding": "same", "out": [8, 8, 5]},
    {"op": "relu"},
    {"op": "conv2d", "name": "a1", "kernel": [3, 3], "stride": [1, 1], "padding": "same", "out": [8, 8, 5]},
    {"op": "add", "from": [2, 1]},
    {"op": "relu"},
    {"op": "conv2d", "name": "b1", "kernel": [3, 3], "stride": [2, 2], "padding": "same", "out": [4, 4, 6]},
    {"op": "relu"},
    {"op": "conv2d", "name": "b2", "kernel": [3, 3], "stride": [1, 1], "padding": "same", "out": [4, 4, 6]},
    {"op": "conv2d", "name": "short", "kernel": [1, 1], "stride": [2, 2], "padding": "same", "out": [4, 4, 6],
     "from": [4]},
    {"op": "add", "from": [7, 8]},
    {"op": "relu"},
    {"op": "avgpool2d", "pool": [4, 4], "stride": [4, 4]},
    {"op": "flatten"},
    {"op": "dense", "name": "fc", "signed": True, "out": [4]},
]  # fmt: skip

MOBILE = [  # for images of 8 x 8 x 2: depthwise, dilated and grouped convolutions, every activation, joined channels
    {"op": "conv2d", "name": "first", "kernel": [3, 3], "stride": [2, 2], "padding": "same", "out": [4, 4, 4]},
    {"op": "relu6"},
    {"op": "conv2d", "name": "deep", "kernel": [3, 3], "stride": [1, 1], "padding": "same", "out": [4, 4, 4],
     "groups": 4},
    {"op": "hard_swish"},
    {"op": "conv2d", "name": "far", "kernel": [2, 2], "stride": [1, 1], "padding": "same", "out": [4, 4, 6],
     "dilation": [2, 1], "groups": 2, "signed": True},
    {"op": "leaky_relu", "slope": 0.2},
    {"op": "concat", "from": [5, 1]},
    {"op": "softmax"},
    {"op": "flatten"},
    {"op": "dense", "name": "fc", "out": [4]},
]  # fmt: skip

INTEGERS = [  # for images of 8 x 8 and any channels
    {"op": "conv2d", "name": "conv1", "kernel": [3, 3], "stride": [1, 1], "padding": "same", "out": [8, 8, 5],
     "integer": True},
    {"op": "maxpool2d", "pool": [2, 2], "stride": [2, 2]},
    {"op": "thresholds", "name": "t1", "levels": 4},
    {"op": "conv2d", "name": "conv2", "kernel": [3, 3], "stride": [1, 1], "padding": "same", "out": [4, 4, 7],
     "integer": True},
    {"op": "thresholds", "name": "t2", "levels": 3},
    {"op": "maxpool2d", "pool": [2, 2], "stride": [2, 2]},
    {"op": "flatten"},
    {"op": "rename", "name": "r", "out": [20]},
    {"op": "dense", "name": "fc", "out": [4], "integer": True},
]  # fmt: skip


@dataclass(frozen=True)
class Synthetic:
    """What a synthetic bundle holds; shapes of layers follow from `nodes`."""

    nodes: list = field(default_factory=lambda: CONV)
    input_shape: tuple = (8, 8, 1)
    seed: int = 0
    levels: int = 10
    sigma: float = 0.5
    read_b: float = 0.02
    rows: int = 16  # of a conversion
    conversions: int = 1  # that share a tile's ADCs
    mask_share: float = 0.1
    dac_bits: int = 8
    adc_bits: int = 8
    faults: tuple = (0, 0, 0, 0)
    adc_errors: dict = field(default_factory=dict)  # adc_gain_sigma, adc_offset_sigma_lsb
    drift: tuple = ()  # mean and deviation of a decade of time from 1 s, G steps
    disturb: float = 0.0  # relative change by a read


def octave_nodes() -> np.ndarray:
    """Probabilities of the lower half's nodes; the first stands in the middle of the last segment."""
    r = [128.0] + [2.0**e * (1 + s / 32) for e in range(8, 24) for s in range(32)] + [2.0**24]
    return np.array(r) / 2**25


def tables(spec: Synthetic) -> dict[str, np.ndarray]:
    """Log-normal cells with sd = sigma x mean, as the compiled tables of the contract."""
    z = np.array([NormalDist().inv_cdf(p) for p in octave_nodes()])
    target = np.rint(512 + np.arange(spec.levels) * 2048 / (spec.levels - 1)).astype(np.int32)
    s = np.sqrt(np.log1p(spec.sigma**2))
    lower = np.exp(s * z - s * s / 2)
    upper = np.exp(-s * z - s * s / 2)
    quantiles = np.rint(target[:, None, None] * np.stack([lower, upper])[None] * 256).astype(np.int32)
    aging = {"profile.disturb": np.array([spec.disturb])} if spec.disturb else {}
    if spec.drift:
        aging |= {"profile.drift": np.repeat(np.array(spec.drift, float)[:, None], spec.levels, axis=1),
                  "profile.drift_s": np.array([1.0, 1e4])}  # fmt: skip
    return aging | {
        "profile.quantiles": np.minimum(quantiles, 32767 * 256).reshape(spec.levels, 2, NODES),
        "profile.target": target,
        "profile.var": (spec.sigma * target.astype(float)) ** 2,
        "profile.read_a": np.zeros(spec.levels),
        "profile.read_b": np.full(spec.levels, spec.read_b),
        "profile.faults": np.array(spec.faults, np.uint32),
        "profile.normal": z.astype(np.float32),
    }


def layer_tensors(spec: Synthetic, name: str, k: int, n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Random signed weights, mask and correction of one layer."""
    signed = rng.integers(-(spec.levels - 1), spec.levels, (k, n))
    rows: list[int] = []
    indptr = [0]
    for _ in range(n):
        chosen = np.sort(rng.choice(k, int(rng.binomial(k, spec.mask_share)), replace=False))
        rows.extend(chosen)
        indptr.append(len(rows))
    w_step = 1.5 / np.sqrt(k) / 2048
    return {
        f"{name}.levels": np.stack([np.maximum(signed, 0), np.maximum(-signed, 0)]).astype(np.uint8),
        f"{name}.scales": np.array([w_step, 1 / 255, 255 * 2048 * 2.0 / 128], np.float32),
        f"{name}.gain": rng.uniform(0.7, 1.3, n).astype(np.float32),
        f"{name}.offset": rng.normal(0, 0.1, n).astype(np.float32),
        f"{name}.y_std": rng.uniform(0.5, 1.5, n).astype(np.float32),
        f"{name}.mask.indptr": np.array(indptr, np.int32),
        f"{name}.mask.rows": np.array(rows, np.uint16),
        f"{name}.mask.value": rng.normal(0, 0.05, len(rows)).astype(np.float32),
        f"{name}.mask.lr_exp": rng.integers(-12, -6, len(rows)).astype(np.int8),
    }


def integer_tensors(spec: Synthetic, node: dict, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """What an integer network's node has: levels and scales; thresholds; or rows that share."""
    name, size = node["name"], node["in"][-1]
    if node["op"] == "thresholds":
        steps = np.sort(rng.normal(0, 40, (node["levels"] - 1, size)), axis=0)
        return {f"{name}.thresholds": np.rint(steps).astype(np.int32)}
    if node["op"] == "rename":
        return {f"{name}.rename.row": rng.integers(0, node["out"][0], size).astype(np.uint16),
                f"{name}.rename.sign": rng.integers(-1, 2, size).astype(np.int8)}  # fmt: skip
    kernel = node.get("kernel", [1, 1])
    drawn = layer_tensors(spec, name, kernel[0] * kernel[1] * size, node["out"][-1], rng)
    dac_lsb = 1 / (2**spec.dac_bits - 1)
    return {f"{name}.levels": drawn[f"{name}.levels"], f"{name}.scales": np.array([1e-3, dac_lsb, 256], np.float32)}


def chain(spec: Synthetic) -> tuple[list[dict], list[tuple[str, int, int]]]:
    """Fill in 'in' shapes; returns the nodes and (name, K, N) of the analog layers with a correction."""
    shapes = [list(spec.input_shape)]  # of the input and of every output
    nodes: list[dict] = []
    layers: list[tuple[str, int, int]] = []
    for node in spec.nodes:
        taken = [shapes[source + 1] for source in node.get("from", [len(nodes) - 1])]
        shape = taken[0]
        if node["op"] == "concat":
            shape = [*shape[:-1], sum(one[-1] for one in taken)]
        node = {**node, "in": list(shape)}
        if node["op"] in ("conv2d", "dense"):
            kernel = node.get("kernel", [1, 1])
            if not node.get("integer"):
                rows = kernel[0] * kernel[1] * shape[-1] // node.get("groups", 1)
                layers.append((node["name"], rows, node["out"][-1]))
            shape = list(node["out"])
        elif node["op"] == "rename":
            shape = list(node["out"])
        elif node["op"] in ("maxpool2d", "avgpool2d"):
            shape = [(shape[i] - node["pool"][i]) // node["stride"][i] + 1 for i in (0, 1)] + shape[2:]
        elif node["op"] == "flatten":
            shape = [int(np.prod(shape))]
        nodes.append(node)
        shapes.append(shape)
    return nodes, layers


def contents(spec: Synthetic) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """Metadata (without digest) and tensors, golden logits still zero."""
    rng = np.random.default_rng(spec.seed)
    nodes, layers = chain(spec)
    tensors = tables(spec)
    for name, k, n in layers:
        tensors |= layer_tensors(spec, name, k, n, rng)
    for node in nodes:
        if node.get("integer") or node["op"] in ("thresholds", "rename"):
            tensors |= integer_tensors(spec, node, rng)
    classes = nodes[-1]["out"][-1]
    tensors["calibration.x"] = rng.integers(0, 256, (16, *spec.input_shape)).astype(np.uint8)
    tensors["golden.x"] = rng.integers(0, 256, (4, *spec.input_shape)).astype(np.uint8)
    tensors["golden.logits"] = np.zeros((4, classes), np.float32)
    tensors["ideal.tflite"] = np.zeros(0, np.uint8)
    metadata = {
        "format": "rram-edge",
        "version": VERSION,
        "graph": json.dumps({"nodes": nodes}),
        "profile": json.dumps({"name": "synthetic"}),
        "macro": json.dumps({"pairing": "differential", "rows": spec.rows * spec.conversions, "cols": 128,
                             "dac_bits": spec.dac_bits, "adc_bits": spec.adc_bits, "rows_active": spec.rows}
                            | spec.adc_errors),
        "classes": json.dumps([str(i) for i in range(classes)]),
        "input": json.dumps({"shape": list(spec.input_shape)}),
        "golden": json.dumps({"seed": 7, "cells_sha256": ""}),
        "provenance": json.dumps({"created_by": "make_bundle"}),
    }  # fmt: skip
    return metadata, tensors


def write(path: Path, metadata: dict[str, str], tensors: dict[str, np.ndarray], digest: str | None = None) -> None:
    """Write a safetensors file, with the right digest unless one is given."""
    coded = {name: (CODES[array.dtype.name], array) for name, array in tensors.items()}
    metadata = {**metadata, "digest": digest or digest_of(metadata, coded)}
    header: dict[str, dict] = {"__metadata__": metadata}
    body = b""
    for name in sorted(tensors, key=lambda n: (-tensors[n].dtype.itemsize, n)):
        raw = np.ascontiguousarray(tensors[name]).tobytes()
        header[name] = {"dtype": coded[name][0], "shape": list(tensors[name].shape),
                        "data_offsets": [len(body), len(body) + len(raw)]}  # fmt: skip
        body += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)


def make_bundle(path: Path, spec: Synthetic | None = None) -> Path:
    """A whole bundle whose golden vectors come from the NumPy engine."""
    spec = spec or Synthetic()
    metadata, tensors = contents(spec)
    write(path, metadata, tensors)
    bundle = Bundle.open(path)
    engine = NumpyEngine(bundle, 7, Effects(), initial_correction(bundle))
    tensors["golden.logits"] = engine.logits(tensors["golden.x"].astype(np.float32) / np.float32(255), 0)
    metadata["golden"] = json.dumps({"seed": 7, "cells_sha256": cells_digest(engine.cells)})
    write(path, metadata, tensors)
    return path
