"""A right bundle comes back as it was written; its digest is that of the contract; damage anywhere is seen."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from firmware_py.bundle import Bundle
from firmware_py.errors import RramError
from tests.firmware_py.make_bundle import CODES, Synthetic, chain, contents, make_bundle, write

SMALL = Synthetic(
    nodes=[{"op": "flatten"}, {"op": "dense", "name": "fc", "out": [3]}], input_shape=(2, 2, 1), levels=2, rows=2
)


def test_every_field_is_what_was_written(tmp_path: Path) -> None:
    spec = Synthetic()
    metadata, tensors = contents(spec)
    write(tmp_path / "b", metadata, tensors)
    bundle = Bundle.open(str(tmp_path / "b"))
    assert bundle.path == tmp_path / "b"
    assert bundle.input_shape == spec.input_shape
    assert bundle.classes == ("0", "1", "2", "3")
    assert bundle.golden == json.loads(metadata["golden"])
    assert bundle.profile == json.loads(metadata["profile"])
    assert bundle.provenance == json.loads(metadata["provenance"])
    macro = bundle.macro
    assert (macro.rows, macro.cols, macro.rows_active, macro.dac_bits, macro.adc_bits) == (16, 128, 16, 8, 8)
    for key in ("quantiles", "target", "var", "read_a", "read_b", "faults", "normal"):
        np.testing.assert_array_equal(getattr(bundle.tables, key), tensors[f"profile.{key}"])
    for key in ("golden_x", "golden_logits", "calibration_x", "ideal_tflite"):
        np.testing.assert_array_equal(getattr(bundle, key), tensors[key.replace("_", ".", 1)])
    assert [(layer.name, layer.k, layer.n) for layer in bundle.layers] == chain(spec)[1]
    for layer in bundle.layers:
        for key in ("levels", "gain", "offset", "y_std"):
            np.testing.assert_array_equal(getattr(layer, key), tensors[f"{layer.name}.{key}"])
        for key in ("indptr", "rows", "value", "lr_exp"):
            np.testing.assert_array_equal(getattr(layer, f"mask_{key}"), tensors[f"{layer.name}.mask.{key}"])
        assert [layer.w_step, layer.dac_lsb, layer.adc_lsb] == tensors[f"{layer.name}.scales"].tolist()


def test_the_unit_is_the_product_of_the_scales_and_each_mask_entry_knows_its_column(tmp_path: Path) -> None:
    layer = Bundle.open(make_bundle(tmp_path / "b")).layers[1]
    exact = float(layer.w_step) * float(layer.dac_lsb) * float(layer.adc_lsb)
    assert layer.unit.dtype == np.float32
    assert float(layer.unit) == pytest.approx(exact, rel=2**-24)
    columns = [j for j in range(layer.n) for _ in range(layer.mask_indptr[j], layer.mask_indptr[j + 1])]
    assert layer.mask_cols.tolist() == columns


def test_the_digest_is_the_contracts(tmp_path: Path) -> None:
    """Computed once more, byte by byte, as docs/bundle.md says it."""
    metadata, tensors = contents(SMALL)
    data = b"".join(f"{key}\0{metadata[key]}\0".encode() for key in sorted(metadata))
    for name in sorted(tensors):
        array = tensors[name]
        shape = "[" + ", ".join(str(n) for n in array.shape) + "]"
        data += f"{name}\0{CODES[array.dtype.name]}\0{shape}\0".encode() + array.tobytes()
    digest = hashlib.sha256(data).hexdigest()
    write(tmp_path / "b", metadata, tensors, digest)
    assert Bundle.open(tmp_path / "b").digest == digest


def test_data_that_is_not_aligned_is_read_all_the_same(tmp_path: Path) -> None:
    path = make_bundle(tmp_path / "b", SMALL)
    raw = path.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    header = raw[8 : 8 + size].rstrip()
    for spaces in range(8):  # one of them is the alignment of float64, the others are not
        text = header + b" " * spaces
        (tmp_path / "odd").write_bytes(len(text).to_bytes(8, "little") + text + raw[8 + size :])
        odd, even = Bundle.open(tmp_path / "odd"), Bundle.open(path)
        np.testing.assert_array_equal(odd.tables.var, even.tables.var)
        assert odd.tables.var.flags.aligned
        assert odd.digest == even.digest


def test_arrays_of_a_bundle_cannot_be_written(tmp_path: Path) -> None:
    bundle = Bundle.open(make_bundle(tmp_path / "b"))
    for array in (bundle.layers[0].levels, bundle.tables.target, bundle.layers[0].gain):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def everything(bundle: Bundle) -> str:
    """All that a bundle says, without its path."""
    arrays = [bundle.golden_x, bundle.golden_logits, bundle.calibration_x, *vars(bundle.tables).values()]
    arrays += [value for layer in bundle.layers for value in vars(layer).values() if isinstance(value, np.ndarray)]
    text = repr((bundle.digest, bundle.classes, bundle.nodes, bundle.macro, bundle.golden, bundle.provenance))
    return text + hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


def test_a_flipped_bit_never_changes_what_is_read(tmp_path: Path) -> None:
    """Anywhere in the file: either one line of error, or (white space of the header) the same content."""
    path, flipped = make_bundle(tmp_path / "whole", SMALL), tmp_path / "flipped"
    whole, expected = path.read_bytes(), everything(Bundle.open(path))
    head = 8 + int.from_bytes(whole[:8], "little")
    passed = 0
    for bit in [*range(64), *range(64, 8 * head, 41), *range(8 * head, 8 * len(whole), 809)]:
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        flipped.write_bytes(changed)
        try:
            assert everything(Bundle.open(flipped)) == expected
            passed += 1
        except RramError as error:
            assert str(error).startswith(f"{flipped}: ")  # noqa: PT017
            assert "\n" not in str(error)  # noqa: PT017
            assert bit < 8 * head or "digest" in str(error)  # noqa: PT017
    assert passed < 10


def test_no_truncation_is_read(tmp_path: Path) -> None:
    whole, cut = make_bundle(tmp_path / "whole", SMALL).read_bytes(), tmp_path / "cut"
    for length in [*range(64), *range(64, len(whole), 97), len(whole) - 1]:
        cut.write_bytes(whole[:length])
        with pytest.raises(RramError) as caught:
            Bundle.open(cut)
        assert str(caught.value).startswith(f"{cut}: ")


def test_the_library_reads_what_the_tests_write(tmp_path: Path) -> None:
    """make_bundle is no private dialect of the reader."""
    library = pytest.importorskip("safetensors", reason="safetensors is not installed: a board")
    path = make_bundle(tmp_path / "b")
    with library.safe_open(path, framework="numpy") as file:
        assert file.metadata()["digest"] == Bundle.open(path).digest
        np.testing.assert_array_equal(file.get_tensor("fc.gain"), Bundle.open(path).layers[2].gain)
