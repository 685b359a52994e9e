"""The study: each axis changes what its name says and nothing else, and its figures are those of single chips."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from device_models.errors import ProfileError
from device_models.profile import DeviceProfile
from host_tools.finetune.chip import Chip
from host_tools.finetune.methods import Job, result, tuned
from host_tools.finetune.study import StudyPlan, job_at, one_chip, run_study
from host_tools.finetune.tuning import STRATEGIES, Tuning
from tests.host_tools.finetune.nets import branched, technology

X = np.random.default_rng(0).integers(0, 256, (40, 6, 6, 2)).astype(np.uint8)
Y = np.random.default_rng(1).integers(0, 3, 40)
JOB = Job(branched(), technology(), Tuning(writes=0.5, images=32), X, Y, X, Y)


def test_an_axis_changes_what_it_names() -> None:
    levels, ratio, spread = (job_at(JOB, axis, value).technology
                             for axis, value in (("levels", 4), ("on_off_ratio", 20), ("spread", 0.1)))  # fmt: skip
    assert levels.profile.levels.conductance_uS == pytest.approx(np.linspace(10, 50, 4))
    assert ratio.profile.levels.conductance_uS == pytest.approx(np.linspace(2.5, 50, 10))
    np.testing.assert_allclose(spread.sd, JOB.technology.sd / 5, rtol=1e-4)
    np.testing.assert_allclose(levels.sd[-1], JOB.technology.sd[-1], rtol=1e-4)
    assert job_at(JOB, "rewrites_per_cell", 2.0) == replace(JOB, tuning=replace(JOB.tuning, writes=2.0))


def test_write_noise_is_that_of_rewrites_alone() -> None:
    finer = job_at(JOB, "write_noise", 0.01)
    assert finer.technology is JOB.technology
    chip, coarse = finer.fresh(1), JOB.fresh(1)
    rows = np.eye(50, dtype=np.float32)
    np.testing.assert_array_equal(chip.layers[0].read(rows[:, :18]), coarse.layers[0].read(rows[:, :18]))
    everywhere, level = np.ones((18, 4), bool), np.full((18, 4), 9)
    for each in (chip, coarse):
        each.layers[0].write(everywhere, level)
    spread = [float(each.layers[0].read(np.eye(18, dtype=np.float32)).std()) for each in (chip, coarse)]
    assert spread[0] < 0.2 * spread[1]


def test_judging_a_chip_is_not_the_methods_effort() -> None:
    chip = JOB.fresh(1)
    chip.product(0, np.zeros((7, 18), np.float32))
    first, again = (result(JOB, "any", 1, chip) for _ in range(2))
    assert (first.reads, again.reads, chip.reads) == (7 / 5, 7 / 5, 7)


def test_methods_are_those_of_single_chips() -> None:
    found = one_chip(("untouched", "rvw-gains-biases", "last-layer"), (JOB, 3))
    assert found["untouched"] == result(JOB, "untouched", 3, Chip(JOB.network, JOB.technology, 3)).accuracy
    tuning = replace(STRATEGIES["last-layer"], writes=0.5, images=32)
    assert found["last-layer"] == tuned(replace(JOB, tuning=tuning), 3).accuracy


def test_a_study_is_every_method_at_every_value() -> None:
    pytest.importorskip("keras", reason="needs the host extra")
    from tests.host_tools import networks

    plan = StudyPlan(2, {"levels": (4, 10), "spread": (0.1,)}, ("untouched", "gains-biases"), 64)
    bars: list[float] = []
    found = run_study(networks.conv_net(), networks.data(80), technology().profile, plan, 0, 1,
                      lambda amount, note: bars.append(amount))  # fmt: skip
    assert sum(bars) == plan.size == 6
    assert [p["value"] for p in found["axes"]["levels"]] == [4, 10]
    for point in found["axes"]["spread"]:
        assert set(point["accuracy"]) == {"untouched", "gains-biases"}
        assert point["accuracy"]["untouched"]["min"] <= point["accuracy"]["untouched"]["mean"]


def test_a_table_of_spreads_cannot_be_changed_by_one_number() -> None:
    job = replace(JOB, technology=replace(JOB.technology, profile=DeviceProfile.load("techA")))
    with pytest.raises(ProfileError, match="needs normal or log-normal"):
        job_at(job, "spread", 0.1)
