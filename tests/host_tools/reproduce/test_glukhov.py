"""The claims of the end-to-end paper: differences chip by chip, and verdicts that numbers can fail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the host extra")

from host_tools.endtoend.run import OnChips
from host_tools.reproduce.glukhov import nine_levels, recovered, vat
from host_tools.training import recipes


@dataclass
class Report:
    pulses: float


@dataclass
class Made:
    report: Report


@dataclass
class Effort:
    written: Made
    plain: OnChips
    control: OnChips
    vat: OnChips


@dataclass
class Found:
    points: list[Any]
    ideal: float = 99.0
    network: str = "tiny"
    data: str = "digits"


def effort(pulses: float, plain: list[float], trained: list[float]) -> Effort:
    """Its control is one point better than the plain network."""
    control = OnChips(tuple(value + 1 for value in plain), 0.0, None)
    return Effort(Made(Report(pulses)), OnChips(tuple(plain), 0.0, None), control, OnChips(tuple(trained), 0.0, None))


def test_points_are_won_chip_by_chip() -> None:
    found = Found([effort(2.0, [70.0, 80.0], [95.0, 97.0]), effort(12.0, [98.0, 98.4], [98.8, 98.6])])
    rows = recovered(found, "here")  # type: ignore[arg-type]
    assert [row.value for row in rows] == pytest.approx([24.0, 21.0, 20.0, 23.2, 23.7, 0.3])
    assert rows[1].std == pytest.approx(np.std([25.0, 17.0], ddof=1))
    assert (rows[1].met, rows[2].met, rows[3].met, rows[4].met) == (True, True, True, True)
    assert "12 pulses a cell for 2" in rows[3].claim
    assert all(row.unit == "points" and row.chips == 2 for row in rows)


def test_a_gain_within_the_scatter_of_chips_is_none() -> None:
    found = Found([effort(2.0, [70.0, 80.0, 75.0], [80.0, 71.0, 76.0]), effort(9.0, [60.0] * 3, [61.0] * 3)])
    rows = recovered(found, "here")  # type: ignore[arg-type]
    assert (rows[1].met, rows[2].met, rows[3].met, rows[4].met) == (False,) * 4


def test_nine_levels_are_held_against_the_published_loss() -> None:
    loss, reached = nine_levels(99.0, [98.0, 98.5], "here")
    assert (loss.paper_value, reached.paper_value) == (1.77, 91.5)
    assert loss.value == pytest.approx(0.75) and loss.met and reached.met
    loss, reached = nine_levels(99.0, [91.0, 91.2], "here")
    assert (loss.met, reached.met) == (False, False)


def test_the_student_learns_by_noise_alone() -> None:
    recipe = vat(recipes.get("digits"), 3)
    assert (recipe.student.kd, recipe.student.epochs) == (0.0, 3)
    assert recipe.student.clip == recipes.get("digits").student.clip
