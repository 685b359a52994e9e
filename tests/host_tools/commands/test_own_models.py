"""`rram import`, `rram export` and `rram summary` on networks of users: what they do, and mistakes in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="networks are Keras models")
pytest.importorskip("onnx", reason="needs the package onnx")

from firmware_py.bundle import Bundle
from host_tools.cli import main
from host_tools.models import build
from host_tools.record import load_model, read_record
from tests.host_tools import networks
from tests.host_tools.importers.graphs import Graph, residual
from tests.host_tools.networks import CLASSES, L

Run = Any


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """`rram ARGUMENTS`: exit code, standard output, standard error. The ideal network is left out of bundles."""
    monkeypatch.setattr("host_tools.tflite.to_tflite", lambda *_: b"\0\0\0\0TFL3")

    def call(*arguments: Any) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return int(end.value.code or 0), out, err

    return call


def data(folder: Path, shape: tuple[int, ...] = (9, 12, 3), classes: int = 5, **changes: Any) -> Path:
    """A folder with one npz."""
    made = networks.data(40, shape=shape, classes=classes)
    folder.mkdir(exist_ok=True)
    arrays = {key: getattr(made, key) for key in ("x_train", "y_train", "x_test", "y_test")}
    np.savez(folder / "own.npz", **{**arrays, **changes})
    return folder


def bundle_of(folder: Path) -> list[Any]:
    """Arguments that every export here has in common."""
    return ["--profile", "charan-65nm", "--mask", "none", "-o", folder / "b.safetensors"]


def one_line(answer: tuple[int, str, str], *texts: str) -> None:
    """Exit code 2, nothing on standard output, and at the end of standard error one line with all `texts`."""
    code, out, err = answer
    assert (code, out) == (2, "")
    lines = err.splitlines()
    assert lines[-1].startswith("rram: "), err
    assert all(line.startswith("exporting: ") for line in lines[:-1]), err
    for text in texts:
        assert text in lines[-1]


def test_an_onnx_network_is_imported_and_exported(run: Run, tmp_path: Path) -> None:
    network = residual(tmp_path / "net.onnx")
    code, out, err = run("import", network, "-o", tmp_path / "net.keras", "--json", "-")
    assert code == 0
    result = json.loads(out)
    assert (result["input"], result["classes"], result["analog_layers"]) == ([9, 12, 3], 5, 5)
    assert "next: rram distill --teacher" in err
    assert read_record(tmp_path / "net.keras")["source"]["file"] == "net.onnx"
    assert load_model(tmp_path / "net.keras").output_shape == (None, 5)
    folder = data(tmp_path / "pictures")
    levels = {}
    for name in ("net.onnx", "net.keras"):
        arguments = ("export", tmp_path / name, "--data-dir", folder, *bundle_of(tmp_path))
        code, _, err = run(*arguments)
        assert code == 0, err
        options = f"--data pictures --data-dir {folder} --chips 5"
        assert err.splitlines()[-1] == f"next: rram study {tmp_path}/b.safetensors {options}"
        bundle = Bundle.open(tmp_path / "b.safetensors")
        assert bundle.provenance["data"] == "pictures"
        levels[name] = [layer.levels for layer in bundle.layers]
    for a, b in zip(*levels.values(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_keras_network_of_ones_own_needs_no_record(run: Run, tmp_path: Path) -> None:
    build("resnet8", (9, 12, 3), 5).save(tmp_path / "own.keras")
    code, _, err = run("export", tmp_path / "own.keras", "--data-dir", data(tmp_path / "d"), *bundle_of(tmp_path))
    assert code == 0, err
    bundle = Bundle.open(tmp_path / "b.safetensors")
    assert sum(node.op == "add" for node in bundle.nodes) == 3
    assert bundle.provenance["network"]["record"] == {}


def test_data_and_network_that_do_not_fit_are_one_line(run: Run, tmp_path: Path) -> None:
    network = residual(tmp_path / "net.onnx")
    common = bundle_of(tmp_path)
    grey = data(tmp_path / "grey", (9, 12))
    one_line(run("export", network, "--data-dir", grey, *common), "input [9, 12, 3]", "has [9, 12, 1] and 5")
    few = data(tmp_path / "few", classes=3)
    refusal = ("net: input [9, 12, 3] and 5 classes", "[9, 12, 3] and 3")
    one_line(run("export", network, "--data-dir", few, *common), *refusal)
    words = data(tmp_path / "words", y_train=np.array(["cat", "dog"] * 20))
    one_line(run("export", network, "--data-dir", words, *common), "own.npz: y_train is <U3, expected integer")
    objects = data(tmp_path / "objects", y_train=np.array(["cat", 1] * 20, dtype=object))
    one_line(run("export", network, "--data-dir", objects, *common), "own.npz: not a readable npz")
    one = data(tmp_path / "one", y_train=np.zeros(40, int))
    one_line(run("export", network, "--data-dir", one, *common), "every training label is 0, expected at least two")
    one_line(run("export", network, *common), "--data: none given, expected one of digits")
    one_line(run("export", network, "--data-dir", tmp_path / "no", *common), "no is not a folder")
    assert not (tmp_path / "b.safetensors").exists()


def test_networks_that_no_board_carries_are_one_line(run: Run, tmp_path: Path) -> None:
    folder, common = data(tmp_path / "d", (8, 8), CLASSES), bundle_of(tmp_path)
    networks.chain(L.Conv2D(3, 3), L.ELU(name="leak"), L.UpSampling2D(2, name="up"), L.Flatten(),
                   L.Dense(CLASSES)).save(tmp_path / "odd.keras")  # fmt: skip
    refusal = "net: the board does not carry: leak (ELU), up (UpSampling2D)"
    one_line(run("export", tmp_path / "odd.keras", "--data-dir", folder, *common), refusal)
    g = Graph((1, 1, 8, 8))
    g.save(tmp_path / "odd.onnx", g("Gemm", g("Flatten", g("Elu", "image")), g.weights(64, CLASSES)))
    refusal = "odd.onnx: the board does not carry: net_Elu_0 (Elu)"
    one_line(run("export", tmp_path / "odd.onnx", "--data-dir", folder, *common), refusal)
    one_line(run("import", tmp_path / "odd.onnx", "-o", tmp_path / "odd2.keras"), refusal)
    one_line(run("import", tmp_path / "odd.onnx", "-o", tmp_path / "x.h5"), "-o: ", "does not end in .keras")
    one_line(run("import", tmp_path / "net.pt", "-o", tmp_path / "x.keras"), "one of .keras, .tflite, .onnx")
    (tmp_path / "cut.onnx").write_bytes((tmp_path / "odd.onnx").read_bytes()[:-9])
    one_line(run("import", tmp_path / "cut.onnx", "-o", tmp_path / "x.keras"), "not a valid .onnx file")
    for text in ("0:0", "1", "a:b", "0:inf", "nan:1"):
        answer = run("import", tmp_path / "odd.onnx", "--pixels", text, "-o", tmp_path / "x.keras")
        one_line(answer, f"--pixels: {text!r}")
    one_line(run("import", tmp_path / "odd.keras", "--pixels", "0:255", "-o", tmp_path / "x.keras"), "--pixels: ")
    assert not list(tmp_path.glob("x.*")) and not (tmp_path / "odd2.keras").exists()


def test_summary_of_every_kind_of_file(run: Run, tmp_path: Path) -> None:
    network = residual(tmp_path / "net.onnx")
    code, out, _ = run("summary", network, "--profile", "charan-65nm", "--json", "-")
    found = json.loads(out)
    assert (code, found["profile"], found["classes"]) == (0, "charan-65nm", 5)
    assert found["totals"]["weights"] == 27 * 6 + 54 * 8 + 72 * 8 + 6 * 8 + 8 * 5
    run("export", network, "--data-dir", data(tmp_path / "d"), *bundle_of(tmp_path))
    code, out, _ = run("summary", tmp_path / "b.safetensors", "--json", "-")
    bundle = json.loads(out)
    assert code == 0 and bundle["sram_parts_bytes"]["values"] == 0
    assert [x["cells"] for x in bundle["layers"]] == [x["cells"] for x in found["layers"]]
    assert bundle["totals"]["digital_operations"] == found["totals"]["digital_operations"]
    code, out, err = run("summary", tmp_path / "b.safetensors")
    assert (code, out) == (0, "")
    for text in ("net_Conv_0", "27 x 6", "10 levels of charan-65nm", "stays digital", "add 240", "SRAM: "):
        assert text in err


def test_mistakes_of_summary_are_one_line(run: Run, tmp_path: Path) -> None:
    network = residual(tmp_path / "net.onnx")
    fine = {"pairing": "bit-sliced", "cells_per_weight": 2, "bits_per_cell": 4}
    (tmp_path / "fine.json").write_text(json.dumps(fine))
    few = ("--macro", tmp_path / "fine.json", "--profile", "charan-65nm")
    one_line(run("summary", network, *few), "macro: bits_per_cell: 4 needs 16 levels, the profile has 10")
    one_line(run("summary", network, "--profile", "nowhere"), "nowhere")
    one_line(run("summary", tmp_path / "no.keras"), "no.keras: no such file")
    one_line(run("summary", tmp_path / "no.safetensors"), "no.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"\1" * 50)
    one_line(run("summary", tmp_path / "bad.safetensors"), "bad.safetensors")
