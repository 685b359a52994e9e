"""Mapping against brute force and against Keras' own outputs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("tensorflow", reason="networks are Keras models")

from host_tools.backend import keras
from host_tools.conversion import Conversion, convert
from host_tools.data import scaled
from host_tools.errors import HostError
from host_tools.mapping.network import map_model, nearest_levels
from tests.host_tools import networks
from tests.host_tools.documents import answer
from tests.host_tools.networks import CLASSES, SHAPE, L, chain
from tests.host_tools.profiles import charan

X = scaled(networks.data().x_test[:20])


@given(
    levels=st.lists(st.floats(1, 200), min_size=2, max_size=9, unique=True),
    w=st.lists(st.floats(-3, 3, width=32), min_size=1, max_size=20),
    clip=st.floats(0.125, 4, width=32),
)
def test_a_weight_goes_to_the_nearest_level_that_brute_force_finds(
    levels: list[float], w: list[float], clip: float
) -> None:
    targets = np.sort(np.array(levels))
    found = nearest_levels(np.array(w, np.float32), clip, targets)
    for weight, level in zip(w, found, strict=True):
        shares = [(g - targets[0]) / (targets[-1] - targets[0]) for g in targets]
        distances = [abs(min(abs(weight) / clip, 1) - share) for share in shares]
        assert distances[abs(level)] <= min(distances) + 1e-6
        assert level == 0 or np.sign(level) == np.sign(weight)


def test_a_plain_network_whose_weights_are_levels_answers_as_keras_does() -> None:
    model = networks.on_levels(networks.conv_net())
    targets = np.array(networks.whole_levels().levels.conductance_uS)
    network = map_model(model, targets)
    np.testing.assert_allclose(answer(network, np.arange(9) / 8, X), model.predict(X, verbose=0), atol=1e-5)
    assert network.weights == sum(layer.get_weights()[0].size for layer in model.layers if layer.get_weights())
    assert network.columns == 5 + 6 + 9 + CLASSES


def test_a_plain_network_is_clipped_at_so_many_standard_deviations() -> None:
    model = networks.conv_net()
    targets = np.array(networks.whole_levels().levels.conductance_uS)
    for layer in map_model(model, targets, clip_sd=1.5).layers:
        kernel = model.get_layer(layer.name).get_weights()[0].astype(float).reshape(layer.signed.shape)
        assert layer.clip == pytest.approx(1.5 * kernel.std(), rel=1e-5)
        inside = np.abs(kernel) <= layer.clip
        step = layer.clip / 8
        assert np.abs(layer.signed * step - kernel)[inside].max() <= step / 2 * 1.0001
        np.testing.assert_array_equal(np.abs(layer.signed)[~inside], 8)


def test_a_student_answers_as_keras_does_without_noise() -> None:
    teacher = chain(L.Conv2D(4, 3, name="c"), L.ReLU(name="r"), L.Flatten(name="f"), L.Dense(CLASSES, name="d"))
    student = convert(teacher, charan(), options=Conversion(seed=3))
    student.get_layer("d").gain.assign([0.5, 1, 2, -1])
    student.get_layer("d").exact_mask.assign(np.random.default_rng(0).random(student.get_layer("d").kernel.shape) < 0.1)
    g = np.array(charan()["levels"]["conductance_uS"])
    network = map_model(student, g)
    shares = np.rint((g - g[0]) / (g[-1] - g[0]) * 2048) / 2048  # cells have whole G steps
    np.testing.assert_allclose(answer(network, shares, X), student.predict(X, verbose=0), atol=2e-3)
    assert network.layers[0].mask is None
    assert network.layers[1].mask is not None


def test_a_student_for_a_profile_with_other_levels_gets_the_nearest_of_those() -> None:
    teacher = chain(L.Flatten(name="f"), L.Dense(CLASSES, name="d"))
    student = convert(teacher, charan(), options=Conversion(clip=2.0))
    targets = np.array([10.0, 30.0, 90.0])
    layer = map_model(student, targets).layers[0]
    kernel = np.asarray(student.get_layer("d").kernel)
    np.testing.assert_array_equal(layer.signed, nearest_levels(kernel, layer.clip, targets))
    assert np.abs(layer.signed).max() <= 2


def test_inputs_are_signed_where_no_relu_stands_before_a_layer() -> None:
    model = chain(
        L.Conv2D(3, 3, name="a"), L.MaxPooling2D(2, name="p"), L.Conv2D(3, 2, name="b"), L.ReLU(name="r"),
        L.Flatten(name="f"), L.Dense(5, name="c"), L.Dense(CLASSES, name="d"),
    )  # fmt: skip
    nodes = {node["name"]: node for node in map_model(model, np.array([1.0, 2.0])).nodes if "name" in node}
    assert {name: node["signed"] for name, node in nodes.items()} == {"a": False, "b": True, "c": False, "d": True}


def test_a_softmax_at_the_end_is_left_out() -> None:
    targets = np.array([1.0, 2.0])
    plain = map_model(chain(L.Flatten(), L.Dense(CLASSES, name="d")), targets)
    for end in ([L.Dense(CLASSES, activation="softmax", name="d")], [L.Dense(CLASSES, name="d"), L.Softmax()]):
        assert map_model(chain(L.Flatten(), *end), targets).nodes == plain.nodes


UNSUPPORTED = {
    "LayerNormalization": (L.LayerNormalization(name="odd"), "LayerNormalization"),
    "tanh": (L.Conv2D(4, 3, activation="tanh", name="odd"), "tanh"),
    "activation layer": (L.Activation("sigmoid", name="odd"), "sigmoid"),
    "relu to 4": (L.ReLU(max_value=4.0, name="odd"), "max_value"),
    "above a threshold": (L.ReLU(threshold=0.5, name="odd"), "threshold"),
    "steep": (L.LeakyReLU(negative_slope=1.5, name="odd"), "leaky ReLU with slope 1.5"),
    "softmax over rows": (L.Softmax(axis=1, name="odd"), "Softmax along axis 1"),
    "same pooling": (L.MaxPooling2D(2, padding="same", name="odd"), "'same'"),
    "average over the edge": (L.AveragePooling2D(2, padding="same", name="odd"), "'same'"),
    "dense on an image": (L.Dense(3, name="odd"), "Flatten"),
    "separable": (L.SeparableConv2D(4, 3, name="odd"), "SeparableConv2D"),
}


@pytest.mark.parametrize("kind", UNSUPPORTED)
def test_a_layer_that_no_board_carries_is_named(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    layer, reason = UNSUPPORTED[kind]
    model = chain(L.Conv2D(4, 3, name="first"), layer, L.Flatten(name="f"), L.Dense(CLASSES, name="last"))
    monkeypatch.setattr("host_tools.mapping.network._map_plain", lambda *_: pytest.fail("work was done before"))
    with pytest.raises(HostError, match=r"^net: the board does not carry: odd \(") as error:
        map_model(model, np.array([1.0, 2.0]))
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


def test_all_such_layers_are_named_at_once() -> None:
    model = chain(L.UpSampling2D(2, name="one"), L.Flatten(), L.Dense(CLASSES, activation="tanh", name="two"))
    with pytest.raises(HostError, match=r"one \(UpSampling2D\), two \(activation tanh\)"):
        map_model(model, np.array([1.0, 2.0]))


@pytest.mark.parametrize("end", [L.ReLU(name="end"), L.Dense(3, activation="relu", name="end"), L.Flatten(name="end")])
def test_a_network_must_end_with_logits(end: keras.Layer) -> None:
    model = chain(L.Flatten(name="f"), L.Dense(CLASSES, name="d"), end)
    with pytest.raises(HostError, match=r"end \(\w+ with \w+ at the end, expected Dense giving logits\)"):
        map_model(model, np.array([1.0, 2.0]))


def test_two_outputs_are_refused() -> None:
    x = keras.Input(SHAPE)
    flat = L.Flatten(name="flat")(x)
    model = keras.Model(x, [L.Dense(CLASSES, name="side")(flat), L.Dense(CLASSES, name="main")(flat)], name="net")
    with pytest.raises(HostError, match=r"^net: gives 2 outputs"):
        map_model(model, np.array([1.0, 2.0]))


def test_a_functional_chain_maps_as_the_sequential_one_even_after_use_elsewhere() -> None:
    sequential = networks.conv_net()
    x = keras.Input(SHAPE)
    y = x
    for layer in sequential.layers:
        y = layer(y)
    functional = keras.Model(x, y, name="net")
    keras.Model(x, functional(x))
    assert map_model(functional, np.array([1.0, 2.0])).nodes == map_model(sequential, np.array([1.0, 2.0])).nodes


def test_a_layer_that_is_used_twice_is_named() -> None:
    x = keras.Input((16,))
    twice = L.Dense(16, name="twice")
    model = keras.Model(x, L.Dense(CLASSES, name="d")(twice(twice(x))), name="net")
    with pytest.raises(HostError, match=r"carry: twice \(used more than once"):
        map_model(model, np.array([1.0, 2.0]))


def test_an_input_of_any_size_is_refused() -> None:
    x = keras.Input((None, None, 1))
    model = keras.Model(x, L.Conv2D(2, 3, name="c")(x), name="net")
    with pytest.raises(HostError, match="fixed shape"):
        map_model(model, np.array([1.0, 2.0]))


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused(which: int, value: float) -> None:
    model = networks.conv_net()
    weights = model.get_layer("conv2").get_weights()
    weights[which].flat[0] = value
    model.get_layer("conv2").set_weights(weights)
    with pytest.raises(HostError, match="conv2: a weight is NaN or infinite"):
        map_model(model, np.array([1.0, 2.0]))


def test_weights_that_are_all_zero_are_refused() -> None:
    model = networks.conv_net()
    model.get_layer("fc1").set_weights([0 * w for w in model.get_layer("fc1").get_weights()])
    with pytest.raises(HostError, match="fc1: all weights are the same"):
        map_model(model, np.array([1.0, 2.0]))
