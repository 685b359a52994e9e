"""From what the user typed to the cases of a study: everything that cannot be is refused, cheapest first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from device_models.macro import MacroConfig
from device_models.profile import DeviceProfile
from firmware_py.bundle import Bundle
from firmware_py.cells import Effects
from firmware_py.correction import AdaptConfig
from firmware_py.replay import Replay
from host_tools import console
from host_tools.data import Dataset, load
from host_tools.errors import HostError
from host_tools.importers import SUFFIXES
from host_tools.mapping.draft import ExportOptions
from host_tools.mapping.mask import MaskChoice
from host_tools.shift import Shift
from host_tools.study.cases import Case, Subject, cases_of, notes_of, refuse_other_images
from host_tools.study.cells import drifts, refuse_unknown_times
from host_tools.study.chips import LABELS, UNTOUCHED, ChipPlan, StudyData
from host_tools.study.cluster import Cluster
from host_tools.study.jobs import Workers
from host_tools.study.journal import refuse_without_parquet
from host_tools.study.prepare import default_cache, prepare
from host_tools.study.report import PICTURES
from host_tools.study.run import StudyOptions, study_data
from host_tools.study.sources import BundleSource, ModelSource, Source
from host_tools.study.steps import parse_steps
from host_tools.study.sweep import grid, parse_sweep
from host_tools.training import recipes


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
    labels: int | None
    shift: str
    replay: str | None
    sweeps: tuple[str, ...]
    yield_at: float | None
    confidence: float
    interval: str
    no_read_noise: bool
    engine: str
    workers: int | None
    scheduler: str | None
    cache: Path | None
    retrain: bool
    output: Path | None
    plot: Path | None
    seed: int
    json_file: str | None

    @property
    def axes_swept(self) -> list[str]:
        """Names of the axes."""
        return [text.partition("=")[0].strip() for text in self.sweeps]

    @property
    def is_model(self) -> bool:
        """Whether the source is a network, and no bundle."""
        return self.source is not None and self.source.suffix in SUFFIXES


@dataclass(frozen=True)
class Prepared:
    """All that is settled before the first chip."""

    asked: Request
    dataset: Dataset
    data: StudyData
    options: StudyOptions
    cases: list[Case]
    workers: Workers | None


def prepare_study(asked: Request) -> Prepared:
    """Refuse what cannot be, cheapest first; then train, export and derive what the study needs."""
    _refuse(asked)
    points = grid([parse_sweep(one) for one in asked.sweeps])
    plan = _plan(asked)
    workers = Cluster(asked.scheduler) if asked.scheduler is not None else None
    recipe = recipes.get(asked.recipe) if asked.recipe else None
    dataset = load(asked.data or (recipe.data if recipe else ""), asked.data_dir)
    options = StudyOptions(asked.chips, asked.seed * asked.chips, asked.workers, asked.images)  # another seed: others
    data = study_data(dataset, asked.images)
    if asked.labels is None:
        plan = replace(plan, labels=min(LABELS, len(data.y_stream)))
    subjects = _subjects(asked, plan, dataset)
    with _shown("bundles of the sweep", len(subjects) * len(points) if asked.sweeps else 0) as advance:
        cases = cases_of(subjects, points, data, advance)
    for note in notes_of(cases):
        console.say(note)
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
    if (asked.source is None) == (asked.recipe is None):
        raise HostError("study: give either a BUNDLE (or MODEL.keras) or --recipe NAME")
    if asked.plot and asked.plot.suffix not in PICTURES:
        raise HostError(f"--plot: {asked.plot} does not end in {' or '.join(PICTURES)}")
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
    return ChipPlan(
        Path(),
        steps=tuple(step.text for step in parse_steps(asked.steps)),
        shift=Shift.parse(asked.shift),
        labels=LABELS if asked.labels is None else asked.labels,
        adapt=AdaptConfig() if asked.replay is None else AdaptConfig(replay=Replay.parse(asked.replay)),
        effects=Effects(read_noise=not asked.no_read_noise),
        engine=asked.engine,
    )


def _subjects(asked: Request, plan: ChipPlan, dataset: Dataset) -> list[Subject]:
    """The bundle or model; of a recipe its student, and the ideal network itself on chips."""
    from host_tools.record import record_of, teacher_of

    cache = asked.cache or default_cache()
    options = ExportOptions(MacroConfig.load(asked.macro) if asked.macro else MacroConfig(),
                            MaskChoice(asked.mask, asked.sram, seed=asked.seed), seed=asked.seed)  # fmt: skip
    if asked.is_model:
        assert asked.source is not None and asked.profile is not None
        ideal = teacher_of(asked.source, record_of(asked.source))
        profile = DeviceProfile.load(asked.profile)
        return [Subject("student", ModelSource(asked.source, ideal, profile, dataset, options, cache), plan)]
    if asked.source is not None:
        bundle = Bundle.open(asked.source)
        refuse_other_images(bundle, dataset)
        return [Subject("student", BundleSource(bundle), plan)]
    recipe = recipes.get(asked.recipe or "")
    refuse_unknown_times(plan.steps, DeviceProfile.load(recipe.profile), plan.start)
    own = ExportOptions(seed=asked.seed, aging=drifts(plan.steps, plan.start))
    files = prepare(recipe, dataset, asked.seed, cache, own, fresh=asked.retrain)
    student: Source = BundleSource(Bundle.open(files.bundle))
    plain: Source = BundleSource(Bundle.open(files.plain))
    if asked.sweeps:
        profile = DeviceProfile.load(recipe.profile)
        student = ModelSource(files.student, files.teacher, profile, dataset, options, cache)
        unhelped = replace(options, mask=MaskChoice("none"))
        plain = ModelSource(files.teacher, files.teacher, profile, dataset, unhelped, cache)
    return [Subject("plain", plain, replace(plan, steps=UNTOUCHED)), Subject("student", student, plan)]
