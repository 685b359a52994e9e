"""Training of an integer network: straight-through signs and codes, labels or a teacher, one cycle."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from host_tools.backend import keras
from host_tools.data import Dataset, scaled
from host_tools.errors import HostError
from host_tools.integer.convert import ends_in_softmax, to_integer
from host_tools.integer.layers import Codes
from host_tools.integer.recipe import IntegerRecipe
from host_tools.training.checkpoint import Checkpoint
from host_tools.training.loop import Advance, accuracy, fit
from host_tools.training.schedules import OneCycle
from host_tools.training.teaching import DistillationLoss, Pair

STATISTICS_IMAGES = 10_000


def train(
    data: Dataset, model: Any, recipe: IntegerRecipe, seed: int, advance: Advance, checkpoint: Checkpoint | None = None
) -> tuple[Any, dict[str, Any]]:
    """An integer network of the shapes of `model`, a chain, and its record. `advance` is called with a total of
    recipe.epochs. HostError: the model does not fit the data, or cannot be carried. loop.Diverged: no finite loss."""
    if tuple(model.input_shape[1:]) != data.shape or model.output_shape[-1] != len(data.classes):
        raise HostError(
            f"{model.name}: takes {tuple(model.input_shape[1:])} to {model.output_shape[-1]} classes, "
            f"expected {data.shape} to {len(data.classes)} as data set {data.name}"
        )
    if recipe.kd > 0 and ends_in_softmax(model):
        raise HostError(f"{model.name}: ends in softmax, expected logits where the network teaches (kd {recipe.kd:g})")
    return tune(data, to_integer(model, recipe.bits, seed), model, recipe, seed, advance, checkpoint)


def tune(
    data: Dataset, network: Any, teacher: Any, recipe: IntegerRecipe, seed: int, advance: Advance,
    checkpoint: Checkpoint | None = None,
) -> tuple[Any, dict[str, Any]]:  # fmt: skip
    """Train an integer network that there is already, in place; the rest as in `train`."""

    rest, x_valid, y_valid = data.validation()
    batch = min(recipe.batch, len(rest.y_train))
    rate = OneCycle(recipe.peak, recipe.epochs * (len(rest.y_train) // batch))
    pair = Pair(network, teacher)
    pair.compile(optimizer=keras.optimizers.Adam(rate), loss=DistillationLoss(recipe.kd, recipe.temperature))
    fit(pair, rest, epochs=recipe.epochs, batch=batch, augment=recipe.augment, seed=seed, advance=advance,
        ema=recipe.ema, checkpoint=checkpoint)  # fmt: skip
    estimate_statistics(network, rest.x_train[:STATISTICS_IMAGES])
    record = {
        "kind": "integer",
        "data": data.name,
        "classes": list(data.classes),
        "seed": seed,
        "recipe": asdict(recipe),
        "model": network.name,
        "validation_accuracy": accuracy(network, x_valid, y_valid),
        "validation_images": len(y_valid),
    }
    return network, record


def estimate_statistics(network: Any, images: NDArray[np.uint8], batch: int = 1000) -> None:
    """Give every norm the mean and variance that its sums have over `images` [n, H, W, C] with the final weights."""
    x = scaled(images)
    for layer in network.layers:
        if isinstance(layer, Codes):
            axes = tuple(range(x.ndim - 1))
            layer.moving_mean.assign(x.mean(axis=axes, dtype=np.float64))
            layer.moving_variance.assign(x.var(axis=axes, dtype=np.float64))
        parts = [layer(x[i : i + batch]) for i in range(0, len(x), batch)]
        x = np.concatenate([keras.ops.convert_to_numpy(part) for part in parts])
