"""The claims of the fine-tuning paper: differences chip by chip, and verdicts that numbers can fail."""

from __future__ import annotations

import numpy as np
import pytest

from host_tools.finetune.methods import Result
from host_tools.reproduce.lv import compared

IDEAL = 99.0


def results(**methods: list[float]) -> list[Result]:
    writes = {"fine-tuned": 2.0, "rvw": 2.01}
    return [Result(name, chip, value, writes.get(name, 1.0), 0.0, 0.0, None)
            for name, values in ((key.replace("_", "-"), v) for key, v in methods.items())
            for chip, value in enumerate(values)]  # fmt: skip


def test_rows_are_differences_chip_by_chip() -> None:
    rows = compared(results(vat=[90.0, 96.0], rvw=[60.0, 70.0], rvw_gains_biases=[95.0, 96.0],
                            fine_tuned=[98.5, 98.1]), IDEAL, "here")  # fmt: skip
    assert [row.value for row in rows] == pytest.approx([93.0, 98.3, 5.3, 0.7, 33.3, 2.8])
    assert rows[2].std == pytest.approx(np.std([8.5, 2.1], ddof=1))
    assert (rows[2].paper_value, rows[3].goal) == (3.0, 1.0)
    assert [row.met for row in rows] == [None, None, True, True, True, True]
    assert rows[3].least == pytest.approx(0.5) and rows[1].least == 98.1
    assert "2.00 writes a cell, R-V-W 2.01" in rows[4].setting


def test_verdicts_can_fail() -> None:
    rows = compared(results(vat=[95.5, 96.0], rvw=[98.0, 97.0], rvw_gains_biases=[98.5, 96.9],
                            fine_tuned=[98.1, 97.6]), IDEAL, "here")  # fmt: skip
    assert [row.met for row in rows] == [None, None, False, False, False, False]
