"""The MicroPython engine in CPython, with its bytecode kernels: the same cells, sums and logits as the NumPy engine."""

from __future__ import annotations

import ast
import json
import re
from array import array
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from firmware_py.bundle import Bundle
from firmware_py.container import read_container
from tests.firmware_py.make_bundle import CONV, DENSE, INTEGERS, MOBILE, RESNET, Synthetic, make_bundle, write
from tests.firmware_py.micropython.cases import ENGINE, assert_the_same_predictions, job_of, numbers, oracle, shaped
from tests.firmware_py.micropython.on_board import kernel_runs, report
from tests.firmware_py.test_low_rank import opened as ranked
from tests.firmware_py.test_numpy_engine import LAYERS

import rram_edge  # isort: skip  # on the path by cases
from rram_edge import plain, selftest  # isort: skip

GOLDEN = json.loads((Path(__file__).resolve().parents[2] / "golden_draws.json").read_text())
POOLS = [  # windows that overlap, windows that leave a rest, an average over all
    {"op": "avgpool2d", "pool": [3, 2], "stride": [1, 2]},
    {"op": "conv2d", "name": "c", "kernel": [2, 3], "stride": [1, 1], "padding": [[1, 0], [0, 1]], "out": [6, 3, 4]},
    {"op": "maxpool2d", "pool": [3, 2], "stride": [2, 1]},
    {"op": "relu"},
    {"op": "avgpool2d", "pool": [2, 2], "stride": [2, 2]},
    {"op": "flatten"},
    {"op": "dense", "name": "d", "out": [3]},
]
NETWORKS: dict[str, Synthetic] = {
    **{name: Synthetic(nodes=nodes, input_shape=shape) for name, (nodes, shape) in LAYERS.items()},
    "two dense": Synthetic(nodes=DENSE, mask_share=0.3),
    "convolutions": Synthetic(nodes=CONV),
    "branches": Synthetic(nodes=RESNET, input_shape=(8, 8, 2)),
    "pools": Synthetic(nodes=POOLS, input_shape=(8, 9, 2)),
    "groups and activations": Synthetic(nodes=MOBILE, input_shape=(8, 8, 2), mask_share=0.2),
    "integers": Synthetic(nodes=INTEGERS),
    "stuck cells": Synthetic(nodes=DENSE, faults=(2**30, 3 * 2**30, 100, 3000)),
    "many bits": Synthetic(nodes=CONV, adc_bits=16, rows=256),
    "few bits": Synthetic(nodes=CONV, adc_bits=4, dac_bits=3, levels=2),
}


@pytest.mark.parametrize("read_noise", [False, True], ids=["quiet", "noisy"])
@pytest.mark.parametrize("name", NETWORKS)
def test_cells_sums_and_logits_are_the_oracles(tmp_path: Path, name: str, read_noise: bool) -> None:
    bundle = Bundle.open(make_bundle(tmp_path / "b", NETWORKS[name]))
    job = job_of(bundle, read_noise)
    found = report(job)
    assert found["kernels"] == "bytecode"
    assert_the_same_predictions(found, bundle, job)


# --- kernels against the golden draws, which a scalar oracle made -----------------------------------------------------


@pytest.mark.parametrize("stream", GOLDEN["streams"], ids=lambda s: f"seed {s['seed']}")
def test_words_are_golden(stream: dict[str, Any]) -> None:
    from rram_edge.cells import stream as head

    drawn = array("I", bytes(4 * stream["count"]))
    given = head(stream["seed"], stream["purpose"], stream["layer"], stream["read"])
    plain.words(drawn, given, stream["first"], stream["count"])
    assert drawn.tolist() == stream["words"]


