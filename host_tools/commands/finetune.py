"""`rram finetune`: rewrite a chip's cells, imprecisely, until it answers as its ideal network does."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Literal

import click

from host_tools import console
from host_tools.data.options import data_options, load_from_options
from host_tools.errors import HostError
from host_tools.finetune.tuning import BEST, STRATEGIES

SETTINGS = {"max_content_width": 110}


@click.group(name="finetune", context_settings=SETTINGS)
def command() -> None:
    """Fine-tuning by imprecise rewriting, one cell a weight, guided by layers' inputs and outputs (Lv, 2024).

    Example: rram finetune run teacher.keras --data digits --profile charan-65nm --chips 5
    """


def _shared(chips: int, function: Any) -> Any:
    for option in (
        click.option("--workers", default=1, show_default=True, type=click.IntRange(1), help="Processes side by side."),
        click.option("--chips", default=chips, show_default=True, type=click.IntRange(1, 10_000), help="Chips."),
        click.option("--plot", metavar="FILE.png", type=click.Path(path_type=Path), callback=console.writable,
                     help="Draw the result."),
    ):  # fmt: skip
        function = option(function)
    return console.common_options(function)


@command.command(name="run", context_settings=SETTINGS)
@click.argument("model", metavar="MODEL.keras", type=click.Path(path_type=Path))
@data_options
@click.option("--profile", required=True, metavar="NAME|FILE", help="Noise profile, read as one cell a weight.")
@click.option("--writes", default=1.0, show_default=True, type=click.FloatRange(0), help="Rewrites a cell, on average.")
@click.option("--clip", default=1.3, show_default=True, type=click.FloatRange(0.05, 100),
              help="Weight of the outermost level, in standard deviations of a layer's weights.")  # fmt: skip
@click.option("--strategy", default=BEST, show_default=True, type=click.Choice(tuple(STRATEGIES)),
              help="What guides the rewriting.")  # fmt: skip
@click.option("--vat/--no-vat", default=True, show_default=True, help="Train the VAT baseline, for the same chips.")
@click.option("--vat-clip", default=0.5, show_default=True, type=click.FloatRange(0.01, 100), help="VAT's own clip.")
@click.option("--vat-epochs", type=click.IntRange(1), help="Epochs of VAT [default: 15, or 120 for small data].")
@click.option("--images", type=click.IntRange(1), help="Judge by at most so many images [default: all].")
@click.option("--judge", default="test", show_default=True, type=click.Choice(("test", "validation")),
              help="Images that chips are judged by; validation: to choose settings.")  # fmt: skip
@click.option("--pulse-pj", metavar="PJ", type=click.FloatRange(0, min_open=True),
              help="Energy of a write [default: the profile's, if it gives one].")  # fmt: skip
@click.option("--cache", metavar="DIR", type=click.Path(path_type=Path), help="Where trained baselines are kept.")
@partial(_shared, 20)
def run(model: Path, data: str, data_dir: str | None, profile: str, writes: float, clip: float, strategy: str,
        vat: bool, vat_clip: float, vat_epochs: int | None, images: int | None, judge: Literal["test", "validation"],
        pulse_pj: float | None, cache: Path | None, plot: Path | None, chips: int, workers: int, seed: int,
        json_file: str | None) -> None:  # fmt: skip
    """Chips of MODEL: untouched, VAT, R-V-W at equal writes, fine-tuned. Chain or branches of Dense and Conv2D.

    \b
    Example: rram finetune run teacher.keras --data mnist --profile charan-65nm --chips 20 --json out.json
    """
    from dataclasses import replace

    from device_models.profile import DeviceProfile
    from host_tools.finetune.prepare import make_job, with_vat
    from host_tools.finetune.run import accuracies, differences, run_chips, summary
    from host_tools.record import load_model, read_record
    from host_tools.study.prepare import default_cache

    read_record(model)
    dataset, device = load_from_options(data, data_dir), DeviceProfile.load(profile)
    network = load_model(model)
    tuning = replace(STRATEGIES[strategy], writes=writes)
    job = replace(make_job(network, dataset, device, tuning, clip, images, judge), pulse_pJ=pulse_pj)
    if vat:
        from host_tools.finetune.vat import VatRecipe

        recipe = VatRecipe.for_data(dataset)
        recipe = replace(recipe, clip=vat_clip, epochs=vat_epochs or recipe.epochs)
        job = with_vat(job, network, dataset, recipe, seed, (cache or default_cache()) / "finetune")
    ideal = job.judged(job.network, None)
    with console.progress(f"{chips} chips", chips) as bar:
        results = run_chips(job, range(seed * chips + 1, seed * chips + 1 + chips), workers, bar.advance)
    rows = summary(results)
    _show(f"{job.network.name} on {device.name}, one cell a weight; ideal {ideal:.2f} % "
          f"({len(job.y_test):,} {judge} images)", rows)
    found: dict[str, Any] = {"gap_to_ideal": ideal - float(accuracies(results, "fine-tuned").mean())}
    if vat:
        above = differences(results, "fine-tuned", "vat")
        found["above_vat_mean"] = float(above.mean())
        found["above_vat_sd"] = float(above.std(ddof=1)) if chips > 1 else None
        console.say(f"fine-tuned above VAT: {found['above_vat_mean']:.2f} points; "
                    f"below the ideal network: {found['gap_to_ideal']:.2f}")
    if plot:
        from host_tools.plots.finetune import chips_figure

        chips_figure(results, ideal).savefig(plot)
        console.say(f"{plot}: figure")
    console.emit_json({"model": job.network.name, "profile": device.name, "data": dataset.name, "seed": seed,
                       "chips": chips, "judged_by": judge, "images": len(job.y_test), "strategy": strategy,
                       "writes_asked": writes, "clip_sd": clip, "ideal_accuracy": ideal, **found, "rows": rows,
                       "values": [r.as_json() for r in results]}, json_file)  # fmt: skip


def _show(title: str, rows: list[dict[str, Any]]) -> None:
    def cell(value: float | None, form: str) -> str:
        return "-" if value is None else format(value, form)

    console.table(title, ["method", "chips", "mean %", "sd", "min", "writes/cell", "vectors/matrix", "verify/cell",
                          "energy nJ"],
                  [[r["method"], str(r["chips"]), f"{r['accuracy_mean']:.2f}", cell(r["accuracy_sd"], ".2f"),
                    f"{r['accuracy_min']:.2f}", f"{r['writes_per_cell']:.3f}", f"{r['reads_per_matrix']:.0f}",
                    f"{r['verify_reads_per_cell']:.2f}", cell(r["energy_nJ"], ".3g")] for r in rows])  # fmt: skip


@command.command(name="study", context_settings=SETTINGS)
@click.option("--quick", is_flag=True, help="Two chips, the ends of every axis.")
@click.option("--data", default="digits", show_default=True, metavar="NAME", help="Data set.")
@click.option("--data-dir", metavar="DIR", type=click.Path(), help="Folder with the data.")
@click.option("--model", metavar="FILE.keras", type=click.Path(path_type=Path),
              help="Ideal network [default: a small one, trained here].")  # fmt: skip
@click.option("--profile", default="charan-65nm", show_default=True, metavar="NAME|FILE", help="Where axes start from.")
@partial(_shared, 5)
def study(quick: bool, data: str, data_dir: str | None, model: Path | None, profile: str, plot: Path | None,
          chips: int, workers: int, seed: int, json_file: str | None) -> None:  # fmt: skip
    """How the common strategies recover multilevel cells, against levels, spread, on/off ratio and write noise.

    \b
    Example: rram finetune study --quick --json study.json --plot study.png
    """
    from device_models.profile import DeviceProfile
    from host_tools.data import load
    from host_tools.finetune.small import small_network
    from host_tools.finetune.study import StudyPlan, run_study
    from host_tools.plots.finetune import PICTURES, study_figure
    from host_tools.record import load_model

    if plot and plot.suffix not in PICTURES:
        raise HostError(f"--plot: {plot} does not end in {' or '.join(PICTURES)}")
    dataset, device = load(data, data_dir), DeviceProfile.load(profile)
    network = load_model(model) if model else small_network(dataset, seed)
    plan = StudyPlan.quick(chips) if quick else StudyPlan(chips=chips)
    with console.progress("study", plan.size) as bar:
        found = run_study(network, dataset, device, plan, seed, workers, bar.advance)
    _show_study(found)
    if plot:
        study_figure(found).savefig(plot)
        console.say(f"{plot}: figure")
    console.emit_json(found, json_file)


def _show_study(found: dict[str, Any]) -> None:
    for axis, points in found["axes"].items():
        names = list(points[0]["accuracy"])
        console.table(f"{axis} (ideal {found['ideal_accuracy']:.2f} %, mean of {found['chips']} chips)",
                      [axis, *names],
                      [[f"{p['value']:g}", *(f"{p['accuracy'][n]['mean']:.1f}" for n in names)] for p in points])
