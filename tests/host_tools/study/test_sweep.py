"""Sweeps as a user types them: values, grids, and one line for what cannot be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("pydantic", reason="a board: no workstation tools")

from host_tools.errors import HostError
from host_tools.study.axes import AXES
from host_tools.study.sweep import grid, label, parse_sweep


@given(st.floats(0.01, 100), st.floats(0.01, 100), st.integers(2, 40))
def test_a_range_runs_evenly_from_start_to_stop(start: float, width: float, count: int) -> None:
    swept = parse_sweep(f"programming.sigma={start!r}:{start + width!r}:{count}")
    np.testing.assert_allclose(swept.values, np.linspace(start, start + width, count), rtol=1e-9)
    assert all(isinstance(value, float) for value in swept.values)


def test_lists_whole_numbers_and_words() -> None:
    assert parse_sweep("macro.adc_bits=4, 6,8").values == (4, 6, 8)
    assert parse_sweep("levels=4:16:4").values == (4, 8, 12, 16)
    assert all(type(value) is int for value in parse_sweep("levels=4:16:4").values)
    assert parse_sweep("age_h=0,2.5").values == (0.0, 2.5)
    assert parse_sweep("mask.criterion=random,fisher").values == ("random", "fisher")
    assert parse_sweep("shift=affine:0.5,0.4;rotate:40").values == ("affine:0.5,0.4", "rotate:40")
    assert parse_sweep("programming.sigma=0.1:0.6:6").values == (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)  # no 0.30000000000000004


def test_a_grid_is_every_combination_the_last_axis_fastest() -> None:
    points = grid([parse_sweep("levels=4,8"), parse_sweep("programming.sigma=0.1,0.2,0.3")])
    assert [(p["levels"], p["programming.sigma"]) for p in points] == [
        (4, 0.1), (4, 0.2), (4, 0.3), (8, 0.1), (8, 0.2), (8, 0.3)]  # fmt: skip
    assert label(points[3]) == "levels=8, programming.sigma=0.1"
    assert grid([]) == [{}]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "nothing is not an axis; expected one of programming.sigma"),
        ("programing.sigma=1,2", "programing.sigma is not an axis; did you mean programming.sigma?"),
        ("adc_bits=4,8", "did you mean macro.adc_bits?"),
        ("zzz=1", "zzz is not an axis; expected one of"),
        ("levels", "levels: no value given"),
        ("levels=", "levels: no value given, expected levels=start:stop:count or a list"),
        ("levels= ,", "levels: no value given"),
        ("levels=4,,8", "levels: nothing is not a number"),
        ("levels=4.5", "levels: 4.5 is not a whole number"),
        ("levels=4:8:4", "levels: 5.33333333333 is not a whole number"),
        ("levels=four", "levels: four is not a number"),
        ("age_h=nan", "age_h: nan is not a number"),
        ("age_h=1,inf", "age_h: inf is not a number"),
        ("programming.sigma=0.1:0.6", "'0.1:0.6' is not start:stop:count"),
        ("programming.sigma=0.1:0.6:0", "0 values from 0.1 to 0.6, expected 2 to 10,000"),
        ("programming.sigma=0.1:0.6:1", "1 values from 0.1 to 0.6"),
        ("programming.sigma=0.1:0.6:-3", "-3 values"),
        ("programming.sigma=0.1:0.6:x", "x values"),
        ("programming.sigma=0.1:0.6:99999", "99999 values"),
        ("programming.sigma=0.6:0.1:6", "0.6 (start) is not < 0.1 (stop)"),
        ("programming.sigma=0.6:0.6:2", "0.6 (start) is not < 0.6 (stop)"),
        ("levels=4,8,4", "holds a value twice"),
        ("shift=rotate:40;", "an empty value"),
    ],
)
def test_what_is_no_sweep_is_refused_in_one_line(text: str, complaint: str) -> None:
    with pytest.raises(HostError) as error:
        parse_sweep(text)
    assert str(error.value).startswith("--sweep: ")
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


def test_an_axis_twice_or_too_many_points_are_refused() -> None:
    with pytest.raises(HostError, match="levels is given twice"):
        grid([parse_sweep("levels=4"), parse_sweep("levels=8")])
    many = [parse_sweep("programming.sigma=0.1:0.6:200"), parse_sweep("age_h=0:9:200")]
    with pytest.raises(HostError, match="40,000 points, expected at most 10,000"):
        grid(many)


def test_every_axis_says_what_it_is() -> None:
    assert all(axis.meaning and axis.kind in (int, float, str) for axis in AXES.values())
