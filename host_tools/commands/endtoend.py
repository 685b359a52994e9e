"""`rram endtoend`: from the device model to the accuracy on chips, against what writing the cells costs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from device_models.write.names import Algorithm, Model
from host_tools import console
from host_tools.errors import HostError

if TYPE_CHECKING:
    from device_models.profile import DeviceProfile
    from host_tools.data import Dataset
    from host_tools.endtoend.run import EndToEnd, OnChips, Point
    from host_tools.training.recipes import Recipe

PROFILE = "milo-hfo2"  # where no --profile is given: nine levels on the physical cell
CELLS: Model = "filament"
COSTS = {"pulses": "pulses", "energy": "energy_pJ", "time": "time_us"}


@click.command(context_settings={"max_content_width": 110})
@click.option("--profile", metavar="NAME|FILE", help=f"Whose cells and levels [default: {PROFILE}, {CELLS} cells].")
@click.option("--device-model", "device_model", metavar="NAME", help=f"{', '.join(get_args(Model))}.")
@click.option("--effort", "efforts", multiple=True, metavar="NAME:KEY=NUMBER,...",
              help=f"{', '.join(get_args(Algorithm))}; keys: tolerance, early (uS), step (mV), start (V), reads, "
                   "passes, pulses. Again for more [default: five, from one attempt to precise].")  # fmt: skip
@click.option("--cells", default=1000, show_default=True, metavar="N", help="Cells of each level that are written.")
@click.option("--data", default="digits", show_default=True, metavar="NAME", help="Data set: digits, mnist, cifar10.")
@click.option("--data-dir", metavar="DIR", type=click.Path(), help="Folder with the data.")
@click.option("--model", metavar="NAME", help="Network: lenet5, tiny, ... [default: the data set's recipe].")
@click.option("--teacher", metavar="FILE.keras", type=click.Path(path_type=Path), help="Your own trained network.")
@click.option("--epochs", type=click.IntRange(1), help="Of the trainings with variation [default: the recipe].")
@click.option("--teacher-epochs", type=click.IntRange(1), help="Of the ideal network [default: the recipe].")
@click.option("--clip", metavar="SD", type=click.FloatRange(0, min_open=True),
              help="Weight of the highest level in those trainings, in standard deviations [default: the recipe].")
@click.option("--chips", default=10, show_default=True, type=click.IntRange(1, 100_000), help="Chips of each effort.")
@click.option("--images", type=click.IntRange(1), help="At most so many test images [default: all].")
@click.option("--cost", default="pulses", show_default=True, type=click.Choice(list(COSTS)), help="Axis of the figure.")
@click.option("--workers", type=click.IntRange(1), help="Processes side by side [default: one a core].")
@click.option("--cache", metavar="DIR", type=click.Path(path_type=Path), help="Where trainings are kept.")
@click.option("--plot", metavar="FILE.png", type=click.Path(path_type=Path), callback=console.writable,
              help="Accuracy against effort, with and without VAT.")
@console.common_options
def command(profile: str | None, device_model: Any, efforts: tuple[str, ...], cells: int, data: str,
            data_dir: str | None, model: str | None, teacher: Path | None, epochs: int | None,
            teacher_epochs: int | None, clip: float | None, chips: int, images: int | None, cost: str,
            workers: int | None, cache: Path | None, plot: Path | None, seed: int,
            json_file: str | None) -> None:  # fmt: skip
    """Device model, programming algorithm, training with its variation (VAT), accuracy: the whole way, per effort.

    Each effort writes cells; what it leaves is a profile; a network is trained for it from the ideal one by noise
    injection alone. It, the plain one and one trained as long without variation (control) run on chips with read noise
    and converters, not calibrated. What was trained is kept, and an interrupted run goes on where it was.

    \b
    Example: rram endtoend --plot endtoend.png
             rram endtoend --profile charan-65nm --effort single --effort rvw:tolerance=4 --data mnist --model lenet5
    """
    from device_models.profile import DeviceProfile
    from device_models.write.setup import Setup
    from host_tools.data import load
    from host_tools.endtoend.efforts import parse_effort, usual_efforts
    from host_tools.endtoend.run import Plan, end_to_end
    from host_tools.study.prepare import default_cache
    from host_tools.study.run import StudyOptions

    document = DeviceProfile.load(profile or PROFILE)
    kind: Model = device_model or (CELLS if profile is None else "statistical")
    base = Setup(document, "rvw", model=kind, seed=seed)
    chosen = [parse_effort(text, base) for text in efforts or usual_efforts(document, kind)]
    if cost == "energy":
        _check_energy(document, kind)
    dataset = load(data, data_dir)
    recipe = _recipe(dataset, model, epochs, teacher_epochs, clip)
    place = cache or default_cache()
    plan = Plan(recipe, cells, StudyOptions(chips, seed * chips, workers, images), seed, place, teacher)
    found = end_to_end(chosen, dataset, plan)
    _show(found, chips, images or len(dataset.y_test))
    if plot is not None:
        from host_tools.plots.endtoend import endtoend_figure

        endtoend_figure(found, COSTS[cost]).savefig(plot)
        console.say(f"figure: {plot}")
    console.emit_json(found.as_json() | {"chips": chips, "images": images or len(dataset.y_test), "seed": seed,
                                         "cells": cells, "vat_epochs": recipe.student.epochs}, json_file)  # fmt: skip


def _check_energy(document: DeviceProfile, kind: str) -> None:
    """HostError before the trainings: the axis of the figure would be empty."""
    cost = document.programming_cost
    if kind != "filament" and (cost is None or cost.energy_pJ is None):
        raise HostError(f"--cost energy: profile {document.name} has no programming_cost.energy_pJ, and only filament "
                        "cells compute theirs: expected --cost pulses or time")


def _recipe(data: Dataset, model: str | None, epochs: int | None, teacher_epochs: int | None,
            clip: float | None) -> Recipe:  # fmt: skip
    """The data set's recipe as plain training with variation: no answers of the teacher (kd 0)."""
    from host_tools.training import recipes

    recipe = recipes.for_data(data.name)
    student = replace(recipe.student, kd=0.0, epochs=epochs or recipe.student.epochs, clip=clip or recipe.student.clip)
    ideal = replace(recipe.teacher, model=model or recipe.teacher.model,
                    epochs=teacher_epochs or recipe.teacher.epochs)  # fmt: skip
    return replace(recipe, teacher=ideal, student=student)


def _show(found: EndToEnd, chips: int, images: int) -> None:
    kinds = ", ".join(dict.fromkeys(point.written.effort.setup.kind for point in found.points))
    title = (f"{found.network} on {found.data}, {images:,} test images, {chips} chips of {kinds} cells; ideal "
             f"{found.ideal:.2f} %, levels and converters alone {found.levels_only:.2f} %")
    head = ["effort", "pulses", "energy pJ", "error uS", "failed %", "plain %", "control %", "VAT %"]
    console.table(title, head, [_row(point) for point in found.points])
    console.say("pulses and energy: of a cell, all levels alike; error: rms distance from the target; control: trained "
                "as long, without variation")


def _row(point: Point) -> list[str]:
    def of(row: OnChips) -> str:
        return f"{row.mean:.2f} ± {row.std:.2f}"

    report = point.written.report
    energy = "-" if report.energy_pJ is None else f"{report.energy_pJ:.3g}"
    return [point.written.effort.name, f"{report.pulses:.3g}", energy, f"{point.written.error_uS:.3g}",
            f"{report.failed_percent:.2g}", of(point.plain), of(point.control), of(point.vat)]
