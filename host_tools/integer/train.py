"""Training of an integer network: straight-through signs and codes, labels or a teacher, one cycle."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from host_tools.backend import keras
from host_tools.data import Dataset, scaled
from host_tools.errors import HostError
from host_tools.integer.convert import to_integer
from host_tools.integer.layers import Codes
from host_tools.training.augment import Affine, Augment
from host_tools.training.loop import Advance, accuracy, fit
from host_tools.training.schedules import OneCycle

STATISTICS_IMAGES = 10_000


@dataclass(frozen=True)
class IntegerRecipe:
    """How an integer network is trained. bits: of an activation's code.

    kd: weight of the teacher's answers (the ideal network that training starts from) against the labels, at
    `temperature`; 0 needs no trained one. ema: decay per step of the average of the latent weights over the second
    half, which is what is kept; None: the last ones.
    """

    bits: int = 2
    epochs: int = 60
    batch: int = 128
    peak: float = 5e-3
    kd: float = 0.5
    temperature: float = 4.0
    ema: float | None = None
    augment: Augment | None = field(default_factory=lambda: Affine(8.0, 0.06, 1.5))


def train(
    data: Dataset, model: Any, recipe: IntegerRecipe, seed: int, advance: Advance
) -> tuple[Any, dict[str, Any]]:
    """An integer network of the shapes of `model`, a chain, and its record. `advance` is called with a total of
    recipe.epochs. HostError: the model does not fit the data, or cannot be carried. loop.Diverged: no finite loss."""
    if tuple(model.input_shape[1:]) != data.shape or model.output_shape[-1] != len(data.classes):
        raise HostError(
            f"{model.name}: takes {tuple(model.input_shape[1:])} to {model.output_shape[-1]} classes, "
            f"expected {data.shape} to {len(data.classes)} as data set {data.name}"
        )
    return tune(data, to_integer(model, recipe.bits, seed), model, recipe, seed, advance)


def tune(
    data: Dataset, network: Any, teacher: Any, recipe: IntegerRecipe, seed: int, advance: Advance
) -> tuple[Any, dict[str, Any]]:
    """Train an integer network that there is already, in place; the rest as in `train`."""
    from host_tools.training.distill import DistillationLoss, Pair

    rest, x_valid, y_valid = data.validation()
    batch = min(recipe.batch, len(rest.y_train))
    rate = OneCycle(recipe.peak, recipe.epochs * (len(rest.y_train) // batch))
    pair = Pair(network, teacher)
    pair.compile(optimizer=keras.optimizers.Adam(rate), loss=DistillationLoss(recipe.kd, recipe.temperature))
    fit(pair, rest, epochs=recipe.epochs, batch=batch, augment=recipe.augment, seed=seed, advance=advance,
        ema=recipe.ema)  # fmt: skip
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
