"""`rram export` and `rram inspect`: what they report, and mistakes, each one line and exit code 2."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="networks are Keras models")

from firmware_py.bundle import Bundle
from host_tools.cli import main
from host_tools.record import load_model, save_model
from tests.host_tools import networks
from tests.host_tools.conftest import Trained
from tests.host_tools.networks import L
from tests.host_tools.profiles import charan


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `rram ARGUMENTS`."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    out, err = capsys.readouterr()
    return int(end.value.code or 0), out, err


def test_inspect_counts_what_keras_counts(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "inspect", str(trained.files.bundle), "--json", "-")
    assert code == 0
    found = json.loads(out)
    model = load_model(trained.files.teacher)
    analog = [layer for layer in model.layers if layer.get_weights()]
    sizes = [int(np.prod(layer.kernel.shape)) for layer in analog]
    assert [layer["weights"] for layer in found["layers"]] == sizes
    assert found["cells"] == 2 * sum(sizes)
    positions = [int(np.prod(layer.output.shape[1:-1])) for layer in analog]
    assert found["multiply_accumulates"] == sum(s * p for s, p in zip(sizes, positions, strict=True))
    rows = [int(np.prod(layer.kernel.shape[:-1])) for layer in analog]
    columns = [layer.kernel.shape[-1] for layer in analog]
    tiles = [int(np.ceil(k / 128) * np.ceil(n / 128)) for k, n in zip(rows, columns, strict=True)]
    assert [layer["tiles"] for layer in found["layers"]] == tiles
    sram = found["sram"]
    assert sram["gains"] == sram["offsets"] == sum(columns)
    assert sram["percent"] == pytest.approx(100 * (sram["values"] + 2 * sum(columns)) / sum(sizes))
    assert sram["bytes"] == sum(sram["parts"].values())
    assert found["digest"] == Bundle.open(trained.files.bundle).digest
    assert found["profile"]["name"] == "charan-65nm"


def test_inspect_shows_the_same_to_people(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "inspect", str(trained.files.bundle))
    assert (code, out) == (0, "")
    for text in ("conv1", "fc1", "charan-65nm", "SRAM", "tiles", "LiteRT flatbuffer", trained.files.teacher.name,
                 Bundle.open(trained.files.bundle).digest):  # fmt: skip
        assert text in err


@pytest.fixture
def export(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Any:
    """`rram export` of the trained student to a folder of its own, without the ideal network; arguments are added."""
    monkeypatch.setattr("host_tools.tflite.to_tflite", lambda *_: b"\0\0\0\0TFL3")

    def call(*arguments: str, network: str = str(trained.files.student), profile: str = "charan-65nm") -> Any:
        output = str(tmp_path / "b.safetensors")
        return run(capsys, "export", network, "--profile", profile, "--data", "digits", "-o", output, *arguments)

    return call


def test_export_takes_the_teacher_on_record_along(export: Any, trained: Trained) -> None:
    code, out, err = export("--json", "-", "--mask", "magnitude", "--vectors", "7")
    assert code == 0
    result = json.loads(out)
    assert result["calibration_vectors"] == 7
    assert result["provenance"]["ideal"]["file"] == trained.files.teacher.name
    assert result["provenance"]["mask"]["criterion"] == "magnitude"
    assert Bundle.open(result["file"]).digest == result["digest"]
    assert err.splitlines()[-1] == f"next: rram study {result['file']} --data digits --chips 5"


def test_a_network_whose_teacher_is_gone_is_its_own_ideal(
    export: Any, trained: Trained, tmp_path: Path
) -> None:
    copy = tmp_path / "alone.keras"
    copy.write_bytes(trained.files.student.read_bytes())
    code, _, err = export("--mask", "none", network=str(copy))
    assert code == 0
    assert "is not there or has changed; the ideal network is" in err


def test_another_profile_than_that_of_the_training_is_said(export: Any, tmp_path: Path) -> None:
    other = charan() | {"name": "other"}
    other["levels"]["conductance_uS"] = [20.0, 60.0, 100.0]
    (tmp_path / "other.json").write_text(json.dumps(other))
    code, _, err = export("--mask", "none", profile=str(tmp_path / "other.json"))
    assert code == 0
    assert "was trained for charan-65nm, and is exported for other" in err
    assert "was trained for 10 levels, the profile has 3: weights go to the nearest" in err
    assert max(int(layer.levels.max()) for layer in Bundle.open(tmp_path / "b.safetensors").layers) == 2


PROFILES = {
    "unknown key": ({"colour": 1}, "colour"),
    "sigma < 0": ({"programming": {**charan()["programming"], "sigma": -0.5}}, "programming.sigma: -0.5"),
    "levels fall": ({"levels": {**charan()["levels"], "conductance_uS": [1.0, 3.0, 2.0]}}, "levels.conductance_uS"),
}


@pytest.mark.parametrize("kind", PROFILES)
def test_a_wrong_profile_is_one_line_with_the_key(export: Any, tmp_path: Path, kind: str) -> None:
    change, text = PROFILES[kind]
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(charan() | change))
    one_line(export(profile=str(path)), "bad.json", text)


def one_line(answer: tuple[int, str, str], *texts: str) -> None:
    """Exit code 2, nothing on standard output, one line with all `texts` on standard error."""
    code, out, err = answer
    assert (code, out) == (2, "")
    *before, line = err.splitlines()
    assert line.startswith("rram: ")
    assert all(text.startswith("exporting: ") for text in before), err  # on a slow machine
    for text in texts:
        assert text in line


def test_mistakes_of_export_are_one_line(export: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one_line(export(network="no.keras"), "no.keras: no such file")
    one_line(export("--mask", "best"), "--mask: 'best' is not one of")
    one_line(export("--sram", "0.1"), "--sram: 0.1 % given, gains and offsets alone take")
    one_line(export("--sram", "nan"), "--sram")
    one_line(export("--macro", "no.json"), "no.json")
    one_line(export("--ideal", "no.keras"), "no.keras: No such file")
    one_line(export("--data-dir", "no"), "no")
    one_line(export("-o", "b.onnx"), "-o: b.onnx does not end in .safetensors")
    one_line(export("-o", "no/b.safetensors"), "-o: no/b.safetensors: the folder")
    (tmp_path / "text.keras").write_text("not a zip")
    one_line(export(network=str(tmp_path / "text.keras")), "text.keras: not a .keras file")
    (tmp_path / "macro.json").write_text('{"rows": 100, "rows_active": 33}')
    one_line(export("--macro", str(tmp_path / "macro.json")), "macro.json", "rows_active")
    (tmp_path / "macro.json").write_text('{"pairing": "offset"}')
    code, _, err = export("--macro", str(tmp_path / "macro.json"))
    assert code == 2
    told = re.fullmatch(r"rram: macro: pairing: 'offset' is not emulated on a board, expected 'differential'; offset: "
                        r"([0-9.]+) % on chips \(differential: ([0-9.]+) %; 5 chips, [0-9]+ validation images\)",
                        err.splitlines()[-1])  # fmt: skip
    assert told and float(told[1]) < float(told[2]) - 5
    assert not (tmp_path / "b.safetensors").exists()


def test_a_network_for_other_images_or_of_other_layers_is_one_line(export: Any, tmp_path: Path) -> None:
    path = tmp_path / "own.keras"
    save_model(networks.conv_net(), path, {})
    code, _, err = export(network=str(path))
    assert code == 2
    assert "net: input [8, 8, 1] and 4 classes, data set digits has [8, 8, 1] and 10" in err.splitlines()[-1]
    save_model(networks.chain(L.BatchNormalization(name="norm"), L.Flatten(), L.Dense(10)), path, {})
    code, _, err = export(network=str(path))
    assert code == 2
    assert "the board does not carry: norm (BatchNormalization that does not follow" in err.splitlines()[-1]
    assert "Traceback" not in err


def test_damaged_bundles_are_one_line(trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = trained.files.bundle.read_bytes()
    path = tmp_path / "b.safetensors"
    for size in (0, 4, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        one_line(run(capsys, "inspect", str(path)), "b.safetensors")
    flipped = bytearray(whole)
    flipped[-1000] ^= 4
    path.write_bytes(flipped)
    one_line(run(capsys, "inspect", str(path)), "b.safetensors", "digest")
    one_line(run(capsys, "inspect", str(tmp_path / "no.safetensors")), "no.safetensors")
    one_line(run(capsys, "inspect", str(tmp_path)), str(tmp_path))