def test_nodes_and_cells_are_golden() -> None:
    words = GOLDEN["cells"]["words"]
    index, fraction, g = (array(code, [0] * len(words)) for code in "HIh")
    plain.octave(index, fraction, array("I", words), len(words))
    table = array("i", np.array(GOLDEN["cells"]["quantiles"]).reshape(-1).tolist())
    for level, expected in enumerate(GOLDEN["cells"]["g"]):
        plain.cells(g, index, fraction, bytes([level]) * len(words), table, len(words))
        assert g.tolist() == expected
    octave = GOLDEN["octave"]
    index, fraction = (array(code, [0] * len(octave["words"])) for code in "HI")
    plain.octave(index, fraction, array("I", octave["words"]), len(octave["words"]))
    found = [[i >> 15, i & 0x7FFF, f] for i, f in zip(index, fraction, strict=True)]
    assert found == [list(entry) for entry in octave["half_node_fraction"]]


def test_sums_are_matrix_products() -> None:
    rng = np.random.default_rng(2)
    d, v = rng.integers(-32767, 32768, (9, 5)), rng.integers(0, 256, (9, 5))
    codes = rng.integers(-127, 256, 9)
    buffers, plan = [["i", [7] * 5], ["h", codes.tolist()], ["h", d.reshape(-1).tolist()]], ["i", [9, 5, 5]]
    jobs = [["sums", [*buffers, plan], [2, 8]],
            ["powers", [*buffers[:2], ["B", v.reshape(-1).tolist()], plan], [2, 8]],
            ["transposed", [["i", [0] * 9], ["h", (codes[:5] - 64).tolist()], buffers[2], plan], [1, 4]]]  # fmt: skip
    found = [np.frombuffer(bytes.fromhex(text), "<i4") for text in kernel_runs(plain, jobs)]
    np.testing.assert_array_equal(found[0], codes[2:8] @ d[2:8])
    np.testing.assert_array_equal(found[1], (codes[2:8] ** 2 // 2) @ v[2:8])
    np.testing.assert_array_equal(found[2], d[:, 1:4] @ (codes[1:4] - 64))


# --- the chip ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return Bundle.open(make_bundle(tmp_path / "b", Synthetic(nodes=DENSE)))


def test_bytes_and_floats_are_the_same_image(bundle: Bundle) -> None:
    job = job_of(bundle, True, count=1)
    image = job["images"][0]
    floats = [np.float32(byte) / np.float32(255) for byte in image]
    expected = int(oracle(bundle, job).predict_one(shaped(bundle, image)))
    for x in (bytes(image), bytearray(image), memoryview(bytes(image)), array("B", image), array("f", floats), floats):
        chip = rram_edge.Chip(job["bundle"], job["seed"])
        assert chip.image(x).tolist() == floats
        assert (chip.predict_one(x), chip.read) == (expected, 1)


def test_the_class_is_the_first_of_the_largest() -> None:
    for logits in ([1.0, 3.0, 3.0, 2.0], [2.0], [1.0, float("nan"), 3.0, float("nan")], [-np.inf, -np.inf]):
        assert rram_edge.largest(logits) == np.argmax(logits)


@pytest.mark.parametrize(("x", "text"), [
    (bytes(63), r"image: 63 numbers given, expected 64 \(8, 8, 1\)"),
    ([0.5] * 63 + [1.5], "image: numbers outside"),
    ([0.5] * 63 + [float("nan")], "image: numbers outside"),
])  # fmt: skip
def test_what_is_no_image_is_refused(bundle: Bundle, x: Any, text: str) -> None:
    with pytest.raises(rram_edge.RramError, match=text):
        rram_edge.Chip(str(bundle.path)).predict_one(x)


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5])
def test_a_seed_that_is_none_is_refused(bundle: Bundle, seed: Any) -> None:
    with pytest.raises(rram_edge.RramError, match="chip: seed"):
        rram_edge.Chip(str(bundle.path), seed)


def test_the_selftest_passes_and_fails_where_it_must(tmp_path: Path, bundle: Bundle) -> None:
    assert [line[:4] for line in selftest.selftest(str(bundle.path))] == ["    ", "PASS", "PASS"]
    metadata, tensors, _ = read_container(bundle.path)
    del metadata["digest"]
    golden = json.dumps(json.loads(metadata["golden"]) | {"cells_sha256": "0" * 64})
    spoilt = {name: np.array(tensor) for name, tensor in tensors.items()}
    spoilt["golden.logits"] = spoilt["golden.logits"] * np.float32(1.0001)
    write(tmp_path / "other", metadata | {"golden": golden}, spoilt)
    assert [line[:4] for line in selftest.selftest(str(tmp_path / "other"))] == ["    ", "FAIL", "FAIL"]


