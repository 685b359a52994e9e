"""Distillation: the loss against scipy, and what a student gains on chips over its teacher."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the host extra")

from scipy.special import log_softmax, softmax

from device_models.profile import DeviceProfile
from host_tools.conversion import Conversion, convert, load_chip, plain_copy
from host_tools.data import Dataset, load
from host_tools.errors import HostError
from host_tools.models import build
from host_tools.training import recipes
from host_tools.training.distill import distill, make_student
from host_tools.training.loop import accuracy
from host_tools.training.teaching import DistillationLoss, Pair
from host_tools.training.train import train

QUIET = lambda amount, note: None  # noqa: E731


def test_the_loss_is_hintons() -> None:
    rng = np.random.default_rng(0)
    student, teacher, y = rng.normal(0, 3, (6, 5)), rng.normal(0, 3, (6, 5)), rng.integers(0, 5, 6)
    hard = -log_softmax(student, axis=1)[np.arange(6), y]
    p = softmax(teacher / 4, axis=1)
    soft = (p * (np.log(p) - log_softmax(student / 4, axis=1))).sum(axis=1)
    expected = (0.1 * hard + 0.9 * 16 * soft).mean()
    both = np.stack([student, teacher], axis=1).astype(np.float32)
    assert float(DistillationLoss(0.9, 4.0)(y, both)) == pytest.approx(expected, rel=1e-4)


def test_only_the_student_is_trained_and_the_callers_teacher_is_left_alone() -> None:
    teacher = build("tiny", (8, 8, 1), 10)
    pair = Pair(convert(teacher, "charan-65nm"), teacher)
    x = np.zeros((2, 8, 8, 1), np.float32)
    assert pair(x).shape == (2, 2, 10)
    assert len(pair.trainable_variables) == 3 * 4 and len(teacher.trainable_variables) == 2 * 4


def test_a_teacher_for_other_images_is_refused() -> None:
    with pytest.raises(HostError, match=r"takes \(8, 8, 1\) to 7 classes, expected \(8, 8, 1\) to 10"):
        distill(
            load("digits"),
            build("tiny", (8, 8, 1), 7),
            DeviceProfile.load("charan-65nm"),
            recipes.StudentRecipe(),
            0,
            QUIET,
        )


def test_a_student_keeps_on_chips_what_the_teacher_loses() -> None:
    data, profile = load("digits"), DeviceProfile.load("charan-65nm")
    recipe = recipes.get("digits")
    teacher, record = train(data, replace(recipe.teacher, epochs=6), 0, QUIET)
    assert record["validation_accuracy"] > 90
    student, told = distill(data, teacher, profile, replace(recipe.student, epochs=12), 0, QUIET)
    unhelped = convert(teacher, profile, options=Conversion(clip=2.5))
    rng, copy, on_chips = np.random.default_rng(1), plain_copy(student), {}
    for name, network in (("student", student), ("teacher", unhelped)):
        results = []
        for _ in range(6):
            load_chip(copy, network, rng)
            results.append(accuracy(copy, data.x_test, data.y_test))
        on_chips[name] = float(np.mean(results))
    assert on_chips["student"] > on_chips["teacher"] + 10
    assert len(told["validation_on_chips"]) == 8 and told["profile"] == "charan-65nm"
    assert told["recipe"]["epochs"] == 12


@pytest.mark.parametrize("whole", [False, True])
def test_the_last_training_may_have_the_validation_part_but_never_the_test_part(
    monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    data, seen = load("digits"), []

    def seeing(model: object, images: Dataset, **more: object) -> None:
        seen.append(images.x_train)

    monkeypatch.setattr("host_tools.training.distill.fit", seeing)
    student = replace(recipes.get("digits").student, whole=whole)
    _, told = distill(data, build("tiny", (8, 8, 1), 10), DeviceProfile.load("charan-65nm"), student, 0, QUIET)
    expected = data.x_train if whole else data.x_train[: -told["validation_images"]]
    np.testing.assert_array_equal(seen[0], expected)
    assert ("validation_on_chips" in told) is ("validation_accuracy" in told) is not whole


def test_columns_that_batch_norm_follows_are_not_fitted_since_it_undoes_the_fit() -> None:
    import keras

    rng = np.random.default_rng(3)
    image, first, second = keras.Input((8, 8, 2)), *(keras.initializers.GlorotUniform(seed) for seed in (1, 2))
    x = keras.layers.Conv2D(6, 3, use_bias=False, name="normed", kernel_initializer=first)(image)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization(epsilon=1e-6, name="norm")(x))
    x = keras.layers.Conv2D(4, 3, activation="relu", name="bare", kernel_initializer=second)(x)
    teacher = keras.Model(image, keras.layers.Dense(3, name="last")(keras.layers.Flatten()(x)))
    recipe = recipes.StudentRecipe(calibrated=True)
    student = make_student(teacher, DeviceProfile.load("charan-65nm"), recipe, 4, 0, None, None)
    normed = student.get_layer("normed")
    assert [student.get_layer(name).calibrated for name in ("normed", "bare", "last")] == [False, True, True]
    behind = keras.Model(student.input, student.get_layer("norm").output)
    images, state = rng.uniform(0, 1, (64, 8, 8, 2)).astype(np.float32), normed.seeds.state.numpy()
    outputs = []
    for normed.calibrated in (False, True):
        normed.seeds.state.assign(state)
        outputs.append(behind(images, training=True).numpy())
    np.testing.assert_allclose(*outputs, atol=2e-3)
    plain = behind(images, training=True).numpy()  # other cells
    assert np.abs(plain - outputs[0]).max() > 0.1
