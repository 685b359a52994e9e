"""Knowledge distillation: student and teacher side by side, and the loss between them."""

from __future__ import annotations

from typing import Any

from host_tools.backend import keras
from host_tools.layers import RRAMLayer

ops = keras.ops


class Pair(keras.Model):  # type: ignore[misc]
    """Student and teacher side by side: [n, 2, classes], the student's logits first. Only the student is trained.

    features > 0 adds that weight times the mean squared distance between the outputs of the layers on pairs and those
    of the teacher's layers of the same names, in units of the teacher's variance (Romero et al., FitNets, 2015).
    """

    def __init__(self, student: Any, teacher: Any, features: float = 0.0) -> None:
        super().__init__()
        self.student, self.teacher = student, keras.models.clone_model(teacher)  # a copy: the caller's stays trainable
        self.teacher.set_weights(teacher.get_weights())
        self.teacher.trainable = False
        self.features = features
        names = [layer.name for layer in student.layers if isinstance(layer, RRAMLayer)] if features else []
        self.sides = [
            keras.Model(model.inputs, [*(model.get_layer(name).output for name in names), model.outputs[0]])
            for model in (self.student, self.teacher)
        ]

    def call(self, x: Any, training: bool | None = None) -> Any:
        *own, logits = _list(self.sides[0](x, training=training))
        *aims, answers = [ops.stop_gradient(y) for y in _list(self.sides[1](x, training=False))]
        for y, aim in zip(own, aims, strict=True):
            spread = ops.var(aim) + 1e-6
            self.add_loss(self.features * ops.mean(ops.square(y - aim)) / (spread * len(own)))
        return ops.stack([logits, answers], axis=1)


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


def _list(outputs: Any) -> list[Any]:
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
