"""`rram study`: what many chips reach, along any axis."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from host_tools import console

if TYPE_CHECKING:
    from host_tools.study.jobs import Result
    from host_tools.study.journal import Journal
    from host_tools.study.report import Row
    from host_tools.study.request import Prepared


def _list_axes(context: click.Context, option: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        from host_tools.study.axes import AXES

        for axis in AXES.values():
            click.echo(f"{axis.name:24}{axis.meaning}{' (needs the model)' if axis.remaps else ''}")
        context.exit()


@click.command(name="study", context_settings={"max_content_width": 120})
@click.argument("source", metavar="[BUNDLE | MODEL.keras]", required=False, type=click.Path(path_type=Path))
@click.option("--recipe", metavar="NAME", help="Train, export first: mnist-lenet5, ...")
@click.option("--data", metavar="NAME", help="Data set [default with --recipe: the recipe's].")
@click.option("--data-dir", metavar="DIR", type=click.Path(), help="Folder: IDX files, npz, class folders.")
@click.option("--profile", metavar="NAME|FILE", help="MODEL only: the technology to export for.")
@click.option("--macro", metavar="NAME|FILE", help="MODEL only: the macro [128 x 128, 8 bits].")
@click.option("--mask", default="fisher-variance", metavar="CRITERION", help="MODEL only: where SRAM values go.")
@click.option("--sram", default=2.34, metavar="PERCENT", help="MODEL only: SRAM in per cent of weights [2.34].")
@click.option("--chips", default=20, metavar="N", type=click.IntRange(1, 100_000), help="Number of chips [20].")
@click.option("--images", metavar="N", type=click.IntRange(1), help="At most so many test images [all].")
@click.option("--steps", metavar="LIST", default="untouched,calibrated,shifted,adapted",
              help="Also calibrated:64, aged:1e4, baked:140, ...")
@click.option("--labels", metavar="N", type=click.IntRange(0), help="Labels to adapt with [1000, or all].")
@click.option("--replay", metavar="N[:K]", help="Images kept[:repeats a label], 0: none [64:4].")
@click.option("--shift", default="affine:0.5,0.4", metavar="KIND",
              help="Of the input: rotate:40, scale:0.7, noise:0.4, ...")
@click.option("--sweep", "sweeps", multiple=True, metavar="AXIS=...",
              help="AXIS=start:stop:count or AXIS=a,b,c; repeatable.")
@click.option("--axes", is_flag=True, is_eager=True, expose_value=False, callback=_list_axes, help="List the axes.")
@click.option("--yield-at", type=click.FloatRange(0, 100), metavar="PERCENT", help="Tell the share of chips above.")
@click.option("--confidence", default=95.0, metavar="PERCENT", type=click.FloatRange(50, 99.99),
              help="Of the intervals [95].")
@click.option("--interval", default="t", type=click.Choice(["t", "bootstrap"]), help="Interval of the mean [t].")
@click.option("--no-read-noise", is_flag=True, help="Leave read noise out.")
@click.option("--engine", default="auto", type=click.Choice(["auto", "c", "numpy"]), help="What computes [auto].")
@click.option("--workers", metavar="N", type=click.IntRange(1), help="Processes side by side [one a core].")
@click.option("--scheduler", metavar="tcp://...", help="Use the workers of a Dask scheduler.")
@click.option("--cache", metavar="DIR", type=click.Path(path_type=Path), help="Where networks and bundles are kept.")
@click.option("--retrain", is_flag=True, help="With --recipe: train, whatever comes trained.")
@click.option("-o", "--output", metavar="FILE", type=click.Path(path_type=Path), callback=console.writable,
              help="A line a chip, .csv or .parquet; goes on after a stop.")
@click.option("--plot", metavar="FILE", type=click.Path(path_type=Path), callback=console.writable,
              help="Figure: every chip, or accuracy along the sweep.")
@console.common_options
def command(**given: Any) -> None:
    """Measure many chips of a bundle, or of a model, which is exported for every point of a sweep (not trained again).

    \b
    Example: rram study lenet5.rram.safetensors --data mnist --chips 20 --json out.json --plot out.png
    Example: rram study lenet5.rram.safetensors --data mnist --sweep programming.sigma=0.1:0.6:6 -o sigma.csv
    """
    from host_tools.study.request import Request, prepare_study

    asked = Request(**given)
    prepared = prepare_study(asked)
    with _journal(prepared) as journal:
        chips = _measure(prepared, journal)
    _tell(prepared, chips)


@contextmanager
def _journal(prepared: Prepared) -> Iterator[Journal | None]:
    """The results file, where one is asked for."""
    from host_tools.study.journal import open_journal, write_parquet
    from host_tools.study.results import layout_of

    output = prepared.asked.output
    if output is None:
        yield None
        return
    path, layout = output.with_suffix(".csv"), layout_of(prepared.cases, prepared.data, prepared.dataset.name)
    with open_journal(path, layout) as journal:
        yield journal
    console.say(f"results: {path}")
    if output.suffix == ".parquet":
        write_parquet(path, output, layout, {**layout.constants, "bundles": sorted({
            case.bundle.digest for case in prepared.cases})})  # fmt: skip
        console.say(f"results: {output}")


def _measure(prepared: Prepared, journal: Journal | None) -> list[list[Result]]:
    """Every chip. An interruption is one line that says what is kept."""
    from host_tools.study.run import run_study

    cases, options = prepared.cases, prepared.options
    total = len(cases) * options.chips
    known = sum(case.key(seed) in journal.found for case in cases for seed in options.seeds) if journal else 0
    if known:
        console.say(f"{known} of {total} chips are in the results file already")
    try:
        with console.progress(f"{total} chips", total) as bar:
            return run_study(cases, prepared.data, options, prepared.workers, journal, bar.advance)
    except KeyboardInterrupt:
        if journal is None:
            console.say("interrupted; nothing is kept without --output")
        else:
            console.say(f"interrupted; {journal.count()} chips are in {journal.path}: the same command goes on there")
        raise SystemExit(console.INTERRUPTED) from None


def _tell(prepared: Prepared, chips: list[list[Result]]) -> None:
    """Table, figure, JSON."""
    from host_tools.study import report
    from host_tools.study.cases import summary_of_points
    from host_tools.study.rows import ideal_rows, rows_of
    from host_tools.study.statistics import Asked
    from host_tools.study.steps import parse_steps

    asked = prepared.asked
    how = Asked(asked.confidence, asked.interval, asked.yield_at, asked.seed)  # type: ignore[arg-type]
    rows = [row for case, found in zip(prepared.cases, chips, strict=True) for row in rows_of(case, found)]
    ideal = ideal_rows(prepared.cases, prepared.data)
    images = len(prepared.data.y_test)
    shift = None if "shift" in asked.axes_swept else str(prepared.cases[-1].plan.shift)
    title = f"{prepared.dataset.name}, {images:,} test images, {asked.chips} chips"
    if shift is not None and any(step.kind == "shifted" for step in parse_steps(asked.steps)):
        title += f"; input change: {shift}"
    report.print_table(title, [*ideal, *rows], how)
    if asked.plot:
        _draw(asked.plot, title, ideal, rows)
    result: dict[str, Any] = {
        "recipe": asked.recipe, "bundle": prepared.cases[-1].bundle.path.name, "chips": asked.chips, "images": images,
        "seed": asked.seed, "shift": shift, "labels": prepared.cases[-1].plan.labels, "confidence": asked.confidence,
        "rows": [row.as_json(how) for row in [*ideal, *rows]],
    }  # fmt: skip
    if asked.yield_at is not None:
        result["yield_at"] = asked.yield_at
    if asked.sweeps:
        result["axes"] = summary_of_points(prepared.cases)
    else:
        result["values"] = {row.row: [round(value, 4) for value in row.values] for row in [*ideal, *rows]}
    console.emit_json(result, asked.json_file)


def _draw(path: Path, title: str, ideal: list[Row], rows: list[Row]) -> None:
    from host_tools.plots.study import strips
    from host_tools.plots.study_sweep import sweep_figure

    figure = sweep_figure(title, rows) if rows[0].point else strips(title, [*ideal, *rows])
    figure.savefig(path, dpi=150)
    console.say(f"picture: {path}")
