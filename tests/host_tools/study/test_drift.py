"""Age by the board's own law in a study: what it measures is the chip at that age, and nothing else ages it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="networks are Keras models")

from device_models.profile import DeviceProfile
from firmware_py.bundle import Bundle
from firmware_py.chip import Chip
from firmware_py.errors import RramError
from host_tools.errors import HostError
from host_tools.mapping.draft import ExportOptions
from host_tools.mapping.mask import MaskChoice
from host_tools.study import chips
from host_tools.study.cases import Case, Subject, cases_of, notes_of
from host_tools.study.chips import ChipPlan, Stock, measure_chip
from host_tools.study.prepare import export_kept
from host_tools.study.sources import BundleSource, ModelSource, rederived
from host_tools.study.steps import parse_steps
from host_tools.study.sweep import grid, parse_sweep
from tests.host_tools.study.conftest import Small
from tests.host_tools.study.test_command import Run, lines, own, refused, run

__all__ = ["own", "run"]
TECH_A = DeviceProfile.load("techA")
OPTIONS = ExportOptions(mask=MaskChoice("magnitude", sram_percent=20.0), vectors=16, seed=3, aging=True)


@pytest.fixture(scope="module")
def drifting(small: Small, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small network for techA, exported with ageing."""
    cache = tmp_path_factory.mktemp("drift")
    return export_kept(small.network, small.network, TECH_A, small.data, OPTIONS, cache)


def cases(bundle: Path, steps: str, small: Small, sweep: str | None = None) -> list[Case]:
    points = grid([parse_sweep(sweep)] if sweep else [])
    plan = ChipPlan(bundle, tuple(step.text for step in parse_steps(steps)))
    return cases_of([Subject("student", BundleSource(Bundle.open(bundle)), plan)], points, small.study_data)


@pytest.mark.parametrize("engine", ["auto", "numpy"])
@pytest.mark.parametrize("age_s", [0.0, 3600.0, 1e7])
def test_a_drifted_chip_is_the_boards_chip_at_that_age(
    drifting: Path, small: Small, engine: str, age_s: float
) -> None:
    bundle, data = Bundle.open(drifting), small.study_data
    life = chips._Life(ChipPlan(drifting, engine=engine), Stock(bundle), data, 5)
    life.do(parse_steps(f"drifted:{age_s:g}")[0])
    board = Chip(bundle, seed=5, engine=engine, age_s=age_s)  # type: ignore[arg-type]
    np.testing.assert_array_equal(life.chip.logits_many(data.x_test), board.logits_many(data.x_test))
    fresh = Chip(bundle, seed=5, engine=engine).logits_many(data.x_test)  # type: ignore[arg-type]
    board = Chip(bundle, seed=5, engine=engine, age_s=age_s)  # type: ignore[arg-type]
    assert np.array_equal(board.logits_many(data.x_test), fresh) == (age_s == 0)


def test_a_sweep_of_hours_measures_the_boards_chips(
    drifting: Path, small: Small, own: tuple[str, ...], run: Run
) -> None:
    code, out, err = run(str(drifting), *own, "--chips", "3", "--workers", "1", "--steps", "untouched",
                         "--sweep", "drift_h=0,1,10000", "-o", "r.csv", "--json", "-")  # fmt: skip
    assert code == 0, err
    assert err.count("age 3.6e+07 s: drift was measured to 10000 s, and goes on as it did") == 1
    x, y = small.study_data.x_test, small.study_data.y_test
    by_hand = {(hours, seed): 100 * np.mean(Chip.open(drifting, seed=seed, age_s=3600.0 * hours).predict_many(x) == y)
               for hours in (0, 1, 10000) for seed in range(3)}  # fmt: skip
    found = {(int(row["drift_h"]), int(row["seed"])): float(row["untouched"]) for row in lines("r.csv")}
    assert found == pytest.approx(by_hand)
    assert json.loads(out)["axes"] == {"drift_h": [0.0, 1.0, 10000.0]}


