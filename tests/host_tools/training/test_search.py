"""A search tries every candidate with a quarter of the epochs, takes the best mean over chips, and survives a NaN."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("keras", reason="needs the host extra")

from device_models.profile import DeviceProfile
from host_tools.training import search as searching
from host_tools.training.loop import Diverged
from host_tools.training.recipes import StudentRecipe
from host_tools.training.search import search
from tests.host_tools.networks import data

PROFILE = DeviceProfile.load("charan-65nm")


def test_the_best_mean_over_chips_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[StudentRecipe] = []

    def distill(*arguments: Any, **options: Any) -> Any:
        recipe = arguments[3]
        seen.append(recipe)
        assert options == {"masks": "some"}
        if recipe.variation == 2.0:
            raise Diverged("the loss is nan")
        return None, {"validation_on_chips": [90 - 10 * abs(recipe.variation - 0.6), 80.0]}

    monkeypatch.setattr(searching, "distill", distill)
    told: list[str] = []
    found = search("variation", data(), None, PROFILE, StudentRecipe(epochs=20), 0, told.append, (0.25, 0.5, 1.0, 2.0),
                   masks="some")  # fmt: skip
    assert found.best == 0.5 and [t.value for t in found.tried] == [0.25, 0.5, 1.0, 2.0]
    assert found.tried[1].mean == pytest.approx(84.5) and found.tried[1].least == 80.0 and found.tried[3].mean == 0.0
    assert {recipe.epochs for recipe in seen} == {5} and {recipe.clip for recipe in seen} == {0.8}
    assert told[1] == "variation 0.5: 84.50 % on validation chips (lowest 80.00 %)"


def test_a_clip_is_searched_by_real_trainings() -> None:
    from host_tools import models

    teacher = models.build("tiny", (8, 8, 1), 4)
    recipe = StudentRecipe(epochs=8, batch=40, group=20, kd=0.0, peak=0.01, ema=None, augment=None)
    found = search("clip", data(200), teacher, PROFILE, recipe, 0, lambda line: None, (0.001, 1.0))
    assert found.best == 1.0 and found.tried[1].mean > found.tried[0].mean + 10
