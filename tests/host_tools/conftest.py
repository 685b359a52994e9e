"""One short training, shared by every test that needs trained networks and their bundles."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from host_tools.data import Dataset
    from host_tools.study.run import RecipeFiles
    from host_tools.training.recipes import Recipe


@dataclass(frozen=True)
class Trained:
    """A recipe of few epochs on digits, what it left behind, and the cache folder it lies in."""

    recipe: Recipe
    data: Dataset
    files: RecipeFiles
    cache: Path


def short(recipe: Recipe, teacher: int, student: int) -> Recipe:
    """The recipe with so many epochs."""
    return replace(
        recipe,
        teacher=replace(recipe.teacher, epochs=teacher, augment=None),
        student=replace(recipe.student, epochs=student, augment=None, ema=0.97),
    )


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Teacher, student and both bundles of digits: about 20 seconds, once."""
    pytest.importorskip("tensorflow", reason="networks are Keras models")
    pytest.importorskip("sklearn", reason="digits come with scikit-learn")
    from host_tools.data import load
    from host_tools.study.prepare import prepare
    from host_tools.training import recipes

    recipe, data = short(recipes.get("digits"), 5, 6), load("digits")
    cache = tmp_path_factory.mktemp("cache")
    return Trained(recipe, data, prepare(recipe, data, 0, cache), cache)
