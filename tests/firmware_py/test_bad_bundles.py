"""Each mistake in a bundle is one line that names the file, the key, what was given and what was expected.

All of these files have a right digest (but the one whose digest is the mistake): they are mistakes of who wrote them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from firmware_py import Chip, RramError
from firmware_py.bundle import KEYS, Bundle
from tests.firmware_py.make_bundle import CONV, Synthetic, contents, write


@dataclass
class Draft:
    """A bundle about to be written, to be spoilt first."""

    metadata: dict[str, str]
    tensors: dict[str, np.ndarray]
    digest: str | None = None

    def meta(self, key: str, value: str) -> None:
        self.metadata[key] = value

    def json(self, key: str, **changes: Any) -> None:
        self.metadata[key] = json.dumps({**json.loads(self.metadata[key]), **changes})

    def node(self, index: int, **changes: Any) -> None:
        nodes = json.loads(self.metadata["graph"])["nodes"]
        nodes[index] = {k: v for k, v in {**nodes[index], **changes}.items() if v is not ...}
        self.metadata["graph"] = json.dumps({"nodes": nodes})

    def put(self, name: str, at: Any, value: Any) -> None:
        self.tensors[name] = self.tensors[name].copy()
        self.tensors[name][at] = value

    def replace(self, name: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
        self.tensors[name] = np.ascontiguousarray(change(self.tensors[name]))

    def age(self, name: str, values: np.ndarray) -> None:
        self.tensors[f"profile.{name}"] = values

    def drift(self, values: np.ndarray, from_s: float = 1.0, to_s: float = 2.0) -> None:
        self.age("drift", values)
        self.age("drift_s", np.array([from_s, to_s]))


def mean_sd(mean: float, sd: float) -> np.ndarray:
    """A law of drift whose ten levels are alike."""
    return np.repeat([[mean], [sd]], 10, axis=1).astype(np.float64)


def refusal(tmp_path: Path, spoil: Callable[[Draft], Any]) -> str:
    """The message of opening the spoilt bundle, without the file's name that it must begin with."""
    metadata, tensors = contents(Synthetic())
    draft = Draft(metadata, tensors)
    spoil(draft)
    path = tmp_path / "bad.rram.safetensors"
    write(path, draft.metadata, draft.tensors, draft.digest)
    with pytest.raises(RramError) as caught:
        Chip.open(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert len(message) < 400 + len(str(path))
    return message.removeprefix(f"{path}: ")


Spoil = Callable[[Draft], Any]

METADATA: dict[str, tuple[Spoil, str]] = {
    "format": (lambda b: b.meta("format", "tflite"), "format: 'tflite' given, expected 'rram-edge'"),
    "no format": (lambda b: b.metadata.pop("format"), "format: None given, expected 'rram-edge'"),
    "version": (lambda b: b.meta("version", "2"), "version: '2' given, expected '1'"),
    "no version": (lambda b: b.metadata.pop("version"), "version: None given, expected '1'"),
    "digest": (lambda b: setattr(b, "digest", "00" * 32), "digest: '000000000000...0000000000000' given, expected '"),
    "classes: no JSON": (lambda b: b.meta("classes", "[1,"), "classes: not valid JSON"),
    "classes: deep JSON": (lambda b: b.meta("classes", "[" * 100_000), "classes: not valid JSON"),
    "classes: object": (lambda b: b.meta("classes", "{}"), "classes: dict given, expected list"),
    "classes: too few": (lambda b: b.meta("classes", '["a"]'), "classes: ['a'] given, expected 4 names (the logits)"),
    "classes: numbers": (lambda b: b.meta("classes", "[0,1,2,3]"), "classes: [0, 1, 2, 3] given, expected 4 names"),
    "profile: list": (lambda b: b.meta("profile", "[]"), "profile: list given, expected dict"),
    "provenance: text": (lambda b: b.meta("provenance", '"me"'), "provenance: str given, expected dict"),
    "input: no shape": (lambda b: b.meta("input", "{}"), "input.shape: None given, expected a list of 1 to 3 sizes"),
    "input: zero": (lambda b: b.json("input", shape=[8, 0, 1]), "input.shape: [8, 0, 1] given, expected whole numbers"),
    "input: fraction": (lambda b: b.json("input", shape=[8.0, 8, 1]), "input.shape: [8.0, 8, 1] given, expected whole"),
    "input: 4-D": (lambda b: b.json("input", shape=[1, 8, 8, 1]), "input.shape: [1, 8, 8, 1] given, expected a list"),
    "golden.seed": (lambda b: b.json("golden", seed=-1), "golden.seed: -1 is not a seed from 0 to 2^64 - 1"),
    "golden.seed: true": (lambda b: b.json("golden", seed=True), "golden.seed: True is not a seed"),
    "golden.cells": (lambda b: b.json("golden", cells_sha256=1), "golden.cells_sha256: 1 given, expected text"),
    "macro.pairing": (lambda b: b.json("macro", pairing="offset"), "macro.pairing: 'offset' given, expected 'diff"),
    "macro.rows": (lambda b: b.json("macro", rows=512), "macro.rows: 512 is not a whole number from 1 to 256"),
    "macro.rows: 0": (lambda b: b.json("macro", rows=0), "macro.rows: 0 is not a whole number from 1 to 256"),
    "macro.cols": (lambda b: b.json("macro", cols="128"), "macro.cols: '128' is not a whole number from 1 to 65536"),
    "macro.active": (lambda b: b.json("macro", rows_active=5), "macro.rows_active: 5 does not divide rows (16)"),
    "macro.active: 257": (lambda b: b.json("macro", rows_active=257), "macro.rows_active: 257 is not a whole number"),
    "macro.dac_bits": (lambda b: b.json("macro", dac_bits=9), "macro.dac_bits: 9 is not a whole number from 1 to 8"),
    "macro.adc_bits": (lambda b: b.json("macro", adc_bits=17), "macro.adc_bits: 17 is not a whole number from 1 to 16"),
    "macro.adc_bits: 8.0": (lambda b: b.json("macro", adc_bits=8.0), "macro.adc_bits: 8.0 is not a whole number"),
    "macro.adc_gain": (lambda b: b.json("macro", adc_gain_sigma=1.5), "macro.adc_gain_sigma: 1.5 is not a number"),
    "macro.adc_gain: NaN": (lambda b: b.json("macro", adc_gain_sigma=np.nan), "macro.adc_gain_sigma: nan is not a num"),
    "macro.adc_gain: true": (lambda b: b.json("macro", adc_gain_sigma=True), "macro.adc_gain_sigma: True is not a num"),
    "macro.adc_offset": (lambda b: b.json("macro", adc_offset_sigma_lsb=-1), "macro.adc_offset_sigma_lsb: -1 is not a"),
    "macro.adc_offset: 0s": (lambda b: b.json("macro", adc_offset_sigma_lsb=10**400), "macro.adc_offset_sigma_lsb: 1"),
    "macro.adc_gain: < 0": (lambda b: b.json("macro", adc_gain_sigma=-0.1), "macro.adc_gain_sigma: -0.1 is not a numb"),
    "macro.adc_gain: inf": (lambda b: b.json("macro", adc_gain_sigma=np.inf), "macro.adc_gain_sigma: inf is not a num"),
    "macro.adc_gain: text": (
        lambda b: b.json("macro", adc_gain_sigma="0.1"), "macro.adc_gain_sigma: '0.1' is not a number from 0 to 1"
    ),
    "macro.adc_gain: null": (lambda b: b.json("macro", adc_gain_sigma=None), "macro.adc_gain_sigma: None is not a"),
    "macro.adc_offset: wide": (
        lambda b: b.json("macro", adc_offset_sigma_lsb=32769),
        "macro.adc_offset_sigma_lsb: 32769 is not a number from 0 to 32768",
    ),
    "macro.adc_offset: NaN": (lambda b: b.json("macro", adc_offset_sigma_lsb=np.nan), "macro.adc_offset_sigma_lsb: n"),
    "macro.adc_offset: list": (lambda b: b.json("macro", adc_offset_sigma_lsb=[1]), "macro.adc_offset_sigma_lsb: [1]"),
    "macro.adc_bits: huge": (lambda b: b.json("macro", adc_bits="9" * 10**6), "macro.adc_bits: '99999"),
}

TENSORS: dict[str, tuple[Spoil, str]] = {
    "drift alone": (lambda b: b.age("drift", np.zeros((2, 10))), "profile.drift_s: missing, expected F64[2]"),
    "its times alone": (lambda b: b.age("drift_s", np.ones(2)), "profile.drift: missing, expected F64[2, 10]"),
    "drift: shape": (lambda b: b.drift(np.zeros((2, 9))), "profile.drift: F64[2, 9] given, expected F64[2, 10]"),
    "drift: NaN": (lambda b: b.drift(np.full((2, 10), np.nan)), "profile.drift: NaN or infinity given"),
    "drift: sd": (lambda b: b.drift(np.full((2, 10), -1.0)), "profile.drift: beyond 32767 G steps a decade, or a dev"),
    "drift: mean": (lambda b: b.drift(np.full((2, 10), 1e9)), "profile.drift: beyond 32767 G steps a decade, or a"),
    "drift: falling": (lambda b: b.drift(np.zeros((2, 10)), 5.0, 4.0), "profile.drift_s: [5, 4] given, expected two"),
    "drift: zero": (lambda b: b.drift(np.zeros((2, 10)), 0.0, 4.0), "profile.drift_s: [0, 4] given, expected two"),
    "drift: mean below": (lambda b: b.drift(mean_sd(-32768, 0)), "profile.drift: beyond 32767 G steps a decade, or a"),
    "drift: sd beyond": (lambda b: b.drift(mean_sd(0, 32768)), "profile.drift: beyond 32767 G steps a decade, or a"),
    "drift: infinity": (lambda b: b.drift(mean_sd(np.inf, 0)), "profile.drift: NaN or infinity given, expected fin"),
    "drift: dtype": (
        lambda b: b.drift(np.zeros((2, 10), np.float32)), "profile.drift: F32[2, 10] given, expected F64[2, 10]"
    ),
    "drift: NaN s": (lambda b: b.drift(mean_sd(0, 0), np.nan), "profile.drift_s: NaN or infinity given, expected"),
    "drift: early": (lambda b: b.drift(mean_sd(0, 0), 1e-13), "profile.drift_s: [1e-13, 2] given, expected two rising"),
    "drift: late": (
        lambda b: b.drift(mean_sd(0, 0), 1.0, 2e12),
        "profile.drift_s: [1, 2e+12] given, expected two rising times from 1e-12 to 1e+12 s",
    ),
    "drift: one time": (
        lambda b: b.tensors.update({"profile.drift": mean_sd(0, 0), "profile.drift_s": np.ones(1)}),
        "profile.drift_s: F64[1] given, expected F64[2]",
    ),
    "disturb: below": (lambda b: b.age("disturb", np.array([-0.6])), "profile.disturb: -0.6 given, expected -0.5 to"),
    "disturb: NaN": (lambda b: b.age("disturb", np.array([np.nan])), "profile.disturb: NaN or infinity given"),
    "disturb: dtype": (
        lambda b: b.age("disturb", np.zeros(1, np.float32)), "profile.disturb: F32[1] given, expected F64[1]"
    ),
    "disturb": (lambda b: b.age("disturb", np.array([0.6])), "profile.disturb: 0.6 given, expected -0.5 to 0.5"),
    "disturb: many": (lambda b: b.age("disturb", np.zeros(2)), "profile.disturb: F64[2] given, expected F64[1]"),
    "missing": (lambda b: b.tensors.pop("conv2.gain"), "conv2.gain: missing, expected F32[7]"),
    "NaN in scales": (lambda b: b.put("conv1.scales", 1, np.nan), "conv1.scales: NaN or infinity given, expected"),
    "infinite gain": (lambda b: b.put("fc.gain", 0, np.inf), "fc.gain: NaN or infinity given, expected finite numbers"),
    "NaN in noise": (lambda b: b.put("profile.read_b", 3, np.nan), "profile.read_b: NaN or infinity given"),
    "scale 0": (lambda b: b.put("conv1.scales", 0, 0), "conv1.scales: [0.0, "),
    "scale tiny": (lambda b: b.put("conv1.scales", 2, 1e-44), "expected w_step, dac_lsb, adc_lsb from 1e-12 to 1e+12"),
    "scale huge": (lambda b: b.put("conv1.scales", 2, 1e38), "expected w_step, dac_lsb, adc_lsb from 1e-12 to 1e+12"),
    "shape": (lambda b: b.replace("fc.gain", lambda a: a[:-1]), "fc.gain: F32[3] given, expected F32[4]"),
    "rank": (lambda b: b.replace("fc.gain", lambda a: a[None]), "fc.gain: F32[1, 4] given, expected F32[4]"),
    "dtype": (lambda b: b.replace("fc.gain", np.float64), "fc.gain: F64[4] given, expected F32[4]"),
    "transposed levels": (
        lambda b: b.replace("conv2.levels", lambda a: a.transpose(0, 2, 1)),
        "conv2.levels: U8[2, 7, 45] given, expected U8[2, 45, 7]",
    ),
    "level": (lambda b: b.put("conv1.levels", (1, 2, 3), 10), "conv1.levels: level 10 given, the profile has 0..9"),
    "levels falling": (
        lambda b: b.put("profile.target", 3, 5),
        "profile.target: [512, 740, 967, 5, 1422, 1650, ...] given, expected at least 2 increasing levels from 0",
    ),
    "levels equal": (lambda b: b.put("profile.target", 1, 512), "profile.target: [512, 512, "),
    "levels negative": (lambda b: b.put("profile.target", 0, -1), "profile.target: [-1, 740"),
    "levels high": (lambda b: b.put("profile.target", 9, 32768), "expected at least 2 increasing levels from 0"),
    "levels that wrap": (
        # The differences of these, in 32 bits, are all positive.
        lambda b: b.put("profile.target", slice(7, 10), [2**31 - 1, -(2**31), -1]),
        "expected at least 2 increasing levels from 0 to 32767",
    ),
    "one level": (
        lambda b: b.replace("profile.target", lambda a: a[:1]),
        "profile.target: [512] given, expected at least 2 increasing levels",
    ),
    "tables": (
        lambda b: b.replace("profile.quantiles", lambda a: a[:-1]),
        "profile.quantiles: I32[9, 2, 514] given, expected I32[10, 2, 514]",
    ),
    "variance": (lambda b: b.put("profile.var", 0, -1), "profile.var: [-1.0, "),
    "noise": (lambda b: b.put("profile.read_a", 0, 1e300), "profile.read_a: [1e+300, "),
    "faults": (
        lambda b: b.put("profile.faults", slice(None), [9, 5, 0, 0]),
        "profile.faults: [9, 5, 0, 0] given, expected rising thresholds, then two conductances up to 32767",
    ),
    "faults beyond": (lambda b: b.put("profile.faults", 3, 2**32 - 1), "profile.faults: [0, 0, 0, 4294967295] given"),
    "mask row": (lambda b: b.put("conv2.mask.rows", -1, 45), "conv2.mask.rows: row 45 given, the layer has rows 0..44"),
    "mask twice": (
        lambda b: b.put("conv2.mask.rows", 1, b.tensors["conv2.mask.rows"][0]),
        "conv2.mask.rows: the same cell is given twice",
    ),
    "mask starts late": (lambda b: b.put("conv2.mask.indptr", 0, 1), "conv2.mask.indptr: does not rise from 0 to "),
    "mask falls": (lambda b: b.put("conv2.mask.indptr", 2, 1000), "conv2.mask.indptr: does not rise from 0 to "),
    "mask ends early": (lambda b: b.replace("conv2.mask.rows", lambda a: a[:-1]), "conv2.mask.indptr: does not rise"),
    "mask that wraps": (
        # In 32 bits each step is upward; the sum of the steps is beyond all memory.
        lambda b: b.put("conv2.mask.indptr", slice(1, 4), [2**31 - 1, -(2**31), -1]),
        "conv2.mask.indptr: does not rise from 0 to ",
    ),
    "mask values": (lambda b: b.replace("conv2.mask.value", lambda a: a[:-1]), "conv2.mask.value: F32["),
    "mask priors": (lambda b: b.replace("conv2.mask.lr_exp", lambda a: a[:-1]), "conv2.mask.lr_exp: I8["),
    "golden": (
        lambda b: b.replace("golden.logits", lambda a: a[:, :3]),
        "golden.logits: F32[4, 3] given, expected F32[any, 4]",
    ),
    "golden images": (
        lambda b: b.replace("golden.x", lambda a: a[:3]),
        "golden.x: U8[3, 8, 8, 1] given, expected U8[4, 8, 8, 1]",
    ),
    "calibration images": (
        lambda b: b.replace("calibration.x", lambda a: a.astype(np.float32)),
        "calibration.x: F32[16, 8, 8, 1] given, expected U8[any, 8, 8, 1]",
    ),
}  # fmt: skip

GRAPH: dict[str, tuple[Spoil, str]] = {
    "no nodes": (lambda b: b.meta("graph", "{}"), "graph: nodes: expected a list of 1 to 1000 nodes"),
    "empty": (lambda b: b.meta("graph", '{"nodes": []}'), "graph: nodes: expected a list of 1 to 1000 nodes"),
    "a list": (lambda b: b.meta("graph", "[]"), "graph: list given, expected dict"),
    "unknown op": (lambda b: b.node(1, op="tanh"), "graph: nodes[1].op: 'tanh' is not one of conv2d, dense, relu"),
    "op a list": (lambda b: b.node(1, op=[]), "graph: nodes[1].op: [] is not one of conv2d"),
    "a node that is none": (lambda b: b.meta("graph", '{"nodes": [1]}'), "graph: nodes[0].op: None is not one of"),
    "in": (lambda b: b.node(3, **{"in": [4, 4, 6]}), "graph: nodes[3].in: [4, 4, 6] given, expected [4, 4, 5]"),
    "out": (
        lambda b: b.node(3, out=[4, 4, 7]),
        "graph: nodes[3] (conv2d): out [4, 4, 7] given, expected [2, 2, 7]; its input has shape [4, 4, 5]",
    ),
    "out empty": (lambda b: b.node(6, out=[]), "graph: nodes[6] (dense): out [] does not end in 1 to 65535 channels"),
    "out text": (lambda b: b.node(6, out="4"), "graph: nodes[6] (dense): out '4' does not end in"),
    "out 2-D": (lambda b: b.node(6, out=[1, 4]), "graph: nodes[6] (dense): out [1, 4] given, expected one number"),
    "no kernel": (lambda b: b.node(0, kernel=...), "graph: nodes[0] (conv2d): kernel is missing"),
    "no name": (lambda b: b.node(0, name=...), "graph: nodes[0] (conv2d): name is missing"),
    "kernel": (lambda b: b.node(0, kernel=[3]), "graph: nodes[0] (conv2d): kernel [3] is not two whole numbers"),
    "kernel true": (lambda b: b.node(0, kernel=[True, 3]), "graph: nodes[0] (conv2d): kernel [True, 3] is not two"),
    "stride": (lambda b: b.node(0, stride=[0, 1]), "graph: nodes[0] (conv2d): stride [0, 1] is not two whole numbers"),
    "zeros": (lambda b: b.node(0, padding=[[0, 3], [0, 0]]), "graph: nodes[0] (conv2d): padding [[0, 3], [0, 0]] is"),
    "padding": (lambda b: b.node(0, padding="full"), "graph: nodes[0] (conv2d): padding 'full' is not 'same' or 'val"),
    "kernel beyond": (lambda b: b.node(3, kernel=[5, 1]), "graph: nodes[3] (conv2d): kernel [5, 1] is larger than"),
    "pool beyond": (lambda b: b.node(2, pool=[9, 9]), "graph: nodes[2] (maxpool2d): pool [9, 9] is larger than"),
    "name of two lines": (lambda b: b.node(0, name="a\nb"), "graph: nodes[0] (conv2d): name 'a\\nb' is not 1 to 64"),
    "name long": (lambda b: b.node(0, name="a" * 65), "graph: nodes[0] (conv2d): name 'aaaaaaaaaaaa...aaaaaaaaaaaaa"),
    "name twice": (
        lambda b: b.node(3, name="conv1"),
        "graph: 3 analog layers ['conv1', 'conv1', 'fc']: expected at most 255 with different names",
    ),
    "signed": (lambda b: b.node(0, signed=1), "graph: nodes[0] (conv2d): signed 1 is not true or false"),
    "pool of a vector": (
        lambda b: b.node(5, op="dense", name="x", out=[4]),
        "graph: nodes[5] (dense): a dense layer needs a flat input; its input has shape [2, 2, 7]",
    ),
    "no logits": (
        lambda b: b.node(6, op="relu"),
        "graph: the last node is relu with output [28], expected a dense layer giving logits",
    ),
    "from itself": (lambda b: b.node(3, **{"from": [3]}), "graph: nodes[3].from: [3] is not a list of nodes before it"),
    "from later": (lambda b: b.node(0, **{"from": [1]}), "graph: nodes[0].from: [1] is not a list of nodes before it"),
    "from nowhere": (lambda b: b.node(3, **{"from": [-2]}), "graph: nodes[3].from: [-2] is not a list of nodes before"),
    "from true": (lambda b: b.node(3, **{"from": [True]}), "graph: nodes[3].from: [True] is not a list of nodes"),
    "from a fraction": (lambda b: b.node(3, **{"from": [2.0]}), "graph: nodes[3].from: [2.0] is not a list of nodes"),
    "from a number": (lambda b: b.node(3, **{"from": 2}), "graph: nodes[3].from: 2 is not a list of nodes before it"),
    "from huge": (lambda b: b.node(3, **{"from": [10**30]}), "graph: nodes[3].from: [1000000000000000000000000000"),
    "from none": (lambda b: b.node(3, **{"from": []}), "graph: nodes[3].from: [] given, conv2d takes one"),
    "from two": (lambda b: b.node(4, **{"from": [2, 3]}), "graph: nodes[4].from: [2, 3] given, relu takes one"),
    "from very many": (
        lambda b: b.node(4, op="add", **{"from": [3] * 10**5}),
        "graph: nodes[4].from: [3, 3, 3, 3, 3, 3, ...] given, add takes 2 to 64",
    ),
    "concat of the image": (
        lambda b: b.node(0, op="concat", **{"from": [-1, -1]}),
        "graph: nodes[0] (concat): the first node, expected one behind another",
    ),
    "add of one": (lambda b: b.node(1, op="add"), "graph: nodes[1].from: [0] given, add takes 2 to 64"),
    "add of shapes": (
        lambda b: b.node(4, op="add", **{"from": [3, 2]}),
        "graph: nodes[4] (add): inputs of shapes [[2, 2, 7], [4, 4, 5]] given, expected all the same",
    ),
    "a node for nothing": (
        lambda b: b.node(2, **{"from": [0]}),
        "graph: nodes[1] (relu): no node takes its output",
    ),
    "mean beyond": (
        lambda b: b.node(2, op="avgpool2d", pool=[9, 9]),
        "graph: nodes[2] (avgpool2d): pool [9, 9] is larger than the input; its input has shape [8, 8, 5]",
    ),
    "mean of nothing": (lambda b: b.node(2, op="avgpool2d", pool=[0, 1]), "graph: nodes[2] (avgpool2d): pool [0, 1] "),
}

ALL = {**METADATA, **TENSORS, **{f"graph: {key}": value for key, value in GRAPH.items()}}


@pytest.mark.parametrize("what", ALL)
def test_a_mistake_is_one_line(tmp_path: Path, what: str) -> None:
    spoil, expected = ALL[what]
    message = refusal(tmp_path, spoil)
    assert message.startswith(expected) or (expected.startswith("expected") and expected in message)


@pytest.mark.parametrize("key", [key for key in KEYS if key not in ("format", "version", "digest")])
def test_no_key_of_the_metadata_may_be_missing(tmp_path: Path, key: str) -> None:
    assert refusal(tmp_path, lambda b: b.metadata.pop(key)) == f"{key}: missing from the metadata"


def test_a_bundle_without_digest_is_refused(tmp_path: Path) -> None:
    metadata, tensors = contents(Synthetic())
    path = tmp_path / "b"
    write(path, metadata, tensors)
    path.write_bytes(path.read_bytes().replace(b'"digest"', b'"digset"'))
    with pytest.raises(RramError, match=r"digest: missing from the metadata$"):
        Bundle.open(path)


def test_a_layer_of_too_many_rows_is_refused(tmp_path: Path) -> None:
    def spoil(b: Draft) -> None:
        b.json("input", shape=[65, 1024, 1])
        b.meta("graph", json.dumps({"nodes": [{"op": "flatten"}, {"op": "dense", "name": "fc", "out": [4]}]}))

    message = "graph: nodes[1] (dense): more than 65535 rows; its input has shape [66560]"
    assert refusal(tmp_path, spoil) == message


def test_the_drafts_are_right_until_they_are_spoilt(tmp_path: Path) -> None:
    metadata, tensors = contents(Synthetic(nodes=CONV))
    write(tmp_path / "b", metadata, tensors)
    assert len(Bundle.open(tmp_path / "b").layers) == 3


def test_ageing_at_its_limits_is_taken(tmp_path: Path) -> None:
    """Where each refusal begins: one step this side of it a chip opens and answers."""
    metadata, tensors = contents(Synthetic())
    draft = Draft(metadata, tensors)
    draft.drift(mean_sd(-32767, 32767), 1e-12, 1e12)
    draft.age("disturb", np.array([-0.5]))
    draft.json("macro", adc_gain_sigma=1, adc_offset_sigma_lsb=32768)
    write(tmp_path / "b", draft.metadata, draft.tensors)
    chip = Chip.open(tmp_path / "b", age_s=1e12)
    assert np.isfinite(chip.logits_many(chip.bundle.golden_x)).all()
