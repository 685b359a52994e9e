"""The trainings and exports of a recipe, kept in a cache folder: nothing is redone for the same recipe and seed."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

from device_models.profile import DeviceProfile
from host_tools import console
from host_tools.data import Dataset
from host_tools.export import STAGES, ExportOptions, export_bundle
from host_tools.importers import load
from host_tools.mapping.mask import MaskChoice
from host_tools.record import key_of_parts, record_of, sha256
from host_tools.study.run import RecipeFiles
from host_tools.training.recipes import Recipe
from host_tools.training.workshop import Workshop
from host_tools.version import code_of

# The code that decides a bundle: what a former version of it made is made again, not taken for today's.
EXPORTING = ("device_models/*.py", "firmware_py/*.py", "host_tools/emulate.py", "host_tools/export.py",
             "host_tools/mapping/**/*.py", "host_tools/tflite.py")  # fmt: skip


def default_cache() -> Path:
    """The user's cache folder for trained networks and their bundles."""
    from platformdirs import user_cache_path

    return user_cache_path("rram-edge")


def workshop(recipe: Recipe, data: Dataset, seed: int, cache: Path, fresh: bool = False) -> Workshop:
    """Where a recipe's networks come from: the package (not where `fresh`), or the folder `networks` of the cache."""
    return Workshop(recipe, data, seed, cache / "networks", fresh)


def prepare(
    recipe: Recipe, data: Dataset, seed: int, cache: Path, options: ExportOptions | None = None, fresh: bool = False
) -> RecipeFiles:
    """Teacher and student of `recipe`, and bundles of the student and (row 'plain') of the teacher; each made once."""
    options = options or ExportOptions(seed=seed)
    profile, shop = DeviceProfile.load(recipe.profile), workshop(recipe, data, seed, cache, fresh)
    teacher, student = shop.teacher(), shop.student()
    unhelped = replace(options, mask=MaskChoice("none"))
    return RecipeFiles(
        teacher,
        student,
        export_kept(student, teacher, profile, data, options, cache),
        export_kept(teacher, teacher, profile, data, unhelped, cache),
    )


def export_kept(
    network: Path, ideal: Path, profile: DeviceProfile, data: Dataset, options: ExportOptions, cache: Path
) -> Path:
    """The bundle of `network` for `profile`, exported only if it is not in `cache`."""
    made_of = [sha256(network), sha256(ideal), profile.to_json(), data.fingerprint]
    key = key_of_parts([*made_of, asdict(options) | {"macro": options.macro.model_dump()}, code_of(EXPORTING)])
    folder = cache / "bundles"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{network.stem}-{key}.rram.safetensors"
    _export(path, network, ideal, profile, data, options)
    return path


def _export(
    path: Path, network: Path, ideal: Path, profile: DeviceProfile, data: Dataset, options: ExportOptions
) -> None:
    if path.exists():
        return
    with console.progress(f"exporting {network.stem}", STAGES) as bar:
        provenance = {
            "network": {"file": network.name, "sha256": sha256(network), "record": record_of(network)},
            "ideal": {"file": ideal.name, "sha256": sha256(ideal)},
        }
        export_bundle(path, load(network), load(ideal), profile, data, options, provenance,
                      lambda stage: bar.advance(1, stage))  # fmt: skip
