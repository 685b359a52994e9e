"""Hyper-parameters, frozen and named. They were chosen on validation parts, never on a test set."""

from __future__ import annotations

from dataclasses import dataclass, field

from host_tools.augment import Affine
from host_tools.errors import HostError


@dataclass(frozen=True)
class TeacherRecipe:
    """How an ideal network is trained: Adam, one cycle of the learning rate."""

    model: str = "auto"
    epochs: int = 20
    batch: int = 128
    peak: float = 3e-3
    augment: Affine | None = field(default_factory=Affine)


@dataclass(frozen=True)
class StudentRecipe:
    """How a student learns from the teacher with cells in the loop.

    clip: standard deviations of a layer's weights that the outermost level stands for. group: samples that share one
    draw of the cells. kd: weight of the teacher's answers against the labels, at `temperature`. ema: decay per step
    of the average of the weights over the second half, which is what is kept.
    """

    epochs: int = 24
    batch: int = 128
    peak: float = 3e-3
    clip: float = 0.8
    group: int = 16
    kd: float = 0.9
    temperature: float = 4.0
    ema: float = 0.9995
    augment: Affine | None = field(default_factory=Affine)


@dataclass(frozen=True)
class Recipe:
    """A whole way on one data set: teacher, then student for a profile."""

    name: str
    data: str
    profile: str
    teacher: TeacherRecipe
    student: StudentRecipe


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("mnist-lenet5", "mnist", "charan-65nm", TeacherRecipe("lenet5"), StudentRecipe()),
        Recipe(
            "digits",
            "digits",
            "charan-65nm",
            TeacherRecipe("tiny", epochs=60, batch=64, augment=Affine(8.0, 0.05, 0.5)),
            StudentRecipe(epochs=90, batch=64, peak=6e-3, clip=0.6, ema=0.995, augment=Affine(8.0, 0.05, 0.5)),
        ),
    )
}


def get(name: str) -> Recipe:
    """The recipe of this name, or HostError with the names there are."""
    if name not in RECIPES:
        raise HostError(f"--recipe: {name!r} is unknown, expected one of {', '.join(RECIPES)}")
    return RECIPES[name]


def for_data(name: str) -> Recipe:
    """The recipe for a data set: its own where there is one, else MNIST's with the model chosen by the images."""
    own = [recipe for recipe in RECIPES.values() if recipe.data == name]
    if own:
        return own[0]
    base = RECIPES["mnist-lenet5"]
    return Recipe(name, name, base.profile, TeacherRecipe("auto"), base.student)
