"""Distillation: a student learns the teacher's answers while its cells are drawn anew in every step."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from device_models.profile import DeviceProfile
from host_tools.backend import keras
from host_tools.conversion import convert, load_chip, plain_copy
from host_tools.data import Dataset
from host_tools.errors import HostError
from host_tools.training.loop import Advance, accuracy, fit
from host_tools.training.recipes import StudentRecipe
from host_tools.training.schedules import OneCycle

ops = keras.ops
VALIDATION_CHIPS = 8


class Pair(keras.Model):  # type: ignore[misc]
    """Student and teacher side by side: [n, 2, classes], the student's logits first. Only the student is trained."""

    def __init__(self, student: Any, teacher: Any) -> None:
        super().__init__()
        self.student, self.teacher = student, keras.models.clone_model(teacher)  # a copy: the caller's stays trainable
        self.teacher.set_weights(teacher.get_weights())
        self.teacher.trainable = False

    def call(self, x: Any, training: bool | None = None) -> Any:
        answers = ops.stop_gradient(self.teacher(x, training=False))
        return ops.stack([self.student(x, training=training), answers], axis=1)


class DistillationLoss(keras.losses.Loss):  # type: ignore[misc]
    """(1 - kd) cross-entropy + kd T^2 KL(teacher || student), both softened by T (Hinton, 2015). y_pred is a Pair's
    output."""

    def __init__(self, kd: float, temperature: float) -> None:
        super().__init__(name="distillation")
        self.kd, self.temperature = kd, temperature

    def call(self, y_true: Any, y_pred: Any) -> Any:
        student, teacher, t = y_pred[:, 0], y_pred[:, 1], self.temperature
        hard = keras.losses.sparse_categorical_crossentropy(y_true, student, from_logits=True)
        p = ops.softmax(teacher / t)
        soft = ops.sum(p * (ops.log_softmax(teacher / t) - ops.log_softmax(student / t)), axis=-1)
        return (1 - self.kd) * hard + self.kd * t * t * soft


def distill(
    data: Dataset, teacher: Any, profile: DeviceProfile, recipe: StudentRecipe, seed: int, advance: Advance
) -> tuple[Any, dict[str, Any]]:
    """A student for `profile` and its record. `advance` is called with a total of recipe.epochs. loop.Diverged: no
    finite loss."""
    if tuple(teacher.input_shape[1:]) != data.shape or teacher.output_shape[-1] != len(data.classes):
        raise HostError(
            f"--teacher: takes {tuple(teacher.input_shape[1:])} to {teacher.output_shape[-1]} classes, "
            f"expected {data.shape} to {len(data.classes)} as data set {data.name}"
        )
    rest, x_valid, y_valid = data.validation()
    draws = max(1, min(recipe.batch, len(rest.y_train)) // recipe.group)
    batch = draws * min(recipe.group, len(rest.y_train))
    student = convert(teacher, profile.model_dump(mode="json", exclude_none=True), recipe.clip, draws, seed)
    pair = Pair(student, teacher)
    rate = OneCycle(recipe.peak, recipe.epochs * (len(rest.y_train) // batch))
    pair.compile(optimizer=keras.optimizers.Adam(rate), loss=DistillationLoss(recipe.kd, recipe.temperature))
    fit(
        pair,
        rest,
        epochs=recipe.epochs,
        batch=batch,
        augment=recipe.augment,
        seed=seed,
        advance=advance,
        ema=recipe.ema,
    )
    clean = plain_copy(student)
    chips = []
    rng = np.random.default_rng(seed)
    record = {
        "kind": "student",
        "data": data.name,
        "classes": list(data.classes),
        "seed": seed,
        "recipe": asdict(recipe),
        "model": student.name,
        "profile": profile.name,
        "validation_accuracy": accuracy(clean, x_valid, y_valid),
        "validation_images": len(y_valid),
    }
    for _ in range(VALIDATION_CHIPS):
        load_chip(clean, student, rng)
        chips.append(accuracy(clean, x_valid, y_valid))
    record["validation_on_chips"] = chips
    return student, record
