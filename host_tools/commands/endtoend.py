"""`rram endtoend`: from the device model to the accuracy on chips, against what writing the cells costs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from device_models.write.names import Model
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
@click.option("--profile", metavar="NAME|FILE", help=f"Whose cells and levels [{PROFILE}].")
@click.option("--device-model", "device_model", metavar="NAME", help="Kind of cells; rram program --help.")
@click.option("--effort", "efforts", multiple=True, metavar="NAME:KEY=X,..",
              help="Such as rvw:tolerance=4; again for more [five].")
@click.option("--cells", default=1000, metavar="N", help="Written cells of each level [1000].")
@click.option("--data", default="digits", metavar="NAME", help="Data set [digits].")
@click.option("--data-dir", metavar="DIR", type=click.Path(), help="Folder with the data.")
@click.option("--model", metavar="NAME", help="Network: lenet5, ... [the data set's recipe].")
@click.option("--teacher", metavar="FILE.keras", type=click.Path(path_type=Path), help="Your own trained network.")
@click.option("--epochs", metavar="N", type=click.IntRange(1), help="Of training with variation [recipe's].")
@click.option("--teacher-epochs", metavar="N", type=click.IntRange(1), help="Of the ideal network [recipe's].")
@click.option("--clip", metavar="SD", type=click.FloatRange(0, min_open=True), help="Highest level [recipe's].")
@click.option("--chips", default=10, metavar="N", type=click.IntRange(1, 100_000), help="Of each effort [10].")
@click.option("--images", metavar="N", type=click.IntRange(1), help="At most so many test images [all].")
@click.option("--cost", default="pulses", type=click.Choice(list(COSTS)), help="Axis of the figure [pulses].")
@click.option("--workers", metavar="N", type=click.IntRange(1), help="Processes side by side [one a core].")
@click.option("--cache", metavar="DIR", type=click.Path(path_type=Path), help="Where trainings are kept.")
@click.option("--plot", metavar="FILE.png", type=click.Path(path_type=Path), callback=console.writable,
              help="Accuracy against effort.")
@console.common_options
def command(profile: str | None, device_model: Any, efforts: tuple[str, ...], cells: int, data: str,
            data_dir: str | None, model: str | None, teacher: Path | None, epochs: int | None,
            teacher_epochs: int | None, clip: float | None, chips: int, images: int | None, cost: str,
            workers: int | None, cache: Path | None, plot: Path | None, seed: int,
            json_file: str | None) -> None:  # fmt: skip
    """From the device model through a write algorithm and training with its variation (VAT) to accuracy on chips.

    Each effort's cells become a profile. The network trained for it, the plain one, and one trained as long
    without variation (control) run on chips, not calibrated. Trainings are kept: a stopped run goes on.

    \b
    Example: rram endtoend --profile charan-65nm --effort single --effort rvw:tolerance=4 --plot endtoend.png
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
