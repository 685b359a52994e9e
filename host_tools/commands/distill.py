"""`rram distill`: a student that knows the RRAM profile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from host_tools import console
from host_tools.data.options import data_options, load_from_options


@click.command(name="distill", context_settings={"max_content_width": 110})
@data_options
@click.option(
    "--teacher", required=True, metavar="FILE.keras", type=click.Path(path_type=Path), help="The ideal network."
)
@click.option(
    "--profile", required=True, metavar="NAME|FILE", help="Noise profile: a preset (rram profile list) or a JSON file."
)
@click.option(
    "-o", "--output", required=True, metavar="FILE.keras", type=click.Path(path_type=Path), help="File to write."
)
@click.option("--epochs", type=click.IntRange(1), help="Epochs [default: the data set's recipe].")
@click.option(
    "--clip",
    type=click.FloatRange(0, min_open=True),
    metavar="SD",
    help="Weight of the outermost level, in standard deviations of a layer's weights [default: the recipe's].",
)
@console.common_options
def command(
    data: str,
    data_dir: str | None,
    teacher: Path,
    profile: str,
    output: Path,
    epochs: int | None,
    clip: float | None,
    seed: int,
    json_file: str | None,
) -> None:
    """Train a student from the teacher, its cells drawn anew in every step, so that it survives the profile.

    \b
    Example: rram distill --data digits --teacher teacher.keras --profile charan-65nm -o student.keras
    """
    from device_models.profile import DeviceProfile
    from host_tools.record import check_output, load_model, read_record, save_model, sha256
    from host_tools.training import recipes

    check_output(output)
    dataset, device = load_from_options(data, data_dir), DeviceProfile.load(profile)
    network, source = load_model(teacher), read_record(teacher)
    from host_tools.training import distill

    recipe = recipes.for_data(data).student
    recipe = replace(recipe, epochs=epochs or recipe.epochs, clip=clip or recipe.clip)
    with console.progress("distilling", recipe.epochs) as bar:
        student, record = distill.distill(dataset, network, device, recipe, seed, bar.advance)
    record["teacher"] = {"file": teacher.name, "sha256": sha256(teacher), "record": source}
    save_model(student, output, record)
    chips = record["validation_on_chips"]
    console.say(
        f"{output}: {record['model']} for {device.name}; validation {record['validation_accuracy']:.2f} % "
        f"without noise, {sum(chips) / len(chips):.2f} % on {len(chips)} chips (lowest {min(chips):.2f} %)"
    )
    console.emit_json({"file": str(output), **record}, json_file)
