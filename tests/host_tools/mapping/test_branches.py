"""Networks with branches, batch norm and padding: the graph document against Keras' own outputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the host extra")

from host_tools.backend import keras
from host_tools.errors import HostError
from host_tools.mapping.network import map_model
from host_tools.models import build
from tests.host_tools import networks
from tests.host_tools.documents import answer
from tests.host_tools.networks import CLASSES, SHAPE, L

NINE = np.array(networks.whole_levels().levels.conductance_uS)
SHARES = np.arange(9) / 8
X = np.random.default_rng(0).random((5, *SHAPE)).astype(np.float32)


def agrees(model: Any, x: Any = X, atol: float = 2e-5) -> list[dict[str, Any]]:
    """The document of a model whose weights are put on levels answers as Keras does; returns its nodes."""
    networks.with_statistics(networks.on_levels(model))
    network = map_model(model, NINE)
    found, expected = answer(network, SHARES, x), model.predict(x, verbose=0)
    assert expected.std() > 0.01
    np.testing.assert_allclose(found, expected, atol=atol * max(1.0, float(np.abs(expected).max())))
    return network.nodes


@pytest.mark.parametrize("name", ["resnet8", "vgg6"])
def test_the_zoo_answers_as_keras_does(name: str) -> None:
    x = np.random.default_rng(1).random((3, 16, 16, 3)).astype(np.float32)
    nodes = agrees(build(name, (16, 16, 3), 10), x)
    if name == "resnet8":
        places = {node.get("name"): i for i, node in enumerate(nodes)}
        adds = [node for node in nodes if node["op"] == "add"]
        assert [sorted(node["from"]) for node in adds] == [
            sorted([places["stack1_conv2"], places["conv1"] + 1]),
            sorted([places["stack2_conv2"], places["stack2_shortcut"]]),
            sorted([places["stack3_conv2"], places["stack3_shortcut"]]),
        ]
    assert [node["op"] for node in nodes[-3:]] == ["avgpool2d", "flatten", "dense"]
    assert all("norm" not in str(node) for node in nodes)


def test_branches_of_every_kind_answer_as_keras_does() -> None:
    x = keras.Input(SHAPE)
    a = L.Conv2D(3, 3, padding="same", activation="relu", name="a")(x)
    b = L.Dropout(0.2)(L.Conv2D(3, (3, 2), padding="same", use_bias=False, name="b")(x))
    c = L.Add()([a, b, L.BatchNormalization(name="n")(L.Conv2D(3, 1, name="c")(a))])
    c = keras.ops.relu(c) + a
    c = L.Conv2D(4, 3, strides=2, name="d")(L.ZeroPadding2D(((1, 0), (2, 1)))(c))
    c = L.AveragePooling2D((2, 1))(L.Activation("relu")(L.Activation("linear")(c)))
    side = L.Flatten()(L.MaxPooling2D(4)(a))
    wide = L.Dense(12, name="e")(L.Reshape((-1,))(c))
    model = keras.Model(x, L.Softmax()(L.Dense(CLASSES, name="f")(L.Add()([side, wide]))), name="net")
    networks.with_statistics(networks.on_levels(model))
    network = map_model(model, NINE)
    found, expected = answer(network, SHARES, X), model.predict(X, verbose=0)
    softmax = np.exp(found) / np.exp(found).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(softmax, expected, atol=1e-5)
    signed = {node["name"]: node["signed"] for node in network.nodes if "name" in node}
    assert signed == {"a": False, "b": False, "c": False, "d": False, "e": False, "f": True}
    assert network.nodes[[n.get("name") for n in network.nodes].index("d")]["padding"] == [[1, 0], [2, 1]]


def test_an_input_is_unsigned_only_where_every_source_is_positive() -> None:
    x = keras.Input(SHAPE)
    a = L.Conv2D(1, 3, padding="same", name="a")(x)
    both = L.Add()([x, L.ReLU()(a)])
    either = L.Add()([x, a])
    ends = [L.Dense(5, name=name)(L.Flatten()(L.AveragePooling2D(2)(y))) for name, y in (("p", both), ("q", either))]
    model = keras.Model(x, L.Dense(CLASSES, name="end")(L.Add()(ends)), name="net")
    signed = {node["name"]: node["signed"] for node in agrees(model) if "name" in node}
    assert signed == {"a": False, "p": False, "q": True, "end": True}


def test_chains_are_written_as_before() -> None:
    nodes = map_model(networks.conv_net(), NINE).nodes
    assert all("from" not in node for node in nodes)
    assert list(nodes[0]) == ["op", "name", "in", "out", "kernel", "stride", "padding", "signed"]


def test_zeros_as_tensorflow_pads_are_padding_same() -> None:
    x = keras.Input((8, 7, 1))
    y = L.Conv2D(2, 3, strides=2, name="a")(L.ZeroPadding2D(((0, 1), (1, 1)))(x))
    model = keras.Model(x, L.Dense(CLASSES, name="d")(L.Flatten()(y)), name="net")
    nodes = agrees(model, X[:, :, :7])
    assert nodes[0]["padding"] == "same"
    assert nodes[0]["in"] == [8, 7, 1]


def test_batch_norm_is_folded_into_students_too() -> None:
    from host_tools.conversion import convert
    from tests.host_tools.profiles import changed

    teacher = networks.with_statistics(keras.Sequential([
        L.Input(SHAPE), L.Conv2D(4, 3, use_bias=False, name="c"), L.BatchNormalization(scale=False, name="n1"),
        L.BatchNormalization(center=False, name="n2"), L.ReLU(), L.GlobalAveragePooling2D(keepdims=True), L.Flatten(),
        L.Dense(9, name="d"), L.BatchNormalization(name="n3"), L.Dense(CLASSES, name="e"),
    ], name="net"))  # fmt: skip
    student = convert(teacher, changed(levels=[10.0 * i for i in range(1, 10)]))
    student.get_layer("c").gain.assign([0.5, 1, 2, -1])
    network = map_model(student, NINE)
    np.testing.assert_allclose(answer(network, SHARES, X), student.predict(X, verbose=0), atol=1e-4)
    assert [layer.name for layer in network.layers] == ["c", "d", "e"]


def refused(x: Any, y: Any, match: str) -> None:
    """One line that names the layer."""
    model = keras.Model(x, L.Dense(CLASSES, name="end")(L.Flatten()(y)), name="net")
    with pytest.raises(HostError, match=r"^net: the board does not carry: " + match) as error:
        map_model(model, NINE)
    assert "\n" not in str(error.value)


def test_batch_norm_elsewhere_is_refused_by_name() -> None:
    x = keras.Input(SHAPE)
    conv = L.Conv2D(2, 3, padding="same", name="c")(x)
    for given in (x, L.ReLU()(conv), L.Add()([conv, conv]), L.Conv2D(2, 3, activation="relu")(x)):
        refused(x, L.BatchNormalization(name="odd")(given), r"odd \(BatchNormalization that does not follow")
    refused(x, L.Add()([conv, L.BatchNormalization(name="odd")(conv)]), r"odd \(BatchNormalization that does not foll")
    refused(x, L.BatchNormalization(axis=1, name="odd")(conv), r"odd \(BatchNormalization that")


def test_padding_and_additions_that_no_node_holds_are_refused() -> None:
    x = keras.Input(SHAPE)
    conv = L.Conv2D(2, 3, padding="same", name="c")(x)
    refused(x, L.MaxPooling2D(2)(L.ZeroPadding2D(1, name="odd")(conv)), r"odd \(ZeroPadding2D before anything but")
    same = L.Conv2D(2, 3, padding="same")(L.ZeroPadding2D(1, name="odd")(conv))
    refused(x, same, r"odd \(ZeroPadding2D before anything but")
    small = L.Conv2D(2, (2, 3))(L.ZeroPadding2D(((0, 2), (1, 1)), name="odd")(conv))
    refused(x, small, r"odd \(ZeroPadding2D before anything but a larger")
    refused(x, L.Add(name="odd")([conv, L.GlobalAveragePooling2D(keepdims=True)(conv)]), r"odd \(Add of other")
    refused(x, conv + 1.0, r"add\w* \(Add of other things")
    refused(x, L.Reshape((4, 32), name="odd")(conv), r"odd \(Reshape to \[4, 32\]\)")


@pytest.mark.parametrize("key", ["moving_mean", "gamma"])
def test_statistics_that_are_no_numbers_are_refused(key: str) -> None:
    model = build("vgg6", (8, 8, 3), 4)
    norm = model.get_layer("conv1_1_norm")
    getattr(norm, key).assign(np.full(32, np.nan))
    with pytest.raises(HostError, match=f"conv1_1_norm: {key}: a number is NaN or infinite"):
        map_model(model, NINE)
    norm.moving_mean.assign(np.zeros(32))
    norm.gamma.assign(np.ones(32))
    norm.moving_variance.assign(np.full(32, -1.0))
    with pytest.raises(HostError, match="conv1_1_norm: moving_variance: -1 is not >= 0"):
        map_model(model, NINE)
