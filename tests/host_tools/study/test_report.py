"""Rows of a study against numpy, and the picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from firmware_py.correction import SramCount
from host_tools.study.report import TITLES, Row, plot, print_table

VALUES = (98.25, 97.5, 99.125, 96.0)
SRAM = SramCount(values=10, gains=4, offsets=4, percent=2.34567, bytes=1234)


def test_a_row_holds_mean_sample_deviation_and_minimum() -> None:
    row = Row("calibrated", VALUES, SRAM).as_json()
    assert row == {
        "row": "calibrated",
        "mean": pytest.approx(np.mean(VALUES), abs=1e-4),
        "std": pytest.approx(np.std(VALUES, ddof=1), abs=1e-4),
        "min": 96.0,
        "sram_percent": 2.3457,
        "sram_bytes": 1234,
    }


def test_one_chip_has_no_spread_and_no_sram_is_zero() -> None:
    row = Row("ideal", (99.0,)).as_json()
    assert (row["std"], row["sram_percent"], row["sram_bytes"]) == (0.0, 0.0, 0)


def test_the_adapted_row_also_tells_of_the_unchanged_test_set() -> None:
    row = Row("adapted", VALUES, SRAM, clean=(90.0, 94.0)).as_json()
    assert (row["clean_mean"], row["clean_min"]) == (92.0, 90.0)


def test_table_and_picture_show_every_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [Row(name, VALUES, SRAM, VALUES if name == "adapted" else None) for name in TITLES]
    print_table("title", rows)
    out, err = capsys.readouterr()
    assert out == ""
    assert all(title in err for title in TITLES.values())
    assert "97.72 %" in err
    assert "± 1.32" in err
    plot(tmp_path / "p.png", "title", rows)
    picture = (tmp_path / "p.png").read_bytes()
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(picture) > 10_000
