"""How integer networks are trained, by data set. Chosen on validation parts."""

from __future__ import annotations

from dataclasses import dataclass, field

from host_tools.data import Dataset
from host_tools.training.augment import Affine, Augment, CropFlip


@dataclass(frozen=True)
class IntegerRecipe:
    """bits: of an activation's code. peak: of one cycle of the learning rate.

    kd: weight of the teacher's answers (the ideal network that training starts from) against the labels, at
    `temperature`; 0 needs no trained one. ema: decay per step of the average of the latent weights over the second
    half, which is what is kept; None: the last ones.
    """

    bits: int = 2
    epochs: int = 14
    batch: int = 128
    peak: float = 5e-3
    kd: float = 0.5
    temperature: float = 4.0
    ema: float | None = None
    augment: Augment | None = field(default_factory=lambda: Affine(8.0, 0.06, 1.5))


RECIPES = {
    "digits": IntegerRecipe(epochs=20, batch=64, augment=Affine(8.0, 0.05, 0.5)),
    "cifar10": IntegerRecipe(epochs=60, augment=CropFlip()),
}


def recipe_for(data: Dataset) -> IntegerRecipe:
    """The recipe of a data set by its name, MNIST's for others."""
    return RECIPES.get(data.name, IntegerRecipe())
