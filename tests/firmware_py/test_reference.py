"""The ideal network through a TFLite interpreter gives the logits that NumPy computes from the same weights."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import numpy as np
import pytest

from firmware_py.bundle import Bundle
from firmware_py.errors import RramError
from firmware_py.reference import INTERPRETERS, Reference, open_interpreter
from tests.firmware_py.make_bundle import DENSE, Synthetic, contents, write

DATA = Path(__file__).parent / "data"


def bundle_with(path: Path, model: bytes) -> Bundle:
    metadata, tensors = contents(Synthetic(nodes=DENSE, input_shape=(6, 6, 1)))
    write(path, metadata, tensors | {"ideal.tflite": np.frombuffer(model, np.uint8)})
    return Bundle.open(path)


@pytest.fixture
def interpreter() -> str:
    try:
        return open_interpreter((DATA / "tiny-float.tflite").read_bytes())[0]
    except RramError as error:
        pytest.skip(str(error))


# 8-bit outputs: one step of the logits' scale is about 0.05 here, and interpreters differ by up to two steps
@pytest.mark.parametrize(("kind", "tolerance"), [("float", 1e-5), ("uint8", 0.15), ("int8", 0.15)])
def test_logits_are_those_of_the_weights(tmp_path: Path, interpreter: str, kind: str, tolerance: float) -> None:
    known = np.load(DATA / "tiny.npz")
    reference = Reference(bundle_with(tmp_path / "b", (DATA / f"tiny-{kind}.tflite").read_bytes()))
    assert reference.name == interpreter
    logits = reference.predict(known["x"])
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, known["logits"], atol=tolerance)
    np.testing.assert_array_equal(reference.predict(known["x"][3]), logits[3])
    np.testing.assert_array_equal(reference.predict(known["x"][3].astype(np.float32) / np.float32(255)), logits[3])


def test_a_wrong_shape_and_a_wrong_model_are_one_line(tmp_path: Path, interpreter: str) -> None:
    reference = Reference(bundle_with(tmp_path / "b", (DATA / "tiny-float.tflite").read_bytes()))
    with pytest.raises(RramError, match=r"image: shape \[5, 6, 1\] given, expected \[6, 6, 1\]"):
        reference.predict(np.zeros((5, 6, 1), np.uint8))
    with pytest.raises(RramError, match=r"ideal\.tflite: not a TFLite model: [^\n]*$"):
        Reference(bundle_with(tmp_path / "b", b"not a flatbuffer" * 9))
    with pytest.raises(RramError, match=r"ideal\.tflite: empty"):
        Reference(bundle_with(tmp_path / "b", b""))


def test_the_first_that_works_is_taken_and_a_broken_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand-ins for the three packages: absent, broken as tflite-runtime is with NumPy 2, and whole."""

    def broken(**_: object) -> object:
        raise SystemError("returned a result with an exception set") from ImportError("numpy failed to import\nmore")

    def whole(model_content: bytes, num_threads: int) -> types.SimpleNamespace:
        return types.SimpleNamespace(model=model_content, threads=num_threads, allocate_tensors=lambda: None)

    for module, _, _ in INTERPRETERS:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(RramError, match=r"no TFLite interpreter .*install one: pip install ai-edge-litert"):
        open_interpreter(b"model")

    for name in ("tflite_runtime", "tflite_runtime.interpreter", "tensorflow"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setattr(sys.modules["tflite_runtime.interpreter"], "Interpreter", broken, raising=False)
    with pytest.raises(RramError, match=r"tflite-runtime with numpy<2: broken: numpy failed to import; [^\n]*$"):
        open_interpreter(b"model")

    monkeypatch.setattr(sys.modules["tensorflow"], "lite", types.SimpleNamespace(Interpreter=whole), raising=False)
    name, interpreter = open_interpreter(b"model")
    assert (name, interpreter.model, interpreter.threads) == ("tensorflow", b"model", 1)
