"""Imported ONNX networks against onnxruntime, and files that are none or hold what is not carried."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the host extra")
pytest.importorskip("onnx", reason="needs the package onnx")
pytest.importorskip("onnxruntime", reason="the reference is onnxruntime")

from onnx import TensorProto

from host_tools.errors import HostError
from host_tools.importers import load
from host_tools.mapping.network import map_model
from tests.host_tools.importers.graphs import Graph, expected, residual
from tests.host_tools.importers.refusal import line


def agrees(path: Path, shape: tuple[int, int, int], pixels: tuple[float, float] | None = None, last: bool = False,
           atol: float = 1e-5) -> Any:  # fmt: skip
    """The imported network gives onnxruntime's logits; shape: height, width, channels. Returns the Keras model."""
    model = load(path, pixels)
    x = np.random.default_rng(1).integers(0, 256, (4, *shape)).astype(np.float32)
    black, white = pixels or (0.0, 1.0)
    of_file = (x / 255 * (white - black) + black).astype(np.float32)
    wanted = expected(path, of_file if last else of_file.transpose(0, 3, 1, 2))
    found = np.asarray(model(x / 255))
    assert wanted.std() > 0.01
    np.testing.assert_allclose(found, wanted, atol=atol * max(1.0, float(np.abs(wanted).max())))
    return model


def test_a_flattened_map_keeps_its_meaning(tmp_path: Path) -> None:
    g = Graph((1, 3, 8, 10))
    x = g("MaxPool", g("Relu", g("Conv", "image", g.weights(4, 3, 3, 3), g.weights(4), pads=[1, 1, 1, 1])),
          kernel_shape=[2, 2], strides=[2, 2])  # fmt: skip
    x = g("AveragePool", g("Relu", g("Conv", x, g.weights(6, 4, 2, 3), strides=[1, 1])), kernel_shape=[1, 2])
    x = g("Relu", g("Gemm", g("Flatten", x), g.weights(7, 36), g.weights(7), transB=1, alpha=0.5, beta=2.0))
    x = g("Dropout", g("Add", g("MatMul", g("Identity", x), g.weights(7, 5)), g.weights(5)))
    agrees(g.save(tmp_path / "net.onnx", x), (8, 10, 3))


def test_a_residual_network_with_batch_norm(tmp_path: Path) -> None:
    model = agrees(residual(tmp_path / "net.onnx"), (9, 12, 3))
    network = map_model(model, np.array([1.0, 2.0]))
    paddings = [node["padding"] for node in network.nodes if node["op"] == "conv2d"]
    assert paddings == ["same", [[1, 1], [1, 1]], "same", "valid"]
    assert model.get_layer("net_Conv_0") is not None


def test_strides_whose_padding_tensorflow_has_not_stay_exact(tmp_path: Path) -> None:
    g = Graph((1, 1, 8, 8))
    x = g("Conv", "image", g.weights(3, 1, 3, 3), g.weights(3), pads=[1, 1, 1, 1], strides=[2, 2])
    x = g("Conv", g("Relu", x), g.weights(4, 3, 3, 3), pads=[1, 0, 2, 1])
    x = g("Conv", g("Relu", x), g.weights(4, 4, 3, 3), auto_pad="SAME_UPPER", strides=[2, 2])
    model = agrees(g.save(tmp_path / "net.onnx", g("Gemm", g("Flatten", x), g.weights(24, 5))), (8, 8, 1))
    paddings = [node.get("padding") for node in map_model(model, np.array([1.0, 2.0])).nodes if node["op"] == "conv2d"]
    assert paddings == [[[1, 1], [1, 1]], [[1, 2], [0, 1]], "same"]


def test_a_network_that_turns_channels_last_to_first_and_back(tmp_path: Path) -> None:
    """As TensorFlow's networks become ONNX."""
    g = Graph(("n", 6, 8, 3))
    x = g("Conv", g("Transpose", "image", perm=[0, 3, 1, 2]), g.weights(4, 3, 3, 3))
    x = g("Relu", g("Add", x, g.const(np.float32([0.1, -0.2, 0.3, 0.4]).reshape(1, 4, 1, 1))))
    y = g("ReduceMean", x, axes=[2, 3], keepdims=0)
    flat = g("Reshape", g("Transpose", x, perm=[0, 2, 3, 1]), g.const(np.array([-1, 96])))
    x = g("Add", g("MatMul", y, g.weights(4, 5)), g("Gemm", flat, g.weights(96, 5)))
    agrees(g.save(tmp_path / "net.onnx", g("MatMul", g("Relu", x), g.weights(5, 4))), (6, 8, 3), last=True)


