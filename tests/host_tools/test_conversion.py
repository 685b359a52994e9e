"""From a plain network to one on pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the host extra")

from device_models.macro import MacroConfig
from host_tools.backend import keras
from host_tools.conversion import Conversion, convert, load_chip, plain_copy
from host_tools.errors import HostError
from tests.host_tools.profiles import changed, charan

L = keras.layers
X = np.random.default_rng(2).uniform(0, 1, (6, 8, 8, 1)).astype(np.float32)


def functional() -> Any:
    keras.utils.set_random_seed(1)  # its first weights
    x = inputs = L.Input((8, 8, 1))
    for layer in (
        L.Conv2D(3, 3, padding="same", activation="relu", name="c"),
        L.MaxPooling2D(2),
        L.Flatten(),
        L.Dense(9, name="h"),
        L.ReLU(),
        L.Dense(4, name="out"),
    ):
        x = layer(x)
    return keras.Model(inputs, x)


def test_the_clip_is_in_standard_deviations_and_weights_are_clamped_to_it() -> None:
    teacher = functional()
    student = convert(teacher, charan(), options=Conversion(draws=2))
    for name in ("c", "h", "out"):
        w, layer = teacher.get_layer(name).kernel.numpy(), student.get_layer(name)
        assert layer.w_clip == pytest.approx(0.8 * w.std(), rel=1e-5) and layer.draws == 2
        np.testing.assert_allclose(layer.kernel.numpy(), np.clip(w, -layer.w_clip, layer.w_clip), rtol=1e-5)


def test_without_spread_and_with_a_wide_clip_the_student_is_nearly_the_teacher() -> None:
    teacher = functional()
    fine = changed(sigma=0.0, levels=[float(v) for v in np.linspace(10, 50, 200)])
    student = convert(teacher, fine, options=Conversion(clip=4.0))
    np.testing.assert_allclose(student(X, training=False).numpy(), teacher(X).numpy(), atol=0.02)


def test_the_plain_copy_is_the_student_and_a_chip_is_a_function_of_the_generator() -> None:
    student = convert(functional(), charan())
    student.get_layer("h").gain.assign(np.linspace(0.5, 2, 9))
    student.get_layer("out").bias.assign([1, 2, 3, 4])
    copy = plain_copy(student)
    np.testing.assert_allclose(copy(X).numpy(), student(X, training=False).numpy(), atol=1e-5)
    answers = []
    for seed in (1, 1, 2):
        load_chip(copy, student, np.random.default_rng(seed))
        answers.append(copy(X).numpy())
    np.testing.assert_array_equal(answers[0], answers[1])
    assert np.abs(answers[0] - answers[2]).max() > 1e-3


def residual() -> Any:
    """Branches, batch norms, a depthwise layer, average pooling, and layers that no pair can hold."""
    x = inputs = L.Input((8, 8, 2))
    y = L.BatchNormalization(name="n1")(L.Conv2D(4, 3, padding="same", use_bias=False, name="c1")(x))
    y = L.DepthwiseConv2D(3, padding="same", depth_multiplier=2, name="d")(L.ReLU()(y))
    z = L.Conv2D(8, 1, name="short")(x)
    z = L.LayerNormalization(name="ln")(L.Add()([y, z]))
    z = L.Conv2D(4, 3, groups=2, name="grouped")(z)
    return keras.Model(inputs, L.Dense(3, name="out")(L.GlobalAveragePooling2D()(z)), name="net")


def test_a_graph_keeps_its_shape_and_says_what_stays_digital() -> None:
    teacher, lines = residual(), []
    teacher.get_layer("n1").set_weights([np.array(v) for v in ([1, 2, 3, 4], [0.1] * 4, [0.5] * 4, [2.0] * 4)])
    fine = changed(sigma=0.0, levels=[float(v) for v in np.linspace(10, 50, 200)])
    student = convert(teacher, fine, options=Conversion(clip=4.0, draws=2), tell=lines.append)
    assert lines == ["ln (LayerNormalization) stays digital"]
    x = np.random.default_rng(0).uniform(0, 1, (6, 8, 8, 2)).astype(np.float32)
    np.testing.assert_allclose(student(x, training=False), teacher(x, training=False), atol=0.03)
    np.testing.assert_allclose(plain_copy(student)(x), student(x, training=False), atol=1e-5)
    kinds = [type(layer).__name__ for layer in student.layers]
    assert kinds.count("RRAMConv2D") == 3 and "RRAMDepthwiseConv2D" in kinds and "ChipNormalization" in kinds


def test_per_channel_scale_leaves_what_the_network_computes() -> None:
    keras.utils.set_random_seed(0)  # nine weights a channel: of some draws one lies beyond the clip
    teacher = functional()
    kernel = teacher.get_layer("c").kernel.numpy() * np.array([0.2, 1.0, 5.0])
    teacher.get_layer("c").kernel.assign(kernel)
    fine = changed(sigma=0.0, levels=[float(v) for v in np.linspace(10, 50, 200)])
    student = convert(teacher, fine, options=Conversion(clip=4.0, scale="per-channel"))
    spread = student.get_layer("c").kernel.numpy().std(axis=(0, 1, 2))
    np.testing.assert_allclose(spread, kernel.std(), rtol=1e-3)
    np.testing.assert_allclose(student(X, training=False).numpy(), teacher(X).numpy(), atol=0.05)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: keras.Sequential([L.Input((8, 8, 1)), L.Flatten()], name="s"), "model s: no Dense, Conv2D or"),
        (lambda: twice(), "layer twice is used more than once, expected once"),
        (lambda: Own(name="own"), "model own: a Own, expected a Sequential or functional model"),
        (lambda: constant(), "d: all weights are the same, expected different ones"),
    ],
)
def test_what_cannot_be_converted_is_one_line(model: Any, message: str) -> None:
    with pytest.raises(HostError, match=message) as told:
        convert(model(), charan())
    assert "\n" not in str(told.value)


class Own(keras.Model):  # type: ignore[misc]
    """A model whose graph is its own code."""

    def call(self, x: Any) -> Any:
        return x


def twice() -> Any:
    inputs, layer = L.Input((4,)), L.Dense(4, name="twice")
    return keras.Model(inputs, layer(layer(inputs)))


def constant() -> Any:
    return keras.Sequential([L.Input((4,)), L.Dense(3, kernel_initializer="ones", name="d")])


def test_a_macro_without_pairs_is_refused() -> None:
    with pytest.raises(HostError, match="pairing: students are trained on differential pairs, not 'offset'"):
        convert(functional(), charan(), MacroConfig(pairing="offset"))


def test_the_package_offers_it_by_name() -> None:
    import host_tools

    assert host_tools.convert is convert
    with pytest.raises(AttributeError, match="nothing"):
        _ = host_tools.nothing
