"""`rram study`: what many chips reach, along any axis."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from host_tools import console
from host_tools.errors import HostError

if TYPE_CHECKING:
    from host_tools.data import Dataset
    from host_tools.study.chips import ChipPlan, StudyData
    from host_tools.study.jobs import Result
    from host_tools.study.journal import Journal
    from host_tools.study.report import Row
    from host_tools.study.run import Case, StudyOptions, Subject

INTERRUPTED = 130  # exit code, as shells have it


def _list_axes(context: click.Context, option: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        from host_tools.study.axes import AXES

        for axis in AXES.values():
            click.echo(f"{axis.name:24}{axis.meaning}{' (needs the model)' if axis.remaps else ''}")
        context.exit()


@click.command(name="study", context_settings={"max_content_width": 120})
@click.argument("source", metavar="[BUNDLE | MODEL.keras]", required=False, type=click.Path(path_type=Path))
@click.option("--recipe", metavar="NAME", help="Train, distil and export first (kept): mnist-lenet5, digits, ...")
@click.option("--data", metavar="NAME", help="Data set [default with --recipe: the recipe's].")
@click.option("--data-dir", metavar="DIR", type=click.Path(), help="Folder with the data: IDX, npz, or class folders.")
@click.option("--profile", metavar="NAME|FILE", help="MODEL only: the technology it is exported for.")
@click.option("--macro", metavar="NAME|FILE", help="MODEL only: the macro [default: 128 x 128, 8 bits].")
@click.option("--mask", default="fisher-variance", metavar="CRITERION", help="MODEL only: where SRAM values go.")
@click.option("--sram", default=2.34, metavar="PERCENT", help="MODEL only: SRAM, per cent of the weights [2.34].")
@click.option("--chips", default=20, type=click.IntRange(1, 100_000), help="Number of chips [20].")
@click.option("--images", type=click.IntRange(1), help="At most so many test images [all].")
@click.option("--steps", metavar="LIST", default="untouched,calibrated,shifted,adapted",
              help="What is done to every chip: untouched, calibrated:64, aged:1e4, baked:140, recalibrated, ...")
@click.option("--labels", default=1000, type=click.IntRange(0), help="Labels of the step 'adapted' [1000].")
@click.option("--shift", default="affine:0.5,0.4", metavar="KIND",
              help="Change of the input: affine:0.5,0.4, rotate:40, scale:0.7, noise:0.4, veil, dark, inverted.")
@click.option("--sweep", "sweeps", multiple=True, metavar="AXIS=...",
              help="AXIS=start:stop:count or AXIS=a,b,c; again for a grid. --axes lists them.")
@click.option("--axes", is_flag=True, is_eager=True, expose_value=False, callback=_list_axes, help="List the axes.")
@click.option("--yield-at", type=click.FloatRange(0, 100), metavar="PERCENT", help="Share of chips at or above this.")
@click.option("--confidence", default=95.0, type=click.FloatRange(50, 99.99), help="Of the intervals, per cent [95].")
@click.option("--interval", default="t", type=click.Choice(["t", "bootstrap"]), help="Interval of the mean [t].")
@click.option("--no-read-noise", is_flag=True, help="Leave read noise out.")
@click.option("--engine", default="auto", type=click.Choice(["auto", "c", "numpy"]), help="What computes [auto].")
@click.option("--workers", type=click.IntRange(1), help="Processes side by side [one a core].")
@click.option("--scheduler", metavar="tcp://HOST:PORT", help="A Dask scheduler: its workers instead of this machine.")
@click.option("--cache", metavar="DIR", type=click.Path(path_type=Path), help="Where networks and bundles are kept.")
@click.option("-o", "--output", metavar="FILE", type=click.Path(path_type=Path), callback=console.writable,
              help="A line a chip: .csv, or .parquet (and .csv beside it). The same command goes on after a stop.")
@click.option("--plot", metavar="FILE", type=click.Path(path_type=Path), callback=console.writable,
              help="Figure: every chip; with --sweep accuracy against the axis.")
@console.common_options
def command(**given: Any) -> None:
    """Measure many chips of a bundle, or of a model: untouched, calibrated, aged, after a change of the input, adapted.

    A model is exported for every point of a sweep, and not trained again: a student of one profile is measured on
    the others as it is.

    \b
    Example: rram study lenet5.rram.safetensors --data mnist --chips 20 --json out.json --plot out.png
    Example: rram study --recipe mnist-lenet5 --chips 20 --json out.json
    Example: rram study lenet5.rram.safetensors --data mnist --sweep programming.sigma=0.1:0.6:6 -o sigma.csv
    """
    asked = Request(**given)
    prepared = _prepare(asked)
    with _journal(prepared) as journal:
        chips = _measure(prepared, journal)
    _tell(prepared, chips)


@dataclass(frozen=True)
class Request:
    """What the user typed."""

    source: Path | None
    recipe: str | None
    data: str | None
    data_dir: str | None
    profile: str | None
    macro: str | None
    mask: str
    sram: float
    chips: int
    images: int | None
    steps: str
    labels: int
    shift: str
    sweeps: tuple[str, ...]
    yield_at: float | None
    confidence: float
    interval: str
    no_read_noise: bool
    engine: str
    workers: int | None
    scheduler: str | None
    cache: Path | None
    output: Path | None
    plot: Path | None
    seed: int
    json_file: str | None

    @property
    def is_model(self) -> bool:
        """Whether the source is a Keras model."""
        return self.source is not None and self.source.suffix == ".keras"


@dataclass(frozen=True)
class Prepared:
    """All that is settled before the first chip."""

    asked: Request
    dataset: Dataset
    data: StudyData
    options: StudyOptions
    cases: list[Case]
    workers: Any


def _prepare(asked: Request) -> Prepared:
    """Refuse what cannot be, cheapest first; then train, export and derive what the study needs."""
    from host_tools.data import load
    from host_tools.study.cluster import Cluster
    from host_tools.study.run import StudyOptions, cases_of, study_data
    from host_tools.study.sweep import grid, parse_sweep
    from host_tools.training import recipes

    _refuse(asked)
    points = grid([parse_sweep(one) for one in asked.sweeps])
    plan = _plan(asked)
    workers = Cluster(asked.scheduler) if asked.scheduler is not None else None
    recipe = recipes.get(asked.recipe) if asked.recipe else None
    dataset = load(asked.data or (recipe.data if recipe else ""), asked.data_dir)
    options = StudyOptions(asked.chips, asked.seed * asked.chips, asked.workers, asked.images)  # another seed: others
    data = study_data(dataset, asked.images)
    subjects = _subjects(asked, plan, dataset)
    with _shown("bundles of the sweep", len(subjects) * len(points) if asked.sweeps else 0) as advance:
        cases = cases_of(subjects, points, data, advance)
    return Prepared(asked, dataset, data, options, cases, workers)


@contextmanager
def _shown(name: str, total: int) -> Iterator[Callable[[], None]]:
    """A progress bar, unless there is nothing to wait for."""
    if total == 0:
        yield lambda: None
        return
    with console.progress(name, total) as bar:
        yield bar.advance


def _refuse(asked: Request) -> None:
    from host_tools.study import report
    from host_tools.study.journal import refuse_without_parquet

    if (asked.source is None) == (asked.recipe is None):
        raise HostError("study: give either a BUNDLE (or MODEL.keras) or --recipe NAME")
    if asked.plot and asked.plot.suffix not in report.PICTURES:
        raise HostError(f"--plot: {asked.plot} does not end in {' or '.join(report.PICTURES)}")
    if asked.output and asked.output.suffix not in (".csv", ".parquet"):
        raise HostError(f"--output: {asked.output} does not end in .csv or .parquet")
    if asked.output and asked.output.suffix == ".parquet":
        refuse_without_parquet()
    if asked.scheduler is not None and asked.workers is not None:
        raise HostError("study: --workers is for this machine, --scheduler for others: give one of them")
    if asked.source is not None and asked.data is None:
        made = "trained" if asked.is_model else "made"
        raise HostError(f"study: --data NAME is missing (the data set that {asked.source} was {made} for)")
    if asked.is_model and asked.profile is None:
        raise HostError(f"study: --profile NAME is missing (the technology to export {asked.source} for)")
    if not asked.is_model and (asked.profile or asked.macro):
        raise HostError("study: --profile and --macro are for a MODEL.keras; a bundle or a recipe has its own")
    if asked.engine == "c":
        from firmware_py import c_engine

        c_engine.core()  # refuses now, not after the training


def _plan(asked: Request) -> ChipPlan:
    from firmware_py.cells import Effects
    from host_tools.shift import Shift
    from host_tools.study.chips import ChipPlan
    from host_tools.study.steps import parse_steps

    return ChipPlan(
        Path(),
        steps=tuple(step.text for step in parse_steps(asked.steps)),
        shift=Shift.parse(asked.shift),
        labels=asked.labels,
        effects=Effects(read_noise=not asked.no_read_noise),
        engine=asked.engine,
    )


def _subjects(asked: Request, plan: ChipPlan, dataset: Dataset) -> list[Subject]:
    """The bundle or model; of a recipe its student, and the ideal network itself on chips."""
    from dataclasses import replace

    from device_models.macro import MacroConfig
    from device_models.profile import DeviceProfile
    from firmware_py.bundle import Bundle
    from host_tools.commands.export import _teacher
    from host_tools.export import ExportOptions
    from host_tools.mapping.mask import MaskChoice
    from host_tools.record import read_record
    from host_tools.study.chips import UNTOUCHED
    from host_tools.study.prepare import default_cache, prepare
    from host_tools.study.run import Subject, refuse_other_images
    from host_tools.study.sources import BundleSource, ModelSource, Source
    from host_tools.training import recipes

    cache = asked.cache or default_cache()
    options = ExportOptions(MacroConfig.load(asked.macro) if asked.macro else MacroConfig(),
                            MaskChoice(asked.mask, asked.sram, seed=asked.seed), seed=asked.seed)  # fmt: skip
    if asked.is_model:
        assert asked.source is not None and asked.profile is not None
        ideal = _teacher(asked.source, read_record(asked.source))
        profile = DeviceProfile.load(asked.profile)
        return [Subject("student", ModelSource(asked.source, ideal, profile, dataset, options, cache), plan)]
    if asked.source is not None:
        bundle = Bundle.open(asked.source)
        refuse_other_images(bundle, dataset)
        return [Subject("student", BundleSource(bundle), plan)]
    recipe = recipes.get(asked.recipe or "")
    files = prepare(recipe, dataset, asked.seed, cache)
    student: Source = BundleSource(Bundle.open(files.bundle))
    plain: Source = BundleSource(Bundle.open(files.plain))
    if asked.sweeps:
        profile = DeviceProfile.load(recipe.profile)
        student = ModelSource(files.student, files.teacher, profile, dataset, options, cache)
        unhelped = replace(options, mask=MaskChoice("none"))
        plain = ModelSource(files.teacher, files.teacher, profile, dataset, unhelped, cache)
    return [Subject("plain", plain, replace(plan, steps=UNTOUCHED)), Subject("student", student, plan)]


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
            console.say(f"interrupted; nothing is kept without --output (of {total} chips)")
        else:
            done = sum(case.key(seed) in journal.found for case in cases for seed in options.seeds)
            console.say(f"interrupted; {done} of {total} chips are in {journal.path}: the same command goes on there")
        raise SystemExit(INTERRUPTED) from None


def _tell(prepared: Prepared, chips: list[list[Result]]) -> None:
    """Table, figure, JSON."""
    from host_tools.study import report
    from host_tools.study.run import ideal_rows, rows_of, summary_of_points
    from host_tools.study.statistics import Asked

    asked = prepared.asked
    how = Asked(asked.confidence, asked.interval, asked.yield_at, asked.seed)  # type: ignore[arg-type]
    rows = [row for case, found in zip(prepared.cases, chips, strict=True) for row in rows_of(case, found)]
    ideal = ideal_rows(prepared.cases, prepared.data)
    images = len(prepared.data.y_test)
    shift = prepared.cases[-1].plan.shift
    title = f"{prepared.dataset.name}, {images:,} test images, {asked.chips} chips; input change: {shift}"
    report.print_table(title, [*ideal, *rows], how)
    if asked.plot:
        _draw(asked.plot, title, ideal, rows)
    result: dict[str, Any] = {
        "recipe": asked.recipe, "bundle": prepared.cases[-1].bundle.path.name, "chips": asked.chips, "images": images,
        "seed": asked.seed, "shift": str(shift), "labels": asked.labels, "confidence": asked.confidence,
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