def test_shapes_that_are_computed_and_logarithms_of_softmax(tmp_path: Path) -> None:
    """As PyTorch writes x.view(x.size(0), -1) and log_softmax."""
    g = Graph(("n", 2, 5, 4))
    x = g("Conv", "image", g.weights(3, 2, 2, 2), g.weights(3))
    x = g("Relu", g("Mul", x, g.const(np.float32([0.5, -2, 3]).reshape(3, 1, 1))))
    size = g("Gather", g("Shape", x), g.const(np.array([0])), axis=0)
    flat = g("Reshape", x, g("Concat", size, g.const(np.array([-1])), axis=0))
    logits = g("Gemm", flat, g.weights(36, 5))
    path = g.save(tmp_path / "net.onnx", g("LogSoftmax", logits, axis=-1))
    x = np.random.default_rng(0).random((3, 5, 4, 2)).astype(np.float32)
    found = np.asarray(load(path)(x)).astype(np.float64)
    found -= np.log(np.exp(found).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(found, expected(path, x.transpose(0, 3, 1, 2)), atol=1e-5)


def test_what_pixels_are_goes_into_the_first_layer(tmp_path: Path) -> None:
    g = Graph((1, 3, 6, 6))
    x = g("Relu", g("Conv", "image", g.weights(4, 3, 3, 3), g.weights(4)))
    x = g("Gemm", g("Flatten", g("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])), g.weights(16, 5))
    path = g.save(tmp_path / "net.onnx", x)
    agrees(path, (6, 6, 3), pixels=(-1.0, 1.0))
    agrees(path, (6, 6, 3), pixels=(0.0, 255.0), atol=1e-4)
    flat = Graph((1, 1, 3, 4))
    path = flat.save(tmp_path / "flat.onnx", flat("Gemm", flat("Flatten", "image"), flat.weights(12, 5)))
    agrees(path, (3, 4, 1), pixels=(1.0, -1.0))


def test_what_the_network_itself_does_to_an_image_goes_there_too(tmp_path: Path) -> None:
    g = Graph((1, 3, 6, 5))
    x = g("Sub", g("Mul", g.const(np.float32(-2)), "image"), g.const(np.float32([1, 0.5, 0]).reshape(3, 1, 1)))
    x = g("Sub", g.const(np.float32(0.25)), x)
    x = g.norm(g("Div", x, g.const(np.float32([0.5, 1, 2]).reshape(1, 3, 1, 1))), 3)
    x = g("Flatten", g("AveragePool", x, kernel_shape=[2, 1], strides=[2, 1]))
    agrees(g.save(tmp_path / "net.onnx", g("Gemm", x, g.weights(45, 5))), (6, 5, 3), atol=2e-5)


def test_bytes_are_0_to_255(tmp_path: Path) -> None:
    g = Graph((1, 1, 4, 4), kind=TensorProto.UINT8)
    x = g("Gemm", g("Flatten", g("Cast", "image", to=TensorProto.FLOAT)), g.weights(16, 5))
    path = g.save(tmp_path / "net.onnx", x)
    x = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 1)).astype(np.uint8)
    wanted = expected(path, x.transpose(0, 3, 1, 2))
    np.testing.assert_allclose(np.asarray(load(path)(x / np.float32(255))), wanted, rtol=1e-4, atol=1e-3)


def test_a_mobile_network_answers_as_onnxruntime_does(tmp_path: Path) -> None:
    """Depthwise, dilated and grouped convolutions, ReLU6, hard swish, a leaky ReLU, joined channels and features."""
    g = Graph(("batch", 4, 12, 10))
    y = g.norm(g("Conv", "image", g.weights(4, 1, 3, 3), pads=[1, 1, 1, 1], strides=[2, 2], group=4), 4)
    y = g("Clip", y, g.const(np.float32(0)), g.const(np.float32(6)))
    z = g("HardSwish", g("Conv", y, g.weights(6, 4, 3, 3), g.weights(6), dilations=[2, 2], pads=[2, 2, 2, 2]))
    z = g("Concat", y, g("LeakyRelu", z, alpha=0.2), axis=1)
    z = g("Conv", z, g.weights(20, 5, 2, 2), group=2)
    both = g("Concat", g("Flatten", g("Relu", z)), g("Flatten", g("GlobalAveragePool", y)), axis=1)
    path = g.save(tmp_path / "net.onnx", g("Gemm", both, g.weights(5, 20 * 5 * 4 + 4), transB=1))
    x = np.random.default_rng(1).uniform(0, 1, (5, 12, 10, 4)).astype(np.float32)
    wanted = expected(path, x.transpose(0, 3, 1, 2))
    np.testing.assert_allclose(np.asarray(load(path)(x)), wanted, atol=1e-4 * np.abs(wanted).max())


def test_every_operator_that_is_not_carried_is_named_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    g = Graph((1, 3, 8, 8))
    x = g("Elu", g("Conv", "image", g.weights(3, 1, 3, 3), group=3))
    x = g("Clip", x, g.const(np.float32(-1)), g.const(np.float32(1)))
    x = g("MaxPool", g("Conv", x, g.weights(4, 3, 3, 3), dilations=[2, 2]), kernel_shape=[2, 2], pads=[1, 1, 0, 0])
    x = g("Mystery", g("Softmax", x), domain="com.example")
    x = g("Gemm", g("Flatten", x), g.weights(5, 4), transB=1)
    path = g.save(tmp_path / "net.onnx", x, ("com.example",))
    monkeypatch.setattr("host_tools.importers.assemble.Builder", lambda *_: pytest.fail("work was done before"))
    assert line(path) == (
        "the board does not carry: net_Elu_1 (Elu), net_Clip_2 (Clip to other limits than 0, or 0 and 6), "
        "net_MaxPool_4 (MaxPool with padding or ceil_mode), net_Softmax_5 (softmax inside), "
        "net_Mystery_6 (com.example.Mystery)"
    )


def test_what_does_not_fit_where_it_stands_is_named(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    g = Graph((1, 3, 8, 8))
    conv = g("Conv", "image", g.weights(4, 3, 3, 3))
    g.save(path, g("MatMul", conv, g.weights(6, 5)))
    assert line(path).startswith("the board does not carry: net_MatMul_1 (a dense layer on [4, 6, 6], expected")
    g.save(path, g("Gemm", g("Flatten", g("Relu", g("Add", conv, g.weights(4, 6, 6)))), g.weights(144, 5)))
    assert "net_Add_2 (a constant that differs from pixel to pixel)" in line(path)
    g.save(path, g("Gemm", g("Flatten", g("Conv", "image", g.weights(4, 2, 3, 3))), g.weights(144, 5)))
    assert "Conv_6 (a kernel [3, 3, 2, 4] on 3 channels)" in line(path)
    g.save(path, g("Relu", conv))
    assert "Dense giving logits" in line(path)
    g.save(path, g("Gemm", g("Flatten", g.norm("image", 3)), g.const(np.full((192, 5), np.nan, np.float32))))
    assert "a weight is NaN, infinite or no number" in line(path)
    padded = g("Conv", "image", g.weights(4, 3, 3, 3), pads=[1, 1, 1, 1])
    g.save(path, g("Gemm", g("Flatten", padded), g.weights(256, 5)))
    assert "zero padding of an input whose black is not 0" in line(path, (-1.0, 1.0))


@pytest.mark.parametrize("shape", [(1, "c", 8, 8), (1,), (1, 0, 4, 4), (1, 2, 3, 4, 5), (1, 3, 1 << 20, 1 << 20)])
def test_inputs_that_are_no_image_are_refused(tmp_path: Path, shape: tuple[Any, ...]) -> None:
    g = Graph(shape)
    path = g.save(tmp_path / "net.onnx", g("Gemm", g("Flatten", "image"), g.weights(64, 5)))
    assert "expected an image" in line(path)


def test_two_inputs_are_refused(tmp_path: Path) -> None:
    import onnx

    path = residual(tmp_path / "net.onnx")
    model = onnx.load(path)
    model.graph.input.append(onnx.helper.make_tensor_value_info("second", TensorProto.FLOAT, (1, 3)))
    onnx.save(model, path)
    assert line(path) == "2 inputs and 1 outputs, expected one image in and one vector of logits out"


def test_damaged_files_are_one_line(tmp_path: Path) -> None:
    whole = residual(tmp_path / "net.onnx").read_bytes()
    path = tmp_path / "bad.onnx"
    for data in (b"", b"\0" * 40, b"not a network", whole[: len(whole) // 2], whole[:-1], whole[7:]):
        path.write_bytes(data)
        assert line(path)
    assert line(tmp_path / "none.onnx") == "No such file or directory"
    assert line(tmp_path).startswith("expected a file that ends in one of .keras, .tflite, .onnx")


def test_flipped_bits_never_give_more_than_one_line(tmp_path: Path) -> None:
    whole = np.frombuffer(residual(tmp_path / "net.onnx").read_bytes(), np.uint8)
    rng, path = np.random.default_rng(0), tmp_path / "bad.onnx"
    places = np.flatnonzero(np.arange(whole.size) % 3 == 0)
    refused: list[str] = []
    for _ in range(25):
        bad = whole.copy()
        bad[rng.choice(places, 6)] ^= rng.integers(1, 256, 6).astype(np.uint8)
        path.write_bytes(bad.tobytes())
        try:
            load(path)
        except HostError as error:
            refused.append(str(error))
    assert len(refused) > 5
    assert not any("\n" in text for text in refused)
