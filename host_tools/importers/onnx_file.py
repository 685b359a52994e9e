"""Reading an .onnx file (https://onnx.ai/onnx/operators) into operators and constants."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from host_tools.errors import HostError
from host_tools.importers import read_bytes
from host_tools.importers.operators import BROKEN, Array, Network, Operator, needed_for, tidy

CHANNELS_FIRST = (2, 0, 1)  # of height, width and channels
LIKELY_CHANNELS = (1, 3)
UINT8 = 2


def read_onnx(path: Path) -> Network:
    """The graph of an .onnx file. HostError where it is damaged, or holds no network with one image in and one vector
    out."""
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError:
        raise HostError(f"{path}: reading .onnx needs the package onnx: pip install 'rram-edge[import]'") from None
    read_bytes(path)
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
        return _network(path, model.graph, onnx)
    except HostError:
        raise
    except (DecodeError, onnx.checker.ValidationError, OSError, RuntimeError, *BROKEN) as error:
        text = " ".join(str(error).split())[:120]
        raise HostError(f"{path}: not a valid .onnx file ({text})") from None


def _network(path: Path, graph: Any, onnx: Any) -> Network:
    constants: dict[str, Array] = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}
    inputs = [i for i in graph.input if i.name not in constants]
    if len(inputs) != 1 or len(graph.output) != 1:
        found = f"{len(inputs)} inputs and {len(graph.output)} outputs"
        raise HostError(f"{path}: {found}, expected one image in and one vector of logits out")
    operators = []
    for number, node in enumerate(graph.node):
        options = {a.name: _plain(onnx.helper.get_attribute_value(a)) for a in node.attribute}
        if node.op_type == "Constant" and "value" in options:
            constants[node.output[0]] = onnx.numpy_helper.to_array(options["value"])
        elif node.op_type == "Identity" and node.input[0] in constants:
            constants[node.output[0]] = constants[node.input[0]]
        else:
            kind = node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"
            name = tidy(node.name or f"{node.op_type}_{number}")
            operators.append(Operator(kind, name, tuple(node.input), tuple(node.output), options))
    given, result = inputs[0].name, graph.output[0].name
    tensor = inputs[0].type.tensor_type
    sizes = tuple(d.dim_value for d in tensor.shape.dim)[1:]
    needed = needed_for(result, operators, constants, ("Reshape",))
    shape, axes = _layout(sizes, [o for o in needed if given in o.inputs])
    pixels = (0.0, 255.0) if tensor.elem_type == UINT8 else (0.0, 1.0)
    return Network(str(path), needed, constants, given, shape, result, pixels, axes)


def _plain(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _layout(sizes: tuple[int, ...], first: list[Operator]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(height, width, channels) of an input, and its axes.

    Channels first, as ONNX's own operators take them, unless the first operator brings them there, or only the last
    axis can be channels.
    """
    if len(sizes) != 3:
        return sizes, (0, 1, 2)
    turned = any(o.kind == "Transpose" and list(o.options.get("perm", [])) == [0, 3, 1, 2] for o in first)
    if turned or (sizes[0] not in LIKELY_CHANNELS and sizes[2] in LIKELY_CHANNELS):
        return sizes, (0, 1, 2)
    return (sizes[1], sizes[2], sizes[0]), CHANNELS_FIRST
