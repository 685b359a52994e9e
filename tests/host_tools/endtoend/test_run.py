"""The whole way on a small data set: what is measured, what is kept, and that nothing is trained twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="an export converts the ideal network to TFLite")

from device_models.profile import DeviceProfile
from device_models.write.setup import Setup
from firmware_py.bundle import Bundle
from firmware_py.chip import Chip
from host_tools.cli import main
from host_tools.data import Dataset
from host_tools.endtoend.efforts import parse_effort
from host_tools.endtoend.run import EndToEnd, Plan, cells_by_level, end_to_end
from host_tools.errors import HostError
from host_tools.export import ExportOptions, export_bundle
from host_tools.mapping.mask import MaskChoice
from host_tools.record import read_record, save_model
from host_tools.study.run import StudyOptions
from host_tools.training import recipes
from host_tools.training.distill import distill
from tests.host_tools import networks
from tests.host_tools.networks import L

TEXTS = ("single", "rvw:tolerance=3")


@pytest.fixture(scope="module")
def data() -> Dataset:
    return networks.data(400)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("own") / "own.keras"
    save_model(small(), path, {})
    return path


def small(seed: int = 0) -> Any:
    return networks.chain(L.Flatten(), L.Dense(8, activation="relu", name="fc1"), L.Dense(4, name="fc2"), seed=seed)


def plan_in(cache: Path, teacher: Path | None) -> Plan:
    base = recipes.for_data("corners")
    student = replace(base.student, kd=0.0, epochs=2, batch=32, ema=0.9, augment=None)
    return Plan(replace(base, student=student), 60, StudyOptions(3, 5, 1, 100), 0, cache, teacher)


def efforts(*texts: str) -> list[Any]:
    base = Setup(DeviceProfile.load("charan-65nm"), "rvw")
    return [parse_effort(text, base) for text in texts]


@pytest.fixture(scope="module")
def done(data: Dataset, own: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[EndToEnd, Path]:
    cache = tmp_path_factory.mktemp("end") / "recipes"
    return end_to_end(efforts(*TEXTS), data, plan_in(cache, own)), cache


def test_every_effort_has_both_networks_on_its_own_cells(done: tuple[EndToEnd, Path], data: Dataset) -> None:
    found, _ = done
    assert [point.written.effort.name for point in found.points] == list(TEXTS)
    assert found.points[0].written.error_uS > 3 * found.points[1].written.error_uS
    for point in found.points:
        assert len(point.plain.values) == len(point.control.values) == len(point.vat.values) == 3
        assert point.as_json()["pulses"] == point.written.report.pulses


def test_the_figures_are_those_of_a_board_with_these_cells(done: tuple[EndToEnd, Path], data: Dataset,
                                                           tmp_path: Path) -> None:
    point, teacher = done[0].points[0], small()
    path = tmp_path / "own.rram.safetensors"
    bundle = export_bundle(path, teacher, teacher, point.written.profile, data,
                           ExportOptions(mask=MaskChoice("none")), {})  # fmt: skip
    right = [100 * float(np.mean(Chip(bundle, seed=seed).predict_many(data.x_test[:100]) == data.y_test[:100]))
             for seed in StudyOptions(3, 5).seeds]
    assert list(point.plain.values) == right
    counted = cells_by_level(bundle)
    assert counted.sum() == 2 * sum(layer.k * layer.n for layer in bundle.layers)
    assert point.plain.pulses == pytest.approx(counted @ [row.pulses_mean for row in point.written.report.levels])


def test_a_network_is_trained_for_its_own_profile_by_noise_alone(done: tuple[EndToEnd, Path]) -> None:
    records = [read_record(path) for path in sorted((done[1] / "networks").glob("*-vat-*.keras"))]
    assert sorted(record["profile"] for record in records) == ["charan-65nm-rvw", "charan-65nm-single"]
    assert all(record["recipe"]["kd"] == 0 and record["recipe"]["variation"] == 1 for record in records)
    (control,) = (read_record(path) for path in (done[1] / "networks").glob("*-control-*.keras"))
    assert control["recipe"] == records[0]["recipe"] | {"variation": 0.0}


def test_nothing_is_done_twice_and_an_interrupted_run_goes_on(done: tuple[EndToEnd, Path], data: Dataset, own: Path,
                                                              monkeypatch: pytest.MonkeyPatch) -> None:
    found, cache = done
    calls: list[int] = []

    def counted(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return distill(*arguments, **options)

    monkeypatch.setattr("host_tools.training.distill.distill", counted)
    again = end_to_end(efforts(*TEXTS), data, plan_in(cache, own))
    assert not calls
    assert again.as_json() == found.as_json()
    more = efforts(*TEXTS, "rvw:tolerance=6")
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        end_to_end(more, data, plan_in(cache, own))
    whole = end_to_end(more, data, plan_in(cache, own))
    assert len(calls) == 2  # the one that was interrupted, and the one that was missing
    assert whole.as_json()["efforts"][:2] == found.as_json()["efforts"]


def test_another_network_is_trained_anew(done: tuple[EndToEnd, Path], data: Dataset, tmp_path: Path,
                                         monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **options: Any) -> Any:
        raise HostError("trained")

    monkeypatch.setattr("host_tools.training.distill.distill", refuse)
    save_model(small(seed=5), tmp_path / "other.keras", {})
    with pytest.raises(HostError, match="trained"):
        end_to_end(efforts(TEXTS[0]), data, plan_in(done[1], tmp_path / "other.keras"))


def test_no_effort_and_one_given_twice_are_refused(data: Dataset, tmp_path: Path) -> None:
    with pytest.raises(HostError, match="--effort: none given, expected at least one"):
        end_to_end([], data, plan_in(tmp_path, None))
    with pytest.raises(HostError, match="--effort: single is given twice"):
        end_to_end(efforts("single", "single"), data, plan_in(tmp_path, None))


def test_variation_aware_training_takes_what_rram_program_wrote(data: Dataset, tmp_path: Path) -> None:
    """From cells to a chip: the student's chips have the spread that the program left, level by level."""
    path = tmp_path / "written.json"
    with pytest.raises(SystemExit) as left:
        main(["program", "--profile", "milo-hfo2", "--algorithm", "igvva", "--early-uS", "10", "--cells", "2000",
              "-o", str(path)])
    assert not left.value.code
    profile, plan = DeviceProfile.load(path), plan_in(tmp_path, None)
    teacher = small()
    student, record = distill(data, teacher, profile, plan.recipe.student, 0, lambda share, note: None)
    assert record["profile"] == "milo-hfo2-igvva"
    bundle = export_bundle(tmp_path / "b.rram.safetensors", student, teacher, profile, data,
                           ExportOptions(mask=MaskChoice("none")), {})  # fmt: skip
    cells: dict[int, list[float]] = {}
    for seed in range(30):
        chip = Chip(Bundle.open(bundle.path), seed=seed, engine="numpy")
        for layer, drawn in zip(bundle.layers, chip.engine.cells, strict=True):
            step = (225 - 50) / (bundle.tables.target[-1] - bundle.tables.target[0])
            for level in np.unique(layer.levels[0]):
                cells.setdefault(int(level), []).extend(step * drawn.d[layer.levels[0] == level])
    assert len(cells[8]) > 300
    assert profile.programming.deviation is not None  # type: ignore[union-attr]
    of_pairs = np.std(cells[8]) ** 2  # G+ at 225 uS less G- at 50 uS: both spreads
    top, bottom = (np.array(profile.programming.deviation)[i] for i in (8, 0))  # type: ignore[union-attr]
    p = np.array(profile.programming.probability)  # type: ignore[union-attr]

    def variance(row: np.ndarray) -> float:
        x = np.interp((np.arange(20000) + 0.5) / 20000, p, row)
        return float(x.var())

    assert of_pairs == pytest.approx(variance(top) + variance(bottom), rel=0.15)
