"""`rram study`: accuracy over many chips."""

from __future__ import annotations

from pathlib import Path

import click

from host_tools import console
from host_tools.errors import HostError


@click.command(name="study", context_settings={"max_content_width": 110})
@click.argument("bundle", metavar="[BUNDLE]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--recipe", metavar="NAME", help="Train, distil and export first (kept for next time): mnist-lenet5, digits."
)
@click.option("--data", metavar="NAME", help="Data set [default with --recipe: the recipe's].")
@click.option(
    "--data-dir",
    metavar="DIR",
    type=click.Path(),
    help="Folder with the data: IDX files, an npz, or class folders of PNGs.",
)
@click.option("--chips", default=20, show_default=True, type=click.IntRange(1, 100_000), help="Number of chips.")
@click.option("--images", type=click.IntRange(1), help="At most so many test images [default: all].")
@click.option(
    "--labels", default=1000, show_default=True, type=click.IntRange(0), help="Labels after the change of the input."
)
@click.option("--shift", default="affine:0.5,0.4", show_default=True, metavar="KIND", help="The change of the input.")
@click.option("--no-read-noise", is_flag=True, help="Leave read noise out.")
@click.option(
    "--engine", default="auto", type=click.Choice(["auto", "c", "numpy"]), show_default=True, help="What computes."
)
@click.option("--workers", type=click.IntRange(1), help="Processes side by side [default: one a core].")
@click.option("--cache", metavar="DIR", type=click.Path(path_type=Path), help="Where recipes keep trained networks.")
@click.option(
    "--plot",
    metavar="FILE.png",
    type=click.Path(path_type=Path),
    callback=console.writable,
    help="Draw every chip of every row.",
)
@console.common_options
def command(bundle: Path | None, recipe: str | None, data: str | None, data_dir: str | None, chips: int,
            images: int | None, labels: int, shift: str, no_read_noise: bool, engine: str, workers: int | None,
            cache: Path | None, plot: Path | None, seed: int, json_file: str | None) -> None:  # fmt: skip
    """Measure a bundle on many chips: untouched, calibrated, after a change of the input, adapted with labels.

    \b
    Example: rram study lenet5.rram.safetensors --data mnist --chips 20 --json out.json --plot out.png
    Example: rram study --recipe mnist-lenet5 --chips 20 --json out.json
    """
    from firmware_py import c_engine
    from firmware_py.cells import Effects
    from host_tools.data import load
    from host_tools.shift import Shift
    from host_tools.study import report
    from host_tools.study.chips import ChipPlan
    from host_tools.study.prepare import default_cache, prepare
    from host_tools.study.run import StudyOptions, plain_row, study_bundle
    from host_tools.training import recipes

    if (bundle is None) == (recipe is None):
        raise HostError("study: give either a BUNDLE or --recipe NAME")
    if plot and plot.suffix not in report.PICTURES:
        raise HostError(f"--plot: {plot} does not end in {' or '.join(report.PICTURES)}")
    if engine == "c":
        c_engine.core()  # refuses now, not after the training
    change = Shift.parse(shift)
    chosen = recipes.get(recipe) if recipe else None
    if chosen is None and data is None:
        raise HostError("study: --data NAME is missing (the data set that the bundle was made for)")
    dataset = load(data or (chosen.data if chosen else ""), data_dir)
    files = prepare(chosen, dataset, seed, cache or default_cache()) if chosen else None
    path = files.bundle if files else bundle
    assert path is not None
    options = StudyOptions(chips, seed * chips, workers, images)  # another seed: other chips
    plan = ChipPlan(path, shift=change, labels=labels, effects=Effects(read_noise=not no_read_noise), engine=engine)
    rows = study_bundle(plan, dataset, options)
    if files:
        from dataclasses import replace

        rows.insert(1, plain_row(replace(plan, bundle=files.plain), dataset, options))
    title = f"{dataset.name}, {images or len(dataset.y_test):,} test images, {chips} chips; input change: {change}"
    report.print_table(title, rows)
    if plot:
        report.plot(plot, title, rows)
        console.say(f"picture: {plot}")
    result = {"recipe": recipe, "bundle": path.name, "chips": chips, "images": images or len(dataset.y_test),
              "seed": seed, "shift": str(change), "labels": labels,
              "rows": [row.as_json() for row in rows],
              "values": {row.row: [round(value, 4) for value in row.values] for row in rows}}  # fmt: skip
    console.emit_json(result, json_file)
