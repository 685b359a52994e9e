"""Distillation: a student learns the teacher's answers while its cells are drawn anew in every step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from device_models.profile import DeviceProfile
from host_tools.conversion import Conversion, convert, plain_copy
from host_tools.data import Dataset
from host_tools.errors import HostError
from host_tools.layers import ChipNormalization, RRAMLayer
from host_tools.training.checkpoint import Checkpoint
from host_tools.training.loop import Advance, accuracy, fit
from host_tools.training.on_chips import accuracy_on_chips
from host_tools.training.optimizers import make_optimizer
from host_tools.training.recipes import StudentRecipe
from host_tools.training.schedules import OneCycle
from host_tools.training.statistics import STATISTICS_IMAGES, measure_statistics, norms, take_statistics
from host_tools.training.teaching import DistillationLoss, Pair

VALIDATION_CHIPS = 8
Masks = Mapping[str, NDArray[np.bool_]]


def distill(
    data: Dataset,
    teacher: Any,
    profile: DeviceProfile,
    recipe: StudentRecipe,
    seed: int,
    advance: Advance,
    *,
    start: Any = None,
    masks: Masks | None = None,
    checkpoint: Checkpoint | None = None,
) -> tuple[Any, dict[str, Any]]:
    """A student for `profile` and its record. `advance` is called with a total of recipe.epochs.

    start: a student to go on from (default: the teacher's weights). masks: positions, by layer, whose weights are
    exact in recipe.exact_share of the draws, kernel's shape. loop.Diverged: no finite loss.
    """
    if tuple(teacher.input_shape[1:]) != data.shape or teacher.output_shape[-1] != len(data.classes):
        raise HostError(
            f"--teacher: takes {tuple(teacher.input_shape[1:])} to {teacher.output_shape[-1]} classes, "
            f"expected {data.shape} to {len(data.classes)} as data set {data.name}"
        )
    rest, x_valid, y_valid = data.validation()
    if recipe.whole:
        rest = data
    draws = max(1, min(recipe.batch, len(rest.y_train)) // recipe.group)
    batch = draws * min(recipe.group, len(rest.y_train))
    student = make_student(teacher, profile, recipe, draws, seed, start, masks)
    pair = Pair(student, teacher, recipe.features)
    rate = OneCycle(recipe.peak, (recipe.cycle or recipe.epochs) * (len(rest.y_train) // batch), recipe.warm)
    pair.compile(
        optimizer=make_optimizer(recipe.optimizer, rate, recipe.weight_decay),
        loss=DistillationLoss(recipe.kd, recipe.temperature),
    )
    fit(
        pair, rest, epochs=recipe.epochs, batch=batch, augment=recipe.augment, seed=seed, advance=advance,
        ema=recipe.ema, each_epoch=lambda done: _set_variation(student, recipe, done), checkpoint=checkpoint,
    )  # fmt: skip
    clean = plain_copy(student)
    if norms(clean):
        measure_statistics(clean, rest.x_train[:STATISTICS_IMAGES])
        take_statistics(student, clean)
    held_out = {}
    if not recipe.whole:
        held_out = {
            "validation_accuracy": accuracy(clean, x_valid, y_valid),
            "validation_images": len(y_valid),
            "validation_on_chips": accuracy_on_chips(student, x_valid, y_valid, VALIDATION_CHIPS, seed, rest.x_train),
        }
    return student, {
        "kind": "student",
        "data": data.name,
        "classes": list(data.classes),
        "seed": seed,
        "recipe": asdict(recipe),
        "model": student.name,
        "profile": profile.name,
        "masked": sum(int(mask.sum()) for mask in masks.values()) if masks else 0,
        **held_out,
    }


def make_student(
    teacher: Any, profile: DeviceProfile, recipe: StudentRecipe, draws: int, seed: int, start: Any, masks: Masks | None
) -> Any:
    """The student before its training."""
    options = Conversion(
        clip=recipe.clip, learn_clip=recipe.learn_clip, draws=draws, scale=recipe.scale, quantizer=recipe.quantizer,
        gradient=recipe.gradient, seed=seed,
    )  # fmt: skip
    from host_tools.backend import keras

    student = convert(teacher, profile, options=options)
    if start is not None:
        student.set_weights(start.get_weights())
    for layer in student.layers:
        if isinstance(layer, RRAMLayer):
            mask = (masks or {}).get(layer.name)
            layer.exact_mask.assign(np.zeros(layer.kernel.shape, np.uint8) if mask is None else mask.astype(np.uint8))
            layer.exact_share = recipe.exact_share if masks else 0.0
            if mask is not None and recipe.reach != 1:
                kernel = teacher.get_layer(layer.name).kernel.value
                layer.reach_further(recipe.reach, keras.ops.convert_to_numpy(kernel) if start is None else None)
            layer.calibrated = recipe.calibrated and not _normalised(layer)
            layer.varied = recipe.variation != 1 or recipe.ramp > 0
    return student


def _normalised(layer: RRAMLayer) -> bool:
    """Whether batch norm with each draw's own statistics is all that follows: it undoes a column's gain and offset."""
    nodes = layer._outbound_nodes
    return bool(nodes) and all(isinstance(node.operation, ChipNormalization) for node in nodes)


def _set_variation(student: Any, recipe: StudentRecipe, done: float) -> None:
    """Deviation of the cells when a share `done` of the training is over."""
    risen = min(1.0, done / recipe.ramp) if recipe.ramp > 0 else 1.0
    for layer in student.layers:
        if isinstance(layer, RRAMLayer):
            layer.variation.assign(recipe.variation * risen)
