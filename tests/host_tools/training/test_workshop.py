"""Networks of a recipe are trained once, shipped ones serve only today's recipe, and a mask is known to its student."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the host extra")

from host_tools.errors import HostError
from host_tools.mapping.mask import MaskChoice
from host_tools.record import load_model, read_record
from host_tools.training import workshop
from host_tools.training.checkpoint import Checkpoint
from host_tools.training.recipes import Recipe, StudentPlan, StudentRecipe, TeacherRecipe
from host_tools.training.workshop import Workshop, key_of
from tests.host_tools.networks import data

SHORT = StudentRecipe(epochs=1, batch=32, group=16, augment=None, ema=None)
AWARE = StudentPlan(SHORT, start="student", mask_from="student", mask=MaskChoice(sram_percent=5.0))
RECIPE = Recipe("corners", "corners", "charan-65nm", TeacherRecipe("tiny", epochs=1, batch=32, augment=None), SHORT,
                {"aware": AWARE})  # fmt: skip


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def shop(cache: Path, recipe: Recipe = RECIPE, **changes: Any) -> tuple[Workshop, list[str]]:
    told: list[str] = []
    given, seed = changes.pop("data", data(60)), changes.pop("seed", 0)
    return Workshop(recipe, given, seed, cache, tell=told.append, **changes), told


def test_everything_is_trained_once_and_the_mask_has_its_size(cache: Path) -> None:
    first, told = shop(cache)
    path = first.student("aware")
    assert [line.split("-")[1] for line in told] == ["teacher", "student", "aware"]
    again, silent = shop(cache)
    assert again.student("aware") == path and again.teacher().exists() and silent == []
    student = load_model(path)
    layers = [layer for layer in student.layers if hasattr(layer, "exact_mask")]
    weights = sum(int(np.prod(layer.kernel.shape)) for layer in layers)
    columns = sum(layer.kernel.shape[-1] for layer in layers)
    masked = sum(int(np.asarray(layer.exact_mask).sum()) for layer in layers)
    assert masked == read_record(path)["masked"] == int(0.05 * weights) - 2 * columns
    assert not list(cache.glob("*.partial.npz"))


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"data": data(60, seed=4)},
        {"recipe": replace(RECIPE, teacher=replace(RECIPE.teacher, peak=1e-3))},
    ],
    ids=["seed", "data", "recipe"],
)
def test_other_work_is_not_taken_for_it(cache: Path, changes: dict[str, Any]) -> None:
    known, _ = shop(cache)
    other, told = shop(cache, **changes)
    assert other.teacher() != known.teacher() and len(told) == 1


def test_a_shipped_network_serves_todays_recipe_only(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workshop, "SHIPPED", tmp_path / "zoo")
    (tmp_path / "zoo").mkdir()
    known, _ = shop(cache)
    shipped = tmp_path / "zoo" / "corners-teacher.keras"
    shutil.copy(known.teacher(), shipped)
    fast, told = shop(tmp_path / "empty")
    assert fast.teacher() == shipped and told == []
    changed, told = shop(tmp_path / "empty", replace(RECIPE, teacher=replace(RECIPE.teacher, peak=1e-3)))
    assert changed.teacher() != shipped and len(told) == 1
    fresh, told = shop(tmp_path / "fresh", fresh=True)
    assert key_of(fresh.teacher()) == key_of(shipped) and len(told) == 1


def test_an_unknown_student_is_named() -> None:
    with pytest.raises(HostError, match="student 'aweare' is unknown, expected one of student, aware"):
        RECIPE.plan("aweare")


def test_an_interrupted_training_of_a_recipe_goes_on_by_the_same_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(RECIPE, teacher=replace(RECIPE.teacher, epochs=2), more={})
    save = Checkpoint.save

    def stop(self: Checkpoint, *given: Any) -> None:
        save(self, *given)
        raise KeyboardInterrupt

    first, told = shop(tmp_path, recipe)
    with monkeypatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr(Checkpoint, "save", stop)
        first.teacher()
    assert ended.value.code == 130 and told[-1].endswith("last whole epoch, the same command goes on from there")
    straight, _ = shop(tmp_path / "straight", recipe)
    on, wanted = (load_model(one.teacher()).get_weights() for one in (shop(tmp_path, recipe)[0], straight))
    for weights, expected in zip(on, wanted, strict=True):
        np.testing.assert_array_equal(weights, expected)
