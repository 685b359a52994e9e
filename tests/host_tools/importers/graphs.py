"""Small ONNX networks for the tests, and what onnxruntime makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Graph:
    """A graph in the making: every call adds a node and gives its output's name; weights are drawn."""

    def __init__(self, shape: tuple[int | str, ...], seed: int = 0, kind: int = TensorProto.FLOAT) -> None:
        self.rng, self.nodes, self.constants = np.random.default_rng(seed), [], []
        self.input = helper.make_tensor_value_info("image", kind, shape)

    def const(self, array: Any) -> str:
        """An initializer."""
        name = f"const{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def weights(self, *shape: int) -> str:
        """Drawn weights, of a scale that keeps values near 1."""
        scale = 1 / np.sqrt(max(np.prod(shape[1:]), 4))
        return self.const(self.rng.normal(0, scale, shape).astype(np.float32))

    def __call__(self, kind: str, *inputs: str, **options: Any) -> str:
        output = f"{kind}_out{len(self.nodes)}"
        name = f"/net/{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], name=name, **options))
        return output

    def norm(self, x: str, n: int) -> str:
        """A batch norm with drawn statistics."""
        low = ((-1.5, 1.5), (-0.5, 0.5), (-0.3, 0.3), (0.2, 1.0))
        return self("BatchNormalization", x, *(self.const(self.rng.uniform(*r, n).astype(np.float32)) for r in low))

    def save(self, path: Path, output: str, domains: tuple[str, ...] = ()) -> Path:
        """The file."""
        result = helper.make_tensor_value_info(output, TensorProto.FLOAT, ("batch", "classes"))
        graph = helper.make_graph(self.nodes, "net", [self.input], [result], self.constants)
        sets = [helper.make_opsetid("", 17), *(helper.make_opsetid(domain, 1) for domain in domains)]
        model = helper.make_model(graph, opset_imports=sets)
        model.ir_version = 8
        onnx.save(model, path)
        return path


def expected(path: Path, x: Any) -> Any:
    """onnxruntime's answers, image by image (a file may fix the batch at 1)."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, {"image": image[None]})[0] for image in x])


def residual(path: Path, shape: tuple[int, int, int] = (3, 9, 12)) -> Path:
    """As PyTorch exports a small ResNet: symmetric padding with strides, batch norm, a shortcut, a global mean."""
    g = Graph(("batch", *shape))
    x = g("Relu", g.norm(g("Conv", "image", g.weights(6, shape[0], 3, 3), pads=[1, 1, 1, 1]), 6))
    y = g("Relu", g.norm(g("Conv", x, g.weights(8, 6, 3, 3), g.weights(8), pads=[1, 1, 1, 1], strides=[2, 2]), 8))
    y = g.norm(g("Conv", y, g.weights(8, 8, 3, 3), pads=[1, 1, 1, 1]), 8)
    x = g("Relu", g("Add", y, g("Conv", x, g.weights(8, 6, 1, 1), strides=[2, 2])))
    x = g("Flatten", g("GlobalAveragePool", x))
    return g.save(path, g("Gemm", x, g.weights(5, 8), g.weights(5), transB=1))
