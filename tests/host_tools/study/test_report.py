"""Rows of a study against numpy and scipy, the table, and the pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

stats = pytest.importorskip("scipy.stats", reason="a board: no workstation tools")

from firmware_py.correction import SramCount
from host_tools.plots.study import strips
from host_tools.plots.study_sweep import finding, main_axis, sweep_figure
from host_tools.study.report import TITLES, Row, print_table
from host_tools.study.statistics import Asked

VALUES = (98.25, 97.5, 99.125, 96.0)
SRAM = SramCount(values=10, gains=4, offsets=4, percent=2.34567, bytes=1234)


def test_a_row_holds_mean_interval_sample_deviation_and_minimum() -> None:
    row = Row("calibrated", VALUES, SRAM).as_json()
    low, high = stats.ttest_1samp(VALUES, 0.0).confidence_interval(0.95)
    assert row == {
        "row": "calibrated",
        "mean": pytest.approx(np.mean(VALUES), abs=1e-4),
        "std": pytest.approx(np.std(VALUES, ddof=1), abs=1e-4),
        "min": 96.0,
        "mean_low": pytest.approx(low, abs=1e-4),
        "mean_high": pytest.approx(high, abs=1e-4),
        "sram_percent": 2.3457,
        "sram_bytes": 1234,
    }


def test_one_chip_has_no_spread_and_no_sram_is_zero() -> None:
    row = Row("ideal", (99.0,)).as_json(Asked(yield_at=50))
    assert (row["std"], row["sram_percent"], row["sram_bytes"], row["mean_low"]) == (0.0, 0.0, 0, None)
    assert "yield_percent" not in row  # it is no chip


def test_the_adapted_row_also_tells_of_the_unchanged_test_set() -> None:
    row = Row("adapted", VALUES, SRAM, clean=(90.0, 94.0)).as_json()
    assert (row["clean_mean"], row["clean_min"]) == (92.0, 90.0)


def test_table_and_picture_show_every_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [*TITLES, "calibrated", "adapted"]
    rows = [Row(name, VALUES, SRAM, VALUES if name == "adapted" else None, f"title of {name}") for name in names]
    print_table("title", rows, Asked(yield_at=97))
    out, err = capsys.readouterr()
    assert out == ""
    assert all(word in err for word in ("title of adapted", "97.72 ± 1.32", "75.0 %", "95 % interval"))
    assert "unchanged" in err
    strips("title", rows).savefig(tmp_path / "p.png", dpi=50)
    picture = (tmp_path / "p.png").read_bytes()
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(picture) > 5_000


def swept() -> list[Row]:
    """Two rows over a grid of two axes."""
    rows = []
    for bits in (4, 8):
        for sigma in (0.1, 0.2, 0.4):
            for name, help_ in (("student", 0.0), ("calibrated", 1.0)):
                values = tuple(97 + help_ - 20 * sigma + bits / 8 + spread for spread in (-0.5, 0.0, 0.5))
                rows.append(Row(name, values, title=name, point={"macro.adc_bits": bits, "programming.sigma": sigma}))
    return rows


def test_the_picture_of_a_sweep_has_a_panel_for_every_other_point(capsys: pytest.CaptureFixture[str]) -> None:
    rows = swept()
    assert main_axis(rows) == "programming.sigma"
    figure = sweep_figure("title", rows)
    panels = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title() for axes in panels] == ["macro.adc_bits = 4", "macro.adc_bits = 8"]
    line = panels[1].get_lines()[0]
    np.testing.assert_allclose(line.get_xdata(), [0.1, 0.2, 0.4])
    np.testing.assert_allclose(100 - np.asarray(line.get_ydata()), [96.0, 94.0, 90.0])
    told = "student 95.50 to 89.50 %, calibrated 96.50 to 90.50 % (macro.adc_bits = 4)"
    assert finding(rows) == f"programming.sigma from 0.1 to 0.4: {told}"
    print_table("t", rows)
    assert "programming.sigma" in capsys.readouterr().err


def test_words_stand_side_by_side_without_a_line() -> None:
    rows = [Row("student", VALUES, point={"mask.criterion": word}) for word in ("random", "fisher")]
    axes = sweep_figure("t", rows).axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["random", "fisher"]
    assert axes.get_lines()[0].get_linestyle() == "None"
    assert finding(rows) == "student: 97.72 % with random, 97.72 % with fisher"
