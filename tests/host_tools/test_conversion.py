"""From a plain network to one on pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the host extra")

from host_tools.backend import keras
from host_tools.conversion import convert, load_chip, plain_copy
from host_tools.errors import HostError
from tests.host_tools.profiles import changed, charan

L = keras.layers
X = np.random.default_rng(2).uniform(0, 1, (6, 8, 8, 1)).astype(np.float32)


def functional() -> Any:
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
    student = convert(teacher, charan(), clip=0.8, draws=2)
    for name in ("c", "h", "out"):
        w, layer = teacher.get_layer(name).kernel.numpy(), student.get_layer(name)
        assert layer.w_clip == pytest.approx(0.8 * w.std(), rel=1e-5) and layer.draws == 2
        np.testing.assert_allclose(layer.kernel.numpy(), np.clip(w, -layer.w_clip, layer.w_clip), rtol=1e-5)


def test_without_spread_and_with_a_wide_clip_the_student_is_nearly_the_teacher() -> None:
    teacher = functional()
    fine = changed(sigma=0.0, levels=[float(v) for v in np.linspace(10, 50, 200)])
    student = convert(teacher, fine, clip=4.0)
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


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([L.Flatten(), L.BatchNormalization(), L.Dense(4)], "is a BatchNormalization, expected"),
        ([L.Flatten(), L.Dense(4, activation="tanh"), L.Dense(4)], "has activation tanh"),
        ([L.Flatten(), L.Dense(4, activation="softmax")], "has activation softmax"),
        ([L.Conv2D(4, 3, groups=2), L.Flatten(), L.Dense(4)], "groups"),
        ([L.Dense(4), L.Flatten()], "last layer must be a Dense"),
    ],
)
def test_what_cannot_be_put_on_pairs_is_named(layers: list[Any], message: str) -> None:
    with pytest.raises(HostError, match=message):
        convert(keras.Sequential([L.Input((8, 8, 2)), *layers]), charan())


def test_branches_are_refused() -> None:
    inputs = L.Input((8, 8, 1))
    hidden = L.Dense(4, name="twice")
    x = L.Flatten()(inputs)
    model = keras.Model(inputs, L.Dense(2)(hidden(hidden(L.Dense(4)(x)))))
    with pytest.raises(HostError, match=r"twice is used 2 times|expected a chain"):
        convert(model, charan())
    with pytest.raises(HostError, match="expected"):
        convert(keras.Model(inputs, L.Dense(2)(L.Add()([L.Dense(4)(x), L.Dense(4)(x)]))), charan())
