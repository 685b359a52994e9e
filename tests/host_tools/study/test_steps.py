"""Steps by name: what is done, in which order, and what is refused in one line."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pydantic", reason="a board: no workstation tools")

from device_models.derive import aged
from device_models.profile import DeviceProfile
from firmware_py.bundle import Bundle
from firmware_py.cells import Effects, draw_conductances
from firmware_py.chip import Chip
from host_tools.errors import HostError
from host_tools.shift import Shift
from host_tools.study.cases import Subject, cases_of
from host_tools.study.cells import cells_after
from host_tools.study.chips import ChipPlan, columns, measure_chip, redrawn_seed
from host_tools.study.sources import BundleSource
from host_tools.study.steps import parse_steps
from tests.host_tools.study.conftest import Small


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "'' is not [NAME=]STEP[:ARGUMENT] with one of untouched, calibrated"),
        ("untouched,fly", "'fly' is not"),
        ("calibrated:0", "0 given, expected a number of vectors"),
        ("calibrated:x", "x given, expected a number of vectors"),
        ("aged", "nothing given, expected seconds after programming"),
        ("aged:-1", "-1 given"),
        ("aged:inf", "inf given"),
        ("aged:10:twice", "10:twice given"),
        ("baked:hot", "hot given, expected the temperature of a bake"),
        ("untouched:1", "1 given, expected no argument"),
        ("calibrated,calibrated", "'calibrated' is given twice; give one of them a name: again=calibrated"),
        ("a b=calibrated", "'a b=calibrated' is not"),
        ("=untouched", "'=untouched' is not"),
        ("shifted:blur:1", "--shift: 'blur:1' given"),
    ],
)
def test_what_is_no_step_is_refused_in_one_line(text: str, complaint: str) -> None:
    with pytest.raises(HostError) as error:
        parse_steps(text)
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


def test_a_step_reads_back_as_it_was_written() -> None:
    words = ("untouched", "calibrated:64", "late=calibrated:512", "shifted:affine:0.5;0.4", "aged:1e4", "adapted")
    steps = parse_steps(",".join(words))
    assert tuple(step.text for step in steps) == words
    assert [step.name for step in steps] == ["untouched", "calibrated:64", "late", *words[3:]]
    assert parse_steps(words) == steps


def test_a_plan_is_a_chip_worked_by_hand(small: Small) -> None:
    """Every kind of step on one chip, against firmware_py alone."""
    data, bundle = small.study_data, Bundle.open(small.aging)
    plan = ChipPlan(small.aging, ("untouched", "calibrated:20", "aged:1000", "again=recalibrated", "shifted:rotate:40",
                                  "adapted:15"))  # fmt: skip
    found = measure_chip(plan, data, 6)
    assert list(found) == columns(plan)

    def accuracy(chip: Chip, x: np.ndarray) -> float:
        return 100 * sum(chip.predict_one(image) == y for image, y in zip(x, data.y_test, strict=True)) / len(x)

    chip = Chip(bundle, seed=6)
    assert found["untouched"] == pytest.approx(accuracy(chip, data.x_test))
    chip.calibrate(np.concatenate([bundle.calibration_x, data.x_stream[:4]]))  # 16 travel with the bundle
    assert found["calibrated:20"] == pytest.approx(accuracy(chip, data.x_test))
    old = Chip(cells_after(bundle, parse_steps("aged:1000")), seed=6)
    old.correction.load(bundle, chip.correction.arrays(bundle))
    assert found["aged:1000"] == pytest.approx(accuracy(old, data.x_test))
    old.calibrate()
    assert found["again"] == pytest.approx(accuracy(old, data.x_test))
    turned = Shift.parse("rotate:40")
    assert found["shifted:rotate:40"] == pytest.approx(accuracy(old, turned(data.x_test)))
    for i in np.random.default_rng(6).permutation(len(data.x_stream))[:15]:
        old.learn_one(turned(data.x_stream[i]), int(data.y_stream[i]))
    assert found["adapted:15"] == pytest.approx(accuracy(old, turned(data.x_test)))
    assert found["adapted:15_clean"] == pytest.approx(accuracy(old, data.x_test))
    assert len(set(found.values())) > 4


@pytest.mark.parametrize("kind", ["gains", "moments"])
def test_a_calibration_may_leave_the_mask_alone(small: Small, kind: str) -> None:
    data, bundle, chip = small.study_data, Bundle.open(small.bundle), Chip.open(small.bundle, seed=3)
    found = measure_chip(ChipPlan(small.bundle, (f"{kind}:12",)), data, 3)
    chip.calibrate(bundle.calibration_x[:12], kind)
    by_hand = 100 * np.mean(chip.predict_many(data.x_test) == data.y_test)
    assert found[f"{kind}:12"] == pytest.approx(by_hand)
    fresh = Chip(bundle, seed=3)
    for mine, first in zip(chip.correction.layers, fresh.correction.layers, strict=True):
        np.testing.assert_array_equal(mine.value, first.value)
        assert not np.array_equal(mine.gain, first.gain)


def test_the_same_cells_age_and_keep_their_rank(small: Small) -> None:
    """Cell by cell: the aged conductance is the aged profile's quantile at the rank of the fresh one."""
    bundle, profile = Bundle.open(small.aging), DeviceProfile.load("techA")
    later = cells_after(bundle, parse_steps("aged:10000"))
    assert later.tables.target is bundle.tables.target and later.tables.var is bundle.tables.var
    layer = bundle.layers[2]
    before, after = (draw_conductances(layer, 2, b.tables, 9, Effects()) for b in (bundle, later))
    assert np.any(before != after)
    from device_models.compile import programming_distribution

    step = (profile.g_max_uS - profile.g_min_uS) / 2048
    for level in np.unique(layer.levels)[:3]:
        mine = layer.levels == level
        order = np.argsort(before[mine], kind="stable")
        assert np.all(np.diff(after[mine][order]) >= -1)  # of ranks, up to rounding where cells share a step
        fresh, old = (programming_distribution(p, int(level)) for p in (profile, aged(profile, 1e4)))
        share = fresh.cdf(before[mine] * step)
        inside = (share > 0.05) & (share < 0.95)
        moved = np.abs(after[mine] * step - np.maximum(old.ppf(share), 0))
        assert np.quantile(moved[inside], 0.9) < 0.5  # uS, of 232.5


