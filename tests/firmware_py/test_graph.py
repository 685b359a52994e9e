"""The graph of nodes: shapes and padding by TensorFlow's published rule, windows and pooling by plain loops."""

from __future__ import annotations

import itertools
from math import ceil
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from firmware_py.graph import PARSERS, Node, digital, im2col, parse_graph, windows
from firmware_py.walk import run, run_back

SIZES = st.integers(1, 9)
SMALL = st.integers(1, 4)


def parse(nodes: list[dict[str, Any]], shape: tuple[int, ...]) -> tuple[Node, ...]:
    return parse_graph({"nodes": nodes}, shape, ValueError)


def conv(shape: tuple[int, int, int], kernel: list[int], stride: list[int], padding: str, out: list[int]) -> Node:
    node = {"op": "conv2d", "name": "c", "kernel": kernel, "stride": stride, "padding": padding, "out": out}
    tail = [{"op": "flatten"}, {"op": "dense", "name": "d", "out": [2]}]
    return parse([node, *tail], shape)[0]


def same(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Output size and rows added before, as tf.nn documents padding='SAME'."""
    total = max(kernel - stride, 0) if size % stride == 0 else max(kernel - size % stride, 0)
    return ceil(size / stride), total // 2


def loop_columns(x: np.ndarray, node: Node) -> np.ndarray:
    """im2col by its definition: for each position, for each (row, column, channel) of the kernel, one number."""
    h, w, channels = node.in_shape
    out = []
    for oy, ox in itertools.product(*map(range, node.out_shape[:2])):
        row = []
        for ky, kx, c in itertools.product(range(node.kernel[0]), range(node.kernel[1]), range(channels)):
            y, z = oy * node.stride[0] + ky - node.pad[0], ox * node.stride[1] + kx - node.pad[1]
            row.append(x[y, z, c] if 0 <= y < h and 0 <= z < w else 0)
        out.append(row)
    return np.array(out)


@given(h=SIZES, w=SIZES, c=SMALL, kh=SMALL, kw=SMALL, sh=SMALL, sw=SMALL, padding=st.sampled_from(["same", "valid"]))
def test_a_convolution_meets_its_inputs(
    h: int, w: int, c: int, kh: int, kw: int, sh: int, sw: int, padding: str
) -> None:
    if padding == "same":
        (oh, top), (ow, left) = same(h, kh, sh), same(w, kw, sw)
    else:
        assume(h >= kh and w >= kw)
        (oh, top), (ow, left) = (ceil((h - kh + 1) / sh), 0), (ceil((w - kw + 1) / sw), 0)
    node = conv((h, w, c), [kh, kw], [sh, sw], padding, [oh, ow, 3])
    assert (node.out_shape, node.pad) == ((oh, ow, 3), (top, left))
    assert (node.positions, node.weights) == (oh * ow, (kh * kw * c, 3))
    x = np.random.default_rng(0).normal(size=(2, h, w, c)).astype(np.float32)
    np.testing.assert_array_equal(im2col(x, node), [loop_columns(image, node) for image in x])


@given(size=st.tuples(SIZES, SIZES), kernel=st.tuples(SMALL, SMALL), stride=st.tuples(SMALL, SMALL), data=st.data())
def test_zeros_may_be_counted_out(
    size: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int], data: st.DataObject
) -> None:
    pads = [[data.draw(st.integers(0, width - 1)) for _ in "ab"] for width in kernel]
    whole = [s + sum(pad) for s, pad in zip(size, pads, strict=True)]
    assume(all(s >= width for s, width in zip(whole, kernel, strict=True)))
    out = [len(range(0, s - width + 1, step)) for s, width, step in zip(whole, kernel, stride, strict=True)]
    node = {"op": "conv2d", "name": "c", "kernel": list(kernel), "stride": list(stride), "padding": pads}
    dense = [{"op": "flatten"}, {"op": "dense", "name": "d", "out": [2]}]
    padded = parse([{**node, "out": [*out, 3]}, *dense], (*size, 2))[0]
    valid = parse([{**node, "padding": "valid", "out": [*out, 3]}, *dense], (*whole, 2))[0]
    x = np.random.default_rng(0).normal(size=(2, *size, 2)).astype(np.float32)
    by_hand = np.pad(x, ((0, 0), *pads, (0, 0)))
    np.testing.assert_array_equal(im2col(x, padded), im2col(by_hand, valid))


@given(h=SIZES, w=SIZES, c=SMALL, ph=SMALL, pw=SMALL, sh=SMALL, sw=SMALL)
def test_a_pool_takes_the_largest(h: int, w: int, c: int, ph: int, pw: int, sh: int, sw: int) -> None:
    assume(h >= ph and w >= pw)
    pool = {"op": "maxpool2d", "pool": [ph, pw], "stride": [sh, sw]}
    node = parse([pool, {"op": "flatten"}, {"op": "dense", "name": "d", "out": [2]}], (h, w, c))[0]
    x = np.random.default_rng(0).normal(size=(2, h, w, c)).astype(np.float32)
    found = digital(x, node)
    rows, columns = range(0, h - ph + 1, sh), range(0, w - pw + 1, sw)
    assert found.shape == (2, len(rows), len(columns), c)
    for i, y in enumerate(rows):
        for j, z in enumerate(columns):
            np.testing.assert_array_equal(found[:, i, j], x[:, y : y + ph, z : z + pw].reshape(2, -1, c).max(axis=1))
    assert windows(x, node).shape == (2, len(rows), len(columns), ph, pw, c)


@given(h=SIZES, w=SIZES, c=SMALL, ph=SMALL, pw=SMALL, sh=SMALL, sw=SMALL)
def test_a_mean_is_a_sum_in_row_major_order(
    h: int, w: int, c: int, ph: int, pw: int, sh: int, sw: int
) -> None:
    """Bit for bit by a loop in float32, times float32(1 / count); and the mean, but for rounding."""
    assume(h >= ph and w >= pw)
    pool = {"op": "avgpool2d", "pool": [ph, pw], "stride": [sh, sw]}
    node = parse([pool, {"op": "flatten"}, {"op": "dense", "name": "d", "out": [2]}], (h, w, c))[0]
    x = np.random.default_rng(0).normal(size=(2, h, w, c)).astype(np.float32)
    found = digital(x, node)
    rows, columns = range(0, h - ph + 1, sh), range(0, w - pw + 1, sw)
    assert (found.shape, found.dtype) == ((2, len(rows), len(columns), c), np.float32)
    for (i, y), (j, z) in itertools.product(enumerate(rows), enumerate(columns)):
        window = x[:, y : y + ph, z : z + pw].reshape(2, -1, c)
        total = np.zeros((2, c), np.float32)
        for k in range(ph * pw):
            total = total + window[:, k]
        np.testing.assert_array_equal(found[:, i, j], total * np.float32(1 / (ph * pw)))
        np.testing.assert_allclose(found[:, i, j], window.mean(axis=1), atol=1e-6)


def test_a_sum_adds_in_the_order_given() -> None:
    """1e8 + 1 - 1e8 is 0 in float32, 1e8 - 1e8 + 1 is 1."""
    big, small, back = (np.full((1, 2), v, np.float32) for v in (1e8, 1, -1e8))
    for order, total in (([0, 1, 2], 0), ([0, 2, 1], 1), ([0, 2, 1, 1], 2)):
        fork = [{"op": "flatten", "from": [-1]} for _ in range(3)]
        nodes = parse([*fork, {"op": "add", "from": order}, {"op": "dense", "name": "d", "out": [2]}], (2,))
        values = [big, small, back]
        found = run(nodes, np.zeros((1, 2), np.float32), lambda i, a, v=values: v[i] if i < 3 else a)
        assert found.tolist() == [[total, total]]


def test_outputs_go_to_those_that_name_them_and_errors_come_back_added_up() -> None:
    """A graph of scalars: x -> a = 2 x -> b = 3 a; c = a + b + a; d = 5 c. Everything by hand."""
    dense = {"op": "dense", "out": [1]}
    nodes = parse([{**dense, "name": "a"}, {**dense, "name": "b"}, {"op": "add", "from": [0, 1, 0]},
                   {**dense, "name": "d"}], (1,))  # fmt: skip
    factor = {0: 2.0, 1: 3.0, 2: 1.0, 3: 5.0}
    assert [node.sources for node in nodes] == [(-1,), (0,), (0, 1, 0), (2,)]
    assert run(nodes, np.array([7.0]), lambda i, a: factor[i] * a).tolist() == [5 * (14 + 42 + 14)]
    met: dict[int, tuple[float, bool]] = {}

    def back(i: int, delta: np.ndarray, wanted: bool) -> np.ndarray:
        met[i] = float(delta[0]), wanted
        return factor[i] * delta

    run_back(nodes, np.array([1.0]), back)
    assert met == {3: (1, True), 2: (5, True), 1: (5, True), 0: (5 + 5 + 3 * 5, False)}


def test_relu_and_flatten() -> None:
    relu, flatten, _ = parse([{"op": "relu"}, {"op": "flatten"}, {"op": "dense", "name": "d", "out": [2]}], (2, 2, 2))
    x = np.array([[[[-1, 2], [3, -4]], [[5, -6], [-0.0, 8]]]], np.float32)
    assert digital(x, relu).tolist() == [[[[0, 2], [3, 0]], [[5, 0], [0, 8]]]]
    assert digital(x, flatten).tolist() == [[-1, 2, 3, -4, 5, -6, 0, 8]]  # H, then W, then C


def test_a_dense_layer_sees_its_input_as_one_position() -> None:
    (node,) = parse([{"op": "dense", "name": "d", "out": [2], "signed": True}], (3,))
    assert (node.positions, node.weights, node.signed, node.layer) == (1, (3, 2), True, 0)
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert im2col(x, node).tolist() == [[[0, 1, 2]], [[3, 4, 5]]]


def test_analog_layers_are_counted_and_shapes_follow_each_other() -> None:
    nodes = parse(
        [
            {"op": "conv2d", "name": "a", "kernel": [5, 5], "stride": [1, 1], "padding": "same", "out": [28, 28, 6]},
            {"op": "relu"},
            {"op": "maxpool2d", "pool": [2, 2], "stride": [2, 2]},
            {"op": "conv2d", "name": "b", "kernel": [5, 5], "stride": [1, 1], "padding": "valid", "out": [10, 10, 16]},
            {"op": "maxpool2d", "pool": [2, 2], "stride": [2, 2]},
            {"op": "flatten"},
            {"op": "dense", "name": "c", "out": [10]},
        ],
        (28, 28, 1),
    )
    assert [node.layer for node in nodes] == [0, -1, -1, 1, -1, -1, 2]
    assert [node.weights for node in nodes if node.layer >= 0] == [(25, 6), (150, 16), (400, 10)]  # LeNet-5
    assert all(a.out_shape == b.in_shape for a, b in itertools.pairwise(nodes))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 5000) | st.floats() | st.sampled_from(["a", "", "same", "valid"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "op"]), inner, max_size=2),
    max_leaves=5,
)
KEYS = ["op", "name", "kernel", "stride", "padding", "in", "out", "signed", "pool", "from"]
OPS = st.sampled_from(sorted(PARSERS)) | JSON
NODES = st.builds(lambda op, rest: {"op": op, **rest}, OPS, st.dictionaries(st.sampled_from(KEYS[1:]), JSON))


class Refused(Exception):
    """What `fail` makes."""


@given(document=st.lists(NODES | JSON, max_size=4).map(lambda nodes: {"nodes": nodes}) | JSON)
def test_any_document_is_a_graph_or_refused(document: Any) -> None:
    try:
        nodes = parse_graph(document, (6, 6, 2), Refused)
    except Refused as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert nodes[-1].layer >= 0


def test_at_most_255_layers() -> None:
    nodes = [{"op": "dense", "name": str(i), "out": [1]} for i in range(256)]
    assert len(parse(nodes[:255], (1,))) == 255
    with pytest.raises(ValueError, match="expected at most 255 with different names"):
        parse(nodes, (1,))
