"""Training of the ideal network, the teacher."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from host_tools.data import Dataset
from host_tools.record import load_model, read_record, save_model
from host_tools.training.checkpoint import Checkpoint
from host_tools.training.loop import Advance, accuracy, fit
from host_tools.training.recipes import TeacherRecipe

__all__ = ["load_model", "read_record", "save_model", "train"]


def train(
    data: Dataset, recipe: TeacherRecipe, seed: int, advance: Advance, checkpoint: Checkpoint | None = None
) -> tuple[Any, dict[str, Any]]:
    """A trained network and its record. `advance` is called with a total of recipe.epochs. loop.Diverged: no finite
    loss."""
    from host_tools import models
    from host_tools.backend import keras
    from host_tools.training.optimizers import make_optimizer
    from host_tools.training.schedules import OneCycle
    from host_tools.training.statistics import STATISTICS_IMAGES, measure_statistics, norms

    rest, x_valid, y_valid = data.validation()
    model = models.build(recipe.model, data.shape, len(data.classes), seed)
    batch = min(recipe.batch, len(rest.y_train))
    rate = OneCycle(recipe.peak, recipe.epochs * (len(rest.y_train) // batch))
    optimizer = make_optimizer(recipe.optimizer, rate, recipe.weight_decay)
    model.compile(optimizer=optimizer, loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    fit(
        model, rest, epochs=recipe.epochs, batch=batch, augment=recipe.augment, seed=seed, advance=advance,
        ema=recipe.ema, checkpoint=checkpoint,
    )  # fmt: skip
    if recipe.ema is not None and norms(model):  # those of the last weights, not of their average
        measure_statistics(model, rest.x_train[:STATISTICS_IMAGES])
    record = {
        "kind": "teacher",
        "data": data.name,
        "classes": list(data.classes),
        "seed": seed,
        "recipe": asdict(recipe),
        "model": model.name,
        "validation_accuracy": accuracy(model, x_valid, y_valid),
        "validation_images": len(y_valid),
    }
    return model, record