def test_the_correction_stays_and_reads_go_on(drifting: Path, small: Small) -> None:
    data, plan = small.study_data, ChipPlan(drifting, ("calibrated", "drifted:1e5", "again=recalibrated"))
    found, chip = measure_chip(plan, data, 2), Chip.open(drifting, seed=2)

    def accuracy() -> float:
        return float(100 * np.mean(chip.predict_many(data.x_test) == data.y_test))

    chip.calibrate()
    expected = {"calibrated": accuracy()}
    chip.refresh(1e5)
    expected["drifted:1e5"] = accuracy()
    chip.calibrate()
    assert found == pytest.approx({**expected, "again": accuracy()})


@pytest.mark.parametrize(("steps", "complaint"), [
    ("drifted:10,drifted:5", "--steps: drifted:5: a chip ages from 10 to at most 1e+12 s, never backwards"),
    ("drifted:1e13", "at most 1e+12 s"),
    ("aged:10,drifted:100", "a chip ages by its profile's tables (aged, baked) or by its board's law"),
    ("drifted:100,aged:1000", "not by both"), ("drifted:100,baked:140", "not by both"),
    ("drifted", "nothing given, expected seconds after programming"), ("drifted:-1", "-1 given"),
])  # fmt: skip
def test_an_age_that_cannot_be_is_one_line_before_any_chip(
    drifting: Path, small: Small, steps: str, complaint: str
) -> None:
    with pytest.raises(HostError) as error:
        cases(drifting, steps, small)
    assert complaint in str(error.value) and "\n" not in str(error.value)


def test_what_knows_no_drift_is_one_line(
    small: Small, own: tuple[str, ...], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = refused(run, str(small.aging), *own, "--steps", "untouched,drifted:100")
    assert f"--steps: drifted:100: {small.aging} has no law of drift (rram export --aging" in line
    line = refused(run, str(small.network), *own, "--profile", "techA", "--sram", "20", "--sweep", "age_h=1000000")
    assert "3.6e+09 s is not within 0 to 10000 s" in line and "--outside" not in line  # an option of other commands
    monkeypatch.setattr("host_tools.study.prepare.export_bundle", lambda *_, **__: pytest.fail("exported"))
    line = refused(run, str(small.network), *own, "--profile", "charan-65nm", "--sweep", "drift_h=1")
    assert line.endswith("--steps: drifted:3600: profile charan-65nm has no law of drift (relaxation.law)")
    with pytest.raises(RramError, match="no law of drift"):  # as the board says it
        Chip.open(small.aging, age_s=100.0)


def test_a_model_is_exported_with_its_law_where_a_step_asks(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("host_tools.tflite.to_tflite", lambda *_: b"TFL3")
    source = ModelSource(small.network, small.network, TECH_A, small.data, replace(OPTIONS, aging=False), tmp_path)
    for steps, sweep, known in (("untouched", None, False), ("drifted:10", None, True),
                                ("untouched", "drift_h=2", True)):  # fmt: skip
        plan = ChipPlan(Path(), tuple(steps.split(",")))
        (case,) = cases_of([Subject("student", source, plan)], grid([parse_sweep(sweep)] if sweep else []),
                           small.study_data)  # fmt: skip
        assert (case.bundle.aging.drift is not None) == known
        assert notes_of([case]) == []


def test_a_bundle_whose_technology_changes_ages_as_an_export_would(
    drifting: Path, small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("host_tools.tflite.to_tflite", lambda *_: b"TFL3")
    document = TECH_A.model_dump(mode="json", exclude_none=True)
    law = document["relaxation"]["law"]
    law["mean_per_decade_uS"] = [2 * mean for mean in law["mean_per_decade_uS"]]
    other = DeviceProfile.from_dict(document)
    derived = rederived(Bundle.open(drifting), other, OPTIONS.macro)
    exported = Bundle.open(export_kept(small.network, small.network, other, small.data, OPTIONS, tmp_path))
    mine, theirs, before = derived.aging.drift, exported.aging.drift, Bundle.open(drifting).aging.drift
    assert mine is not None and theirs is not None and before is not None
    np.testing.assert_array_equal(mine.mean, theirs.mean)
    np.testing.assert_allclose(mine.mean, 2 * before.mean)
    del document["relaxation"]
    assert rederived(Bundle.open(drifting), DeviceProfile.from_dict(document), OPTIONS.macro).aging.drift is None
    assert rederived(Bundle.open(small.aging), other, OPTIONS.macro).aging.drift is None  # exported without
