"""The trainings and exports of a recipe, kept in a cache folder: nothing is redone for the same recipe and seed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from device_models.profile import DeviceProfile
from host_tools import console
from host_tools.data import Dataset
from host_tools.export import STAGES, ExportOptions, export_bundle
from host_tools.importers import load
from host_tools.mapping.mask import MaskChoice
from host_tools.record import load_model, read_record, save_model, sha256
from host_tools.study.run import RecipeFiles
from host_tools.training.recipes import Recipe

# The code that decides a result: what a former version of it made is made again, not taken for today's.
TRAINING = ("conversion.py", "layers/*.py", "models/*.py", "training/*.py")
EXPORTING = ("emulate.py", "export.py", "mapping/*.py", "tflite.py")


def default_cache() -> Path:
    """The user's cache folder for trained networks."""
    from platformdirs import user_cache_path

    return user_cache_path("rram-edge") / "recipes"


def prepare(recipe: Recipe, data: Dataset, seed: int, cache: Path, options: ExportOptions | None = None) -> RecipeFiles:
    """Train teacher and student of `recipe`, export student and (row 'plain') teacher; each only if not in `cache`."""
    options = options or ExportOptions(seed=seed)
    profile = DeviceProfile.load(recipe.profile)
    folder = _folder(recipe, profile, data, seed, cache)
    key = folder.name.rpartition("-")[2]
    exported = _key([key, asdict(options) | {"macro": options.macro.model_dump()}, _code(EXPORTING)])
    files = RecipeFiles(
        folder / "teacher.keras",
        folder / "student.keras",
        folder / f"student-{exported}.rram.safetensors",
        folder / f"plain-{exported}.rram.safetensors",
    )
    _train_teacher(files.teacher, recipe, data, seed)
    _train_student(files, recipe, data, profile, seed)
    _export(files.bundle, files.student, files.teacher, profile, data, options)
    unhelped = replace(options, mask=MaskChoice("none"))
    _export(files.plain, files.teacher, files.teacher, profile, data, unhelped)
    return files


def export_kept(
    network: Path, ideal: Path, profile: DeviceProfile, data: Dataset, options: ExportOptions, cache: Path
) -> Path:
    """The bundle of `network` for `profile`, exported only if it is not in `cache` (the folder of studies)."""
    made_of = [sha256(network), sha256(ideal), profile.to_json(), _fingerprint(data)]
    key = _key([*made_of, asdict(options) | {"macro": options.macro.model_dump()}, _code(EXPORTING)])
    folder = cache.parent / "studies"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{network.stem}-{key}.rram.safetensors"
    _export(path, network, ideal, profile, data, options)
    return path


def prepare_teacher(recipe: Recipe, data: Dataset, seed: int, cache: Path) -> Path:
    """Train the ideal network of `recipe` only; only if it is not in `cache`, where `prepare` finds it too."""
    path = _folder(recipe, DeviceProfile.load(recipe.profile), data, seed, cache) / "teacher.keras"
    _train_teacher(path, recipe, data, seed)
    return path


def _folder(recipe: Recipe, profile: DeviceProfile, data: Dataset, seed: int, cache: Path) -> Path:
    key = _key([asdict(recipe), profile.to_json(), _fingerprint(data), seed, _code(TRAINING)])
    folder = cache / f"{recipe.name}-{key}"
    folder.mkdir(parents=True, exist_ok=True)
    console.say(f"trained networks are kept in {folder}")
    return folder


def _train_teacher(path: Path, recipe: Recipe, data: Dataset, seed: int) -> None:
    if not path.exists():
        from host_tools.training.train import train

        with console.progress("training the teacher", recipe.teacher.epochs) as bar:
            model, record = train(data, recipe.teacher, seed, bar.advance)
        save_model(model, path, record)


def _train_student(files: RecipeFiles, recipe: Recipe, data: Dataset, profile: DeviceProfile, seed: int) -> None:
    if not files.student.exists():
        from host_tools.training.distill import distill

        with console.progress("distilling the student", recipe.student.epochs) as bar:
            model, record = distill(data, load_model(files.teacher), profile, recipe.student, seed, bar.advance)
        record["teacher"] = {"file": files.teacher.name, "sha256": sha256(files.teacher)}
        save_model(model, files.student, record)


def _export(
    path: Path, network: Path, ideal: Path, profile: DeviceProfile, data: Dataset, options: ExportOptions
) -> None:
    if path.exists():
        return
    with console.progress(f"exporting {network.stem}", STAGES) as bar:
        record = read_record(network) if network.suffix == ".keras" else {}
        provenance = {
            "network": {"file": network.name, "sha256": sha256(network), "record": record},
            "ideal": {"file": ideal.name, "sha256": sha256(ideal)},
        }
        export_bundle(path, load(network), load(ideal), profile, data, options, provenance,
                      lambda stage: bar.advance(1, stage))  # fmt: skip


def _fingerprint(data: Dataset) -> str:
    h = hashlib.sha256()
    for array in (data.x_train, data.y_train, data.x_test, data.y_test):
        h.update(array.tobytes())
    return h.hexdigest()


def _code(patterns: Iterable[str]) -> str:
    folder = Path(__file__).parents[1]
    files = [path for pattern in patterns for path in sorted(folder.glob(pattern))]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def _key(parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]
