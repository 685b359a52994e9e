"""`rram distill`: a student that knows the RRAM profile."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from host_tools import console
from host_tools.data.options import data_options, load_from_options
from host_tools.device import device_option
from host_tools.errors import HostError

if TYPE_CHECKING:
    from device_models.profile import DeviceProfile
    from host_tools.data import Dataset
    from host_tools.training.recipes import StudentRecipe

KERAS_FILE = click.Path(path_type=Path)


@click.command(name="distill", context_settings={"max_content_width": 110})
@data_options
@click.option("--teacher", required=True, metavar="FILE.keras", type=KERAS_FILE, help="The ideal network.")
@click.option(
    "--profile", required=True, metavar="NAME|FILE", help="A preset or a JSON file."
)
@click.option("-o", "--output", required=True, metavar="FILE.keras", type=KERAS_FILE, help="File to write.")
@click.option("--epochs", metavar="N", type=click.IntRange(1), help="Epochs [default: the data set's recipe].")
@click.option("--clip", metavar="SD|auto|learned", help="Outermost level, in sd of the weights [recipe's].")
@click.option("--train-sigma", metavar="X|auto", help="Spread in training over the profile's own [1].")
@click.option("--kd", metavar="0..1", type=click.FloatRange(0, 1), help="Teacher's weight, 0: VAT [recipe's].")
@click.option("--features", metavar="X", type=click.FloatRange(0), help="Weight of the layers' distance [0].")
@click.option("--start", metavar="FILE.keras", type=KERAS_FILE, help="Go on from this student.")
@click.option("--sram", metavar="PERCENT", type=click.FloatRange(0, 100), help="Know a mask: numbers per weights.")
@click.option("--area", metavar="PERCENT", type=click.FloatRange(0), help="The same, area per macros' area.")
@click.option("--mask-from", metavar="FILE.keras", type=KERAS_FILE, help="The student that chooses the mask.")
@click.option(
    "--exact", metavar="0..1", type=click.FloatRange(0, 1), default=1.0, help="Share of draws with the mask exact [1]."
)
@click.option("--resume", is_flag=True, help="Go on with an interrupted training.")
@device_option
@console.common_options
def command(
    data: str, data_dir: str | None, teacher: Path, profile: str, output: Path, epochs: int | None, clip: str | None,
    train_sigma: str | None, kd: float | None, features: float | None, start: Path | None, sram: float | None,
    area: float | None, mask_from: Path | None, exact: float, resume: bool, seed: int, json_file: str | None,
) -> None:  # fmt: skip
    """Train a student from the teacher, its cells drawn anew in every step, so that it survives the profile.

    \b
    Example: rram distill --data digits --teacher teacher.keras --profile charan-65nm -o student.keras
    """
    from device_models.profile import DeviceProfile
    from host_tools.record import check_output, load_model, read_record, save_model, sha256
    from host_tools.training import recipes

    check_output(output)
    masked = sram is not None or area is not None
    if masked != (mask_from is not None) or (sram is not None and area is not None):
        raise HostError("distill: --sram or --area (one of them) and --mask-from STUDENT.keras go together")
    dataset, device = load_from_options(data, data_dir), DeviceProfile.load(profile)
    network, source = load_model(teacher), read_record(teacher)
    base = recipes.for_data(data).by_hand
    recipe = replace(
        base, epochs=epochs or base.epochs, kd=base.kd if kd is None else kd, exact_share=exact,
        calibrated=masked,
        features=base.features if features is None else features, learn_clip=clip == "learned",
        clip=_number("--clip", clip, base.clip, ("auto", "learned")),
        variation=_number("--train-sigma", train_sigma, base.variation, ("auto",)),
    )  # fmt: skip
    from host_tools.training import distill
    from host_tools.training.checkpoint import Checkpoint

    options: dict[str, Any] = {"start": load_model(start) if start else None}
    if mask_from is not None:
        options["masks"] = _masks(load_model(mask_from), device, dataset, sram, area)
    searches: list[dict[str, Any]] = []
    if "auto" in (clip, train_sigma):
        recipe, searches = _searched(recipe, clip, train_sigma, dataset, network, device, seed, options)
    what = [asdict(recipe), seed, dataset.name, device.to_json(), sha256(teacher),
            [sha256(path) if path else None for path in (start, mask_from)], sram, area]  # fmt: skip
    checkpoint = Checkpoint.beside(output, {"what": what}, resume)
    with checkpoint.kept(console.say), console.progress("distilling", recipe.epochs) as bar:
        student, record = distill.distill(
            dataset, network, device, recipe, seed, bar.advance, checkpoint=checkpoint, **options
        )
    record["teacher"] = {"file": teacher.name, "sha256": sha256(teacher), "record": source}
    record["searched"] = searches
    save_model(student, output, record)
    checkpoint.clear()
    chips = record["validation_on_chips"]
    console.say(
        f"{output}: {record['model']} for {device.name}; validation {record['validation_accuracy']:.2f} % "
        f"without noise, {sum(chips) / len(chips):.2f} % on {len(chips)} chips (lowest {min(chips):.2f} %)"
    )
    console.emit_json({"file": str(output), **record}, json_file)


def _number(option: str, text: str | None, default: float, words: tuple[str, ...]) -> float:
    """The number in an option's text; the default where it is not given or a word."""
    if text is None or text in words:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 1e3:
        raise HostError(f"{option}: {text!r} given, expected a number > 0 or {' or '.join(words)}")
    return value


def _masks(helper: Any, device: DeviceProfile, data: Dataset, sram: float | None, area: float | None) -> Any:
    from host_tools.mapping.mask import MaskChoice
    from host_tools.training.masks import masks_from

    room = {"sram_percent": sram} if sram is not None else {"area_percent": area}
    return masks_from(helper, device, data, MaskChoice(**room))  # type: ignore[arg-type]


def _searched(
    recipe: StudentRecipe, clip: str | None, train_sigma: str | None, data: Dataset, teacher: Any,
    device: DeviceProfile, seed: int, options: dict[str, Any],
) -> tuple[StudentRecipe, list[dict[str, Any]]]:  # fmt: skip
    """The recipe with the best clip, then the best variation, of those that were to be searched."""
    from host_tools.training.search import Axis, search, set_axis

    told = []
    asked: dict[Axis, str | None] = {"clip": clip, "variation": train_sigma}
    for axis in [axis for axis, text in asked.items() if text == "auto"]:
        found = search(axis, data, teacher, device, recipe, seed, console.say, **options)
        recipe = set_axis(recipe, axis, found.best)
        told.append(asdict(found))
    return recipe, told
