"""The ideal digital network beside the emulated array, run by whichever TFLite interpreter this machine has."""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable
from contextlib import redirect_stderr
from typing import Any

import numpy as np
import numpy.typing as npt

from firmware_py.bundle import Bundle
from firmware_py.errors import RramError

F32 = npt.NDArray[np.float32]

# (what to import, where the class is, the package to install), best first
INTERPRETERS = (
    ("ai_edge_litert.interpreter", "Interpreter", "ai-edge-litert"),
    ("tflite_runtime.interpreter", "Interpreter", "tflite-runtime with numpy<2"),
    ("tensorflow", "lite.Interpreter", "tensorflow"),
)


class Reference:
    """The bundle's ideal network, one thread. `name` says what runs it.

    RramError: the bundle holds no ideal network, or no interpreter can be imported.
    """

    def __init__(self, bundle: Bundle) -> None:
        if not bundle.ideal_tflite.size:
            raise RramError(f"{bundle.path}: ideal.tflite: empty, expected the ideal network")
        self._shape = bundle.input_shape
        try:
            self.name, self._run = open_interpreter(bundle.ideal_tflite.tobytes())
        except (ValueError, RuntimeError) as error:
            if isinstance(error, RramError):
                raise
            raise RramError(f"{bundle.path}: ideal.tflite: not a TFLite model: {_line(error)}") from error
        self._input, self._output = self._run.get_input_details()[0], self._run.get_output_details()[0]

    def predict(self, x: npt.NDArray[Any]) -> F32:
        """Logits [classes] of one image [*input_shape], or [n, classes] of a batch; uint8, or float in [0, 1]."""
        if x.shape == self._shape:
            return self._one(x)
        if x.shape[1:] != self._shape:
            raise RramError(f"image: shape {list(x.shape)} given, expected {list(self._shape)}, or a batch of these")
        return np.stack([self._one(image) for image in x])

    def prepared(self, x: npt.NDArray[Any]) -> Callable[[], npt.NDArray[Any]]:
        """The bare run on one image [*input_shape], already converted to the tensor's type: what a benchmark times."""
        code, run, to, output = self._code(x), self._run, self._input["index"], self._output["index"]

        def invoke() -> npt.NDArray[Any]:
            run.set_tensor(to, code)
            run.invoke()
            raw: npt.NDArray[Any] = run.get_tensor(output)
            return raw

        return invoke

    def _code(self, x: npt.NDArray[Any]) -> npt.NDArray[Any]:
        real = x.astype(np.float32) / np.float32(255) if x.dtype == np.uint8 else x.astype(np.float32)
        return _quantized(real, self._input).reshape(self._input["shape"])

    def _one(self, x: npt.NDArray[Any]) -> F32:
        return _real(self.prepared(x)(), self._output).reshape(-1)


def open_interpreter(model: bytes) -> tuple[str, Any]:
    """Name of the first TFLite interpreter that works here, and `model` opened in it with one thread.

    RramError says why each one does not; ValueError or RuntimeError: the model is refused.
    """
    reasons = []
    for module, attribute, package in INTERPRETERS:
        try:
            # tflite-runtime with NumPy 2 fills the terminal with NumPy's own report; the reason is kept all the same
            with redirect_stderr(io.StringIO()):
                found: Any = importlib.import_module(module)
                for part in attribute.split("."):
                    found = getattr(found, part)
                interpreter = found(model_content=model, num_threads=1)
        except (ImportError, AttributeError, SystemError, OSError) as error:
            missing = isinstance(error, ModuleNotFoundError) and error.name == module.partition(".")[0]
            reasons.append(f"{package}: {'not installed' if missing else 'broken: ' + _line(error.__cause__ or error)}")
        else:
            interpreter.allocate_tensors()
            return module.partition(".")[0], interpreter
    raise RramError(f"reference: no TFLite interpreter ({'; '.join(reasons)}); install one: pip install ai-edge-litert")


def _quantized(real: F32, detail: dict[str, Any]) -> npt.NDArray[Any]:
    """Real numbers in the type of a tensor."""
    kind = detail["dtype"]
    if np.dtype(kind).kind == "f":
        return real.astype(kind)
    scale, zero = detail["quantization"]
    limits = np.iinfo(kind)
    code: npt.NDArray[Any] = np.clip(np.rint(real / np.float32(scale)) + zero, limits.min, limits.max).astype(kind)
    return code


def _real(code: npt.NDArray[Any], detail: dict[str, Any]) -> F32:
    """The real numbers that a tensor stands for."""
    if code.dtype.kind == "f":
        return code.astype(np.float32)
    scale, zero = detail["quantization"]
    return (code.astype(np.float32) - np.float32(zero)) * np.float32(scale)


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