def test_an_operator_that_no_engine_knows_is_refused(tmp_path: Path) -> None:
    metadata, tensors, _ = read_container(make_bundle(tmp_path / "b", Synthetic(nodes=DENSE)))
    del metadata["digest"]
    graph = metadata["graph"].replace('"relu"', '"tanh"')
    write(tmp_path / "other", metadata | {"graph": graph}, {name: np.array(t) for name, t in tensors.items()})
    with pytest.raises(rram_edge.RramError, match=r"nodes\[2\]: tanh given, expected one of conv2d, dense, add"):
        rram_edge.Chip(str(tmp_path / "other"))


@pytest.mark.parametrize("key", ["adc_gain_sigma", "adc_offset_sigma_lsb"])
def test_errors_of_adcs_are_refused(tmp_path: Path, key: str) -> None:
    path = make_bundle(tmp_path / "b", Synthetic(nodes=DENSE, adc_errors={key: 0.25}))
    with pytest.raises(rram_edge.RramError, match=rf"macro.{key}: 0.25 given, expected none here"):
        rram_edge.Chip(str(path))


@pytest.mark.parametrize(("more", "name"), [({"drift": (1, 2)}, "drift"), ({"disturb": 1e-6}, "disturb")])
def test_cells_that_age_are_refused(tmp_path: Path, more: dict[str, Any], name: str) -> None:
    path = make_bundle(tmp_path / "b", Synthetic(nodes=DENSE, **more))
    with pytest.raises(rram_edge.RramError, match=rf"profile.{name}: given, expected none here"):
        rram_edge.Chip(str(path))


@pytest.mark.parametrize("value", [0, None, 0.5])
def test_an_effect_of_the_macro_that_is_not_carried_is_refused_where_it_is_on(tmp_path: Path, value: Any) -> None:
    metadata, tensors, _ = read_container(make_bundle(tmp_path / "b", Synthetic(nodes=DENSE)))
    del metadata["digest"]
    macro = json.dumps(json.loads(metadata["macro"]) | {"wire": value})
    write(tmp_path / "other", metadata | {"macro": macro}, {name: np.array(t) for name, t in tensors.items()})
    if not value:
        rram_edge.Chip(str(tmp_path / "other"))
        return
    with pytest.raises(rram_edge.RramError, match="macro.wire: 0.5 given, expected none here"):
        rram_edge.Chip(str(tmp_path / "other"))


def with_correction(path: Path, **more: Any) -> Path:
    """A bundle whose correction is held in 8- and 16-bit codes."""
    spec = replace(NETWORKS["two dense"], seed=3)
    metadata, tensors, _ = read_container(make_bundle(path, spec))
    del metadata["digest"]
    layers = {name: {"value": -9, "gain": -12, "offset": -11, **more} for name in ("fc1", "fc2")}
    document = json.dumps({"value_bits": 8, "number_bits": 16, "layers": layers})
    other = path.with_name("codes")
    write(other, {**metadata, "correction": document}, {name: np.array(tensor) for name, tensor in tensors.items()})
    return other


@pytest.mark.parametrize("bits", [8, 32])
@pytest.mark.parametrize("nodes", [CONV, DENSE], ids=["convolutions", "dense"])
def test_a_low_rank_correction_that_the_oracle_fitted_is_its_own(tmp_path: Path, nodes: list, bits: int) -> None:
    bundle = ranked(tmp_path, nodes, bits, (2, 1, 2)[: 2 + (nodes is CONV)])
    job = job_of(bundle, True, begin=str(tmp_path / "state"), save=str(tmp_path / "saved"))
    (tmp_path / "saved").mkdir()
    chip = oracle(bundle, job)
    chip.calibrate()
    chip.save(tmp_path / "state")
    found = report(job)
    assert np.any(chip.correction.layers[0].a)
    assert_the_same_predictions(found, bundle, job)
    again = oracle(bundle, {**job, "begin": job["save"]})
    for ours, theirs, texts in zip(again.correction.layers, chip.correction.layers, found["correction"], strict=True):
        for key, text in (("a", texts[4]), ("b", texts[5])):
            np.testing.assert_array_equal(getattr(ours, key), getattr(theirs, key))
            np.testing.assert_array_equal(numbers(text, "<f4"), getattr(ours, key).reshape(-1))


