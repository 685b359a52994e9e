"""Reading cells: the measured arrays against facts about them, and every way to say which column is what."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from device_models.errors import ProfileError
from device_models.measured import read_bakes, read_cells
from tests.device_models.measured.files import ARRAYS, RELAXATION, array, bakes, measured, written

TABLE = "cell,level,time_s,g_uS\n7,0,0,10\n8,1,0,20.5\n7,0,10,11\n8,1,10,21\n"


@pytest.mark.parametrize(("which", "rows", "cells", "times", "gmax_uS"), [
    ("A", 109_552, 16_384, [0, 0.01, 0.1, 1, 100, 1e3, 1e4], 240),
    ("B", 79_955, 16_384, [0, 100, 1e3, 1e4, 1e5], 128),
    ("B 10k", 103_705, 15_961, [0, 0.01, 0.1, 1, 100, 1e3, 1e4], 128)])
def test_measured_arrays_have_the_levels_of_their_addresses(
    which: str, rows: int, cells: int, times: list[float], gmax_uS: float
) -> None:
    """Shapes as the data's own page says; medians on (level + 0.5) gmax / 32 as found there by other means."""
    read = array(which)
    assert (len(read), read.n_cells) == (rows, cells)
    assert np.unique(read.time_s).tolist() == times
    first = read.where(read.time_s == 0)
    medians = np.array([np.median(first.g_uS[first.level == level]) for level in range(32)])
    step = gmax_uS / 32
    assert np.median(np.abs(medians - (np.arange(32) + 0.5) * step)) < 0.5 * step


def test_first_column_of_conductance_is_the_one_named_so() -> None:
    """gi and range, which stand beside g, are not taken for it: g = 1 / r row by row, by another reader."""
    name, target = ARRAYS["B"]
    resistance = np.loadtxt(measured(name), usecols=2, max_rows=2000)
    g_uS = array("B").g_uS[:2000]
    np.testing.assert_allclose(g_uS, 1e6 / resistance, rtol=1e-12)
    assert target == "addr // 2 % 32"


def test_bakes_begin_at_the_levels_and_have_both_readings() -> None:
    read = bakes("A")
    assert read.temperature_C is not None
    temperatures, rows = np.unique(read.temperature_C, return_counts=True)
    assert temperatures.tolist() == [100, 140, 180, 220, 260] and set(rows) == {32_768}
    for temperature in temperatures:
        before = read.where((read.temperature_C == temperature) & (read.time_s == 0))
        assert before.n_cells == len(before) == 16_384
        assert np.median(before.g_uS[before.level == 16]) == pytest.approx(16.5 * 240 / 32, rel=0.02)


def test_header_tells_all(tmp_path: Path) -> None:
    cells = read_cells([written(tmp_path, TABLE)])
    assert cells.cell.tolist() == [7, 8, 7, 8] and cells.level.tolist() == [0, 1, 0, 1]
    assert cells.time_s.tolist() == [0, 0, 10, 10] and cells.g_uS.tolist() == [10, 20.5, 11, 21]
    assert cells.temperature_C is None


@pytest.mark.parametrize("text", [
    "\ufeffADDR;Target;Time [ms];R (kOhm)\r\n7;0;0;100\r\n\r\n8;1;0;50\r\n",
    "# from the tester\n id\tstate\tt_min\tconductance_nS\n7\t0\t0\t10000\n# a pause\n8\t1\t0\t20000\n",
    '"cell","level","time_s","g_S","wafer"\n7,0,0,1e-5,"W, 3"\n8,1,0,2e-5, "W, 4"\n'])
def test_names_delimiters_comments_and_quotes(tmp_path: Path, text: str) -> None:
    cells = read_cells([written(tmp_path, text)])
    assert cells.cell.tolist() == [7, 8] and cells.level.tolist() == [0, 1]
    np.testing.assert_allclose(cells.g_uS, [10, 20], rtol=1e-12)


