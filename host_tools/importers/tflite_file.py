"""Reading a .tflite flatbuffer (schema: tensorflow/compiler/mlir/lite/schema) into operators and real numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from host_tools.errors import HostError
from host_tools.importers import read_bytes
from host_tools.importers.operators import BROKEN, Array, Network, Operator, needed_for, tidy

OPTIONS = {  # table of an operator's options, and what is read of it
    "CONV_2D": ("Conv2DOptions", ("Padding", "StrideH", "StrideW", "DilationHFactor", "DilationWFactor",
                                  "FusedActivationFunction")),
    "DEPTHWISE_CONV_2D": ("DepthwiseConv2DOptions", ("Padding", "StrideH", "StrideW", "DilationHFactor",
                                                     "DilationWFactor", "FusedActivationFunction")),
    "CONCATENATION": ("ConcatenationOptions", ("Axis", "FusedActivationFunction")),
    "LEAKY_RELU": ("LeakyReluOptions", ("Alpha",)),
    "FULLY_CONNECTED": ("FullyConnectedOptions", ("FusedActivationFunction", "KeepNumDims")),
    "MAX_POOL_2D": ("Pool2DOptions", ("Padding", "StrideH", "StrideW", "FilterHeight", "FilterWidth",
                                      "FusedActivationFunction")),
    "AVERAGE_POOL_2D": ("Pool2DOptions", ("Padding", "StrideH", "StrideW", "FilterHeight", "FilterWidth",
                                          "FusedActivationFunction")),
    "ADD": ("AddOptions", ("FusedActivationFunction",)),
    "MUL": ("MulOptions", ("FusedActivationFunction",)),
    "SUB": ("SubOptions", ("FusedActivationFunction",)),
    "MEAN": ("ReducerOptions", ("KeepDims",)),
}  # fmt: skip
TYPES = {0: np.float32, 1: np.float16, 2: np.int32, 3: np.uint8, 4: np.int64, 7: np.int16, 9: np.int8}


def read_tflite(path: Path) -> Network:
    """The main graph of a .tflite file, constants as real numbers. HostError where it is damaged, or holds no network
    with one image in and one vector out."""
    try:
        import tflite
    except ImportError:
        raise HostError(f"{path}: reading .tflite needs the package tflite: pip install 'rram-edge[import]'") from None
    data = read_bytes(path)
    if data[4:8] != b"TFL3":
        raise HostError(f"{path}: not a .tflite file (no TFL3 at its start)")
    try:
        return _Reader(path, data, tflite).network()
    except HostError:
        raise
    except BROKEN as error:  # what the flatbuffer's offsets do to its reader where they point anywhere
        raise HostError(f"{path}: a damaged .tflite file ({type(error).__name__})") from None


class _Reader:
    """Takes one file apart."""

    def __init__(self, path: Path, data: bytes, tflite: Any) -> None:
        self.path, self.data, self.tflite = path, data, tflite
        self.model = tflite.Model.GetRootAsModel(data, 0)
        self.graph = self.model.Subgraphs(0)
        kinds = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH")
        self.activations = {getattr(tflite.ActivationFunctionType, key): key for key in kinds}

    def network(self) -> Network:
        graph = self.graph
        if graph.OperatorsLength() + graph.TensorsLength() > len(self.data):
            raise ValueError("more operators than bytes")
        if graph.InputsLength() != 1 or graph.OutputsLength() != 1:
            found = f"{graph.InputsLength()} inputs and {graph.OutputsLength()} outputs"
            raise HostError(f"{self.path}: {found}, expected one image in and one vector of logits out")
        given, result = int(graph.Inputs(0)), int(graph.Outputs(0))
        operators = tuple(self._operator(i) for i in range(graph.OperatorsLength()))
        constants = {str(i): values for i in range(graph.TensorsLength()) if (values := self._constant(i)) is not None}
        shape = self._shape(graph.Tensors(given))
        needed = needed_for(str(result), operators, constants, ("RESHAPE",))
        return Network(str(self.path), needed, constants, str(given), shape[1:], str(result), self._pixels(given))

    def _operator(self, index: int) -> Operator:
        operator = self.graph.Operators(index)
        code = self.model.OperatorCodes(operator.OpcodeIndex())
        kind = self.tflite.BUILTIN_OPCODE2NAME.get(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()), "unknown")
        options: dict[str, Any] = {}
        if kind in OPTIONS and operator.BuiltinOptions() is not None:
            table_name, keys = OPTIONS[kind]
            table = getattr(self.tflite, table_name)()
            table.Init(operator.BuiltinOptions().Bytes, operator.BuiltinOptions().Pos)
            options = {key: getattr(table, key)() for key in keys}
        fused = options.get("FusedActivationFunction", 0)
        options["activation"] = self.activations.get(fused, f"number {fused}")
        options["out"] = self._shape(self.graph.Tensors(operator.Outputs(0)))[1:]
        outputs = tuple(str(operator.Outputs(i)) for i in range(operator.OutputsLength()))
        inputs = tuple(str(operator.Inputs(i)) for i in range(operator.InputsLength()))
        name = (self.graph.Tensors(int(outputs[0])).Name() or b"").decode("utf-8", "replace")
        parts = [part for part in name.split(";")[0].split("/") if part]
        own = parts[1:-1] or parts[-1:] or [f"{kind}_{index}"]  # conv1 of 'net/conv1/Conv2D;net/conv1/BiasAdd'
        return Operator(kind, tidy("_".join(own)), inputs, outputs, options)

    def _constant(self, index: int) -> Array | None:
        """Real numbers of a tensor with data of its own; None where it is computed."""
        tensor = self.graph.Tensors(index)
        buffer = self.model.Buffers(tensor.Buffer())
        if buffer is None or buffer.DataLength() == 0 or tensor.Type() not in TYPES:
            return None
        raw = np.frombuffer(buffer.DataAsNumpy().tobytes(), TYPES[tensor.Type()]).reshape(self._shape(tensor))
        scale, zero, axis = self._quantization(tensor)
        if scale is None:
            return raw
        wide = [1] * raw.ndim
        if scale.size > 1:
            wide[axis] = scale.size
        real: Array = (raw.astype(np.float64) - zero.reshape(wide if zero.size > 1 else 1)) * scale.reshape(wide)
        return real

    def _quantization(self, tensor: Any) -> tuple[Any, Any, int]:
        """Scales, zero points and the axis they run along; (None, None, 0) for a tensor that is not quantised."""
        q = tensor.Quantization()
        if q is None or q.ScaleLength() == 0:
            return None, None, 0
        scale = np.asarray(q.ScaleAsNumpy(), np.float64)
        zero = np.asarray(q.ZeroPointAsNumpy(), np.float64) if q.ZeroPointLength() else np.zeros(1)
        return scale, zero, int(q.QuantizedDimension())

    def _pixels(self, given: int) -> tuple[float, float]:
        """What the lowest and the highest code of a quantised input stand for; (0, 1) for a float input.

        Within a hundredth of a code of 0 and 1, it is these.
        """
        tensor = self.graph.Tensors(given)
        scale, zero, _ = self._quantization(tensor)
        if scale is None or tensor.Type() not in (3, 9):
            return 0.0, 1.0
        low = 0 if tensor.Type() == 3 else -128
        black, white = (float(scale[0] * (code - zero[0])) for code in (low, low + 255))
        near = abs(black) < 0.01 * scale[0] and abs(white - 1) < 0.01
        return (0.0, 1.0) if near else (black, white)

    def _shape(self, tensor: Any) -> tuple[int, ...]:
        shape = tuple(int(tensor.Shape(i)) for i in range(tensor.ShapeLength()))
        if any(size < 0 for size in shape):
            raise ValueError("a size < 0")
        return shape