def test_a_low_rank_part_of_groups_is_refused(tmp_path: Path) -> None:
    path = make_bundle(tmp_path / "b", Synthetic(nodes=MOBILE, input_shape=(8, 8, 2)))
    metadata, tensors, _ = read_container(path)
    del metadata["digest"]
    layers = {name: {"rank": int(name == "deep")} for name in ("first", "deep", "far", "fc")}
    document = json.dumps({"value_bits": 8, "number_bits": 16, "layers": layers})
    write(path, metadata | {"correction": document}, {name: np.array(t) for name, t in tensors.items()})
    with pytest.raises(rram_edge.RramError, match=r"correction\.deep: a low-rank part of a convolution with groups"):
        rram_edge.Chip(str(path))


def test_codes_of_the_correction_are_the_oracles(tmp_path: Path) -> None:
    bundle = Bundle.open(with_correction(tmp_path / "b"))
    job = job_of(bundle, True)
    assert_the_same_predictions(report(job), bundle, job)


@pytest.mark.parametrize(("spoil", "text"), [
    (lambda data: data[:4], "header length"),
    (lambda data: data[:100], "header length"),
    (lambda data: data[:-1], "truncated"),
    (lambda data: data[:-9] + b"x" + data[-8:], "damaged file"),
    (lambda data: data[:8] + b"[" + data[9:], "not valid JSON"),
    (lambda data: data.replace(b'"format": "rram-edge"', b'"format": "rram-adge"'), "expected .'rram-edge', '1'."),
])  # fmt: skip
def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path, bundle: Bundle, spoil: Any, text: str) -> None:
    (tmp_path / "bad").write_bytes(spoil(bundle.path.read_bytes()))
    with pytest.raises(rram_edge.RramError, match=text) as caught:
        rram_edge.Chip(str(tmp_path / "bad"))
    assert str(tmp_path / "bad") in str(caught.value) and "\n" not in str(caught.value)


def test_no_number_has_the_lowest_code_and_infinity_the_end(tmp_path: Path) -> None:
    chip = rram_edge.Chip(str(make_bundle(tmp_path / "b", Synthetic(nodes=DENSE))))
    wild = np.array([np.nan, np.inf, -np.inf, 0.5, -3], np.float32)
    for signed, expected in ((False, [0, 255, 0, 128, 0]), (True, [-127, 127, -127, 127, -127])):
        chip.layers[0].codes = (-127, 127) if signed else (0, 255)
        chip.layers[0].dac_lsb = 1 / 255
        assert chip.layers[0].dac(wild.tolist()).tolist() == expected


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(rram_edge.RramError, match=r"none: cannot be read"):
        rram_edge.Chip(str(tmp_path / "none"))


# --- the package ------------------------------------------------------------------------------------------------------


def test_mip_gets_every_file_and_the_version_of_the_project(repo_root: Path) -> None:
    package = json.loads((ENGINE / "package.json").read_text())
    files = sorted(path.relative_to(ENGINE).as_posix() for path in (ENGINE / "rram_edge").glob("*.py"))
    assert package["urls"] == [[name, name] for name in files]
    version = re.search(r'^version = "(.*)"$', (repo_root / "pyproject.toml").read_text(), re.MULTILINE)
    assert version and package["version"] == version[1]


def test_it_imports_only_what_every_board_has() -> None:
    allowed = {"array", "gc", "hashlib", "json", "math", "micropython", "os", "rram_edge", "struct"}
    for path in (ENGINE / "rram_edge").glob("*.py"):
        tree = ast.parse(path.read_text())
        names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert {name.split(".")[0] for name in names} <= allowed, path
