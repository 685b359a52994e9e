"""A study that is stopped goes on where it was, and nothing that was kept is measured again or lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pydantic", reason="a board: no workstation tools")

from firmware_py.bundle import Bundle
from firmware_py.correction import count_sram
from host_tools.errors import HostError
from host_tools.study.cases import Case, Subject, cases_of
from host_tools.study.chips import ChipPlan, Stock, StudyData
from host_tools.study.jobs import Here, Job, Result
from host_tools.study.journal import open_journal
from host_tools.study.results import layout_of
from host_tools.study.rows import rows_of
from host_tools.study.run import StudyOptions, run_study, study_data
from host_tools.study.sources import BundleSource
from host_tools.study.sweep import grid, parse_sweep
from tests.host_tools.study.conftest import Small

OPTIONS = StudyOptions(chips=3, first_seed=10)


class Counting:
    """Does jobs here, notes which, and is interrupted before number `stop`."""

    def __init__(self, stop: int | None = None) -> None:
        self.stop, self.seeds = stop, list[int]()

    def results(
        self, jobs: Sequence[Job], stocks: Mapping[str, Stock], data: StudyData
    ) -> Iterator[tuple[Job, Result]]:
        """As the protocol says."""
        for job, result in Here().results(jobs, stocks, data):
            if len(self.seeds) == self.stop:
                raise KeyboardInterrupt
            self.seeds.append(job.seed)
            yield job, result


def cases(small: Small, values: str = "0.1,0.4", steps: tuple[str, ...] = ("untouched", "calibrated")) -> list[Case]:
    """Points of a sweep from the bundle alone."""
    subject = Subject("student", BundleSource(Bundle.open(small.bundle)), ChipPlan(small.bundle, steps))
    return cases_of([subject], grid([parse_sweep(f"programming.sigma={values}")]), small.study_data)


def test_a_stopped_study_goes_on_where_it_was(small: Small, tmp_path: Path) -> None:
    data, every = small.study_data, cases(small)
    expected = run_study(every, data, OPTIONS, Here())
    assert len({tuple(chip.values()) for case in expected for chip in case}) > 3
    layout, path = layout_of(every, data, "corners"), tmp_path / "r.csv"
    with pytest.raises(KeyboardInterrupt), open_journal(path, layout) as journal:
        run_study(every, data, OPTIONS, Counting(stop=4), journal)
    path.write_bytes(path.read_bytes()[:-3])  # and the power went: the fourth line is not whole
    rest = Counting()
    with open_journal(path, layout) as journal:
        assert len(journal.found) == 3
        assert run_study(every, data, OPTIONS, rest, journal) == expected
    assert rest.seeds == [10, 11, 12]
    none = Counting(stop=0)
    with open_journal(path, layout) as journal:
        assert run_study(every, data, OPTIONS, none, journal) == expected
    assert len(path.read_text().splitlines()) == 7


def test_more_chips_and_more_values_go_into_the_same_file(small: Small, tmp_path: Path) -> None:
    data, path, counted = small.study_data, tmp_path / "r.csv", Counting()
    with open_journal(path, layout_of(cases(small), data, "corners")) as journal:
        run_study(cases(small), data, OPTIONS, Here(), journal)
    more = cases(small, "0.1,0.2,0.4")
    with open_journal(path, layout_of(more, data, "corners")) as journal:
        found = run_study(more, data, StudyOptions(4, 10), counted, journal)
    assert counted.seeds == [13, 10, 11, 12, 13, 13]
    assert found == run_study(more, data, StudyOptions(4, 10), Here())


@pytest.mark.parametrize("what", ["images", "labels", "labels in the data", "bundle"])
def test_another_studys_results_are_not_taken_for_its_own(small: Small, tmp_path: Path, what: str) -> None:
    data, path = small.study_data, tmp_path / "r.csv"
    with open_journal(path, layout_of(cases(small), data, "corners")) as journal:
        run_study(cases(small), data, OPTIONS, Here(), journal)
    before = path.read_bytes()
    other, its_data = cases(small), data
    if what == "images":
        its_data = study_data(small.data, 40)
    elif what == "labels":
        plan = ChipPlan(small.bundle, ("untouched", "calibrated"), labels=9)
        other = [Case(Subject("student", c.subject.source, plan), c.point, plan, c.bundle) for c in other]
    elif what == "labels in the data":
        its_data = StudyData(data.x_test, np.roll(data.y_test, 1), data.x_stream, data.y_stream)
    else:
        other = [replace(c, bundle=replace(c.bundle, digest="f" * 64)) for c in other]
    layout = layout_of(other, its_data, "corners")
    with pytest.raises(HostError, match="not overwritten") as error, open_journal(path, layout) as journal:
        run_study(other, its_data, OPTIONS, Here(), journal)
    assert "\n" not in str(error.value)
    assert path.read_bytes() == before


def test_rows_say_what_was_done_and_what_sram_it_took(small: Small) -> None:
    data = small.study_data
    steps = ("untouched", "aged:100", "calibrated", "shifted", "adapted:5")
    subject = Subject("student", BundleSource(Bundle.open(small.aging)), ChipPlan(small.aging, steps))
    (case,) = cases_of([subject], [{}], data)
    (chips,) = run_study([case], data, OPTIONS, Here())
    rows = rows_of(case, chips)
    assert [row.row for row in rows] == ["student", *steps[1:]]
    assert [row.sram is None for row in rows] == [True, True, False, False, False]
    assert rows[2].sram == count_sram(case.bundle)
    assert rows[4].clean == tuple(chip["adapted:5_clean"] for chip in chips)
    assert rows[1].heading == "the same chips, 100 s after programming"
    assert [row.values for row in rows] == [tuple(chip[step] for chip in chips) for step in steps]


def test_another_subjects_rows_carry_its_name(small: Small) -> None:
    source = BundleSource(Bundle.open(small.bundle))
    subjects = [Subject(name, source, ChipPlan(small.bundle, ("untouched", "calibrated")), title)
                for name, title in (("student", ""), ("mask-aware", "a student that knows its mask"))]  # fmt: skip
    every = cases_of(subjects, [{}], small.study_data)
    found = run_study(every, small.study_data, OPTIONS, Here())
    rows = [row for case, chips in zip(every, found, strict=True) for row in rows_of(case, chips)]
    assert [row.row for row in rows] == ["student", "calibrated", "mask-aware", "mask-aware calibrated"]
    assert rows[2].heading == "a student that knows its mask"
