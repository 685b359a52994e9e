"""Recipes: trained once, kept, and blind to the test set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="networks are Keras models")

from safetensors.numpy import load_file

from host_tools.data import Dataset
from host_tools.mapping.draft import ExportOptions
from host_tools.mapping.mask import MaskChoice
from host_tools.record import load_model, sha256
from host_tools.study.prepare import prepare
from host_tools.study.run import RecipeFiles
from host_tools.training import recipes
from tests.host_tools import networks
from tests.host_tools.conftest import Trained, short

OPTIONS = ExportOptions(mask=MaskChoice(sram_percent=5.0))


def hashes(files: RecipeFiles) -> dict[str, str]:
    """Digest of each file."""
    return {name: sha256(getattr(files, name)) for name in RecipeFiles.__dataclass_fields__}


def test_a_second_run_trains_and_exports_nothing(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    before = hashes(trained.files)
    for name in ("training.train.train", "training.distill.distill", "study.prepare.export_bundle"):
        monkeypatch.setattr(f"host_tools.{name}", lambda *_, **__: pytest.fail("work was done again"))
    assert prepare(trained.recipe, trained.data, 0, trained.cache) == trained.files
    assert hashes(trained.files) == before


def test_another_seed_recipe_or_data_set_is_other_work(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    class StartedError(Exception):
        """Training was started."""

    def started(*_: object, **__: object) -> None:
        raise StartedError

    monkeypatch.setattr("host_tools.training.train.train", started)
    less = replace(trained.data, x_train=trained.data.x_train[1:], y_train=trained.data.y_train[1:])
    for recipe, data, seed in (
        (trained.recipe, trained.data, 1),
        (short(trained.recipe, 4, 6), trained.data, 0),
        (trained.recipe, less, 0),
    ):
        with pytest.raises(StartedError):
            prepare(recipe, data, seed, trained.cache)


def test_another_sram_budget_exports_again_without_training(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("host_tools.training.train.train", lambda *_, **__: pytest.fail("trained again"))
    monkeypatch.setattr("host_tools.tflite.to_tflite", lambda *_: b"TFL3")
    again = prepare(trained.recipe, trained.data, 0, trained.cache, OPTIONS)
    assert again.teacher == trained.files.teacher
    assert again.bundle != trained.files.bundle
    more, less = load_file(again.bundle), load_file(trained.files.bundle)
    assert more["conv2.mask.rows"].size > less["conv2.mask.rows"].size


def made_from(data: Dataset, folder: Path) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
    """All weights of teacher and student, and all tensors of both bundles, of a recipe of one epoch each."""
    folder.mkdir()
    files = prepare(short(recipes.get("digits"), 1, 1), data, 0, folder, OPTIONS)
    weights = [w for path in (files.teacher, files.student) for w in load_model(path).get_weights()]
    bundles = {f"{name}: {key}": value for name in ("bundle", "plain") for key, value in
               load_file(getattr(files, name)).items()}  # fmt: skip
    return weights, bundles


def test_training_and_export_are_blind_to_the_test_set(tmp_path: Path) -> None:
    """Other test labels and other test images: the same networks and the same bundles."""
    data = networks.data(150)
    permuted = replace(data, y_test=np.roll(data.y_test, 5), x_test=255 - data.x_test)
    assert np.any(permuted.y_test != data.y_test)
    weights, bundles = made_from(data, tmp_path / "a")
    others, other_bundles = made_from(permuted, tmp_path / "b")
    for one, other in zip(weights, others, strict=True):
        np.testing.assert_array_equal(one, other)
    assert set(bundles) == set(other_bundles)
    for name, tensor in bundles.items():
        np.testing.assert_array_equal(tensor, other_bundles[name], err_msg=name)