def test_redrawn_cells_are_others_of_the_same_law(small: Small) -> None:
    data = small.study_data
    kept = measure_chip(ChipPlan(small.aging, ("aged:1000",)), data, 2)
    redrawn = measure_chip(ChipPlan(small.aging, ("aged:1000:redrawn",)), data, 2)
    other = measure_chip(ChipPlan(small.aging, ("untouched",), start=("aged:1000",)), data, redrawn_seed(2))
    assert redrawn["aged:1000:redrawn"] == other["untouched"] != kept["aged:1000"]


@pytest.mark.parametrize(
    ("steps", "complaint"),
    [
        ("aged:100,aged:10", "a chip ages before it is baked, and never backwards"),
        ("baked:140,aged:10", "a chip ages before it is baked"),
        ("baked:150", "no bake at 150 C"),
        ("aged:1e9", "1e+09 s"),
    ],
)
def test_what_a_profile_does_not_know_is_refused(small: Small, steps: str, complaint: str) -> None:
    with pytest.raises(ValueError) as error:
        cells_after(Bundle.open(small.aging), parse_steps(steps))
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


def test_more_vectors_than_there_are_is_refused(small: Small) -> None:
    with pytest.raises(HostError, match="5000 vectors asked, the bundle and the data set have 216"):
        measure_chip(ChipPlan(small.bundle, ("calibrated:5000",)), small.study_data, 0)


@pytest.mark.parametrize(("step", "labels", "named"), [("adapted:201", 5, "--steps: adapted:201: 201 labels asked"),
                                                       ("adapted", 202, "--labels: adapted: 202 labels asked")])
def test_more_labels_than_there_are_are_refused(small: Small, step: str, labels: int, named: str) -> None:
    """Before anything is measured; nobody is told of 1,000 labels where there were 98."""
    plan = ChipPlan(small.bundle, (step,), labels=labels)
    with pytest.raises(HostError, match=f"{named}, the data set has 200"):
        measure_chip(plan, small.study_data, 0)
    with pytest.raises(HostError, match=named):
        cases_of([Subject("student", BundleSource(Bundle.open(small.bundle)), plan)], [{}], small.study_data)


def test_steps_before_the_study_are_not_measured(small: Small) -> None:
    late = replace(ChipPlan(small.aging, ("untouched",)), start=("calibrated",))
    whole = measure_chip(ChipPlan(small.aging, ("calibrated",)), small.study_data, 3)
    assert list(measure_chip(late, small.study_data, 3)) == ["untouched"]
    assert columns(late) == ["untouched"]
    assert measure_chip(late, small.study_data, 3)["untouched"] == pytest.approx(whole["calibrated"], abs=6)


def test_sram_and_counters_stay_when_the_cells_age(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Chip] = []

    class Kept(Chip):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            kept.append(self)

    monkeypatch.setattr("host_tools.study.chips.Chip", Kept)
    data = small.study_data
    measure_chip(ChipPlan(small.aging, ("aged:1000",), start=("calibrated", "adapted:5")), data, 1)
    fresh, old = (chip.correction.arrays(chip.bundle) for chip in kept)
    for name, array in fresh.items():
        expected = array + [0, len(data.y_test)] if name == "counters" else array  # aged, it was measured
        np.testing.assert_array_equal(old[name], expected, err_msg=name)
    assert any(np.any(array != other) for array, other in zip(
        old.values(), Chip.open(small.aging).correction.arrays(kept[0].bundle).values(), strict=True))  # fmt: skip