def test_files_are_joined_and_packed_files_too(tmp_path: Path) -> None:
    one, two = written(tmp_path, TABLE), written(tmp_path, TABLE.replace("\n7,", "\n17,"), "two.csv.gz")
    cells = read_cells([one, two])
    assert cells.cell.tolist() == [7, 8, 7, 8, 17, 8, 17, 8]
    assert str(one) in cells.source and str(two) in cells.source


def test_nominal_time_goes_before_the_clock(tmp_path: Path) -> None:
    text = "cell,level,time_s,timept_s,g_uS\n1,0,0,0,1\n2,1,0,0,2\n1,0,9.7,10,1\n2,1,10.2,10,2\n"
    assert read_cells([written(tmp_path, text)]).time_s.tolist() == [0, 0, 10, 10]


def test_without_a_time_every_row_is_a_first_reading(tmp_path: Path) -> None:
    assert read_cells([written(tmp_path, "cell,level,g_uS\n1,0,5\n2,1,6\n")]).time_s.tolist() == [0, 0]


def test_target_conductances_are_ranked(tmp_path: Path) -> None:
    text = "cell,target_uS,g_uS\n1,50,49\n2,5,6\n3,100,99\n4,50,52\n"
    assert read_cells([written(tmp_path, text)]).level.tolist() == [1, 0, 2, 1]


MAPPING = {"columns": ["a", "b", "c", "d"], "cell": "a", "g": {"column": "c", "unit": "mS"}, "target": "b - 1",
           "temperature": {"column": "d", "unit": "K"}}
TOML = 'columns = ["a", "b", "c", "d"]\ncell = "a"\ng = {column = "c", unit = "mS"}\ntarget = "b - 1"\n' \
       '[temperature]\ncolumn = "d"\nunit = "K"\n'


@pytest.mark.parametrize("kind", ["json", "toml"])
def test_mapping_files(tmp_path: Path, kind: str) -> None:
    if kind == "toml" and sys.version_info < (3, 11):
        pytest.skip("tomllib came with Python 3.11")
    mapping = written(tmp_path, json.dumps(MAPPING) if kind == "json" else TOML, f"m.{kind}")
    cells = read_cells([written(tmp_path, "5\t1\t0.01\t373.15\n6\t2\t0.02\t373.15\n", "x.tsv")], mapping=mapping)
    assert cells.cell.tolist() == [5, 6] and cells.level.tolist() == [0, 1]
    assert cells.temperature_C is not None and cells.temperature_C == pytest.approx([100, 100])
    np.testing.assert_allclose(cells.g_uS, [10, 20])


def test_what_the_caller_says_goes_before_the_mapping(tmp_path: Path) -> None:
    mapping = written(tmp_path, json.dumps(MAPPING), "m.json")
    path = written(tmp_path, "5\t1\t0.01\t373.15\n6\t2\t0.02\t373.15\n", "x.tsv")
    cells = read_cells([path], mapping=mapping, target="b % 2", units={"c": "uS", "d": "K"})
    assert cells.level.tolist() == [1, 0] and cells.g_uS.tolist() == [0.01, 0.02]


def test_table_says_what_it_recognised(tmp_path: Path) -> None:
    path, other = written(tmp_path, TABLE.replace(",", ";")), written(tmp_path, TABLE, "other.csv")
    first, second = read_cells([path, other]).said
    assert first == f"{path}: 4 rows, semicolon-separated: cell, level, time [s], g [uS]"
    assert "other.csv: 4 rows, comma-separated" in second


def test_bakes_need_a_temperature(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="no column says the temperature"):
        read_bakes([written(tmp_path, TABLE)])


def test_names_told_are_as_many_as_columns() -> None:
    with pytest.raises(ProfileError, match="7 column.s., but --columns has 6"):
        read_cells([measured(ARRAYS["A"][0])], columns=RELAXATION[:-1], target="addr % 32")
