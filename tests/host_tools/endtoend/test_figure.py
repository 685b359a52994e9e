"""The figure of the way from cells to accuracy: its title is what the numbers say, and no bar hides another."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="needs the host extra")

from host_tools.endtoend.run import EndToEnd, OnChips
from host_tools.plots.endtoend import ACCURACIES, endtoend_figure, finding


def effort(algorithm: str, pulses: float, error: float, plain: float, control: float, vat: float) -> Any:
    """Three chips of each network, half a point apart."""
    setup = SimpleNamespace(algorithm=algorithm, kind="filament", allowed_uS=2.73, step_V=0.1)
    written = SimpleNamespace(effort=SimpleNamespace(setup=setup), error_uS=error)
    on = {name: OnChips((mean - 0.5, mean, mean + 0.5), pulses, None)
          for name, mean in (("plain", plain), ("control", control), ("vat", vat))}  # fmt: skip
    return SimpleNamespace(written=written, **on, as_json=lambda: {"pulses": pulses})


ONE = effort("single", 2.0, 9.0, 32.41, 71.35, 98.31)
PRECISE = effort("rvw", 9.98, 1.0, 99.12, 99.3, 99.37)


def found(*points: Any) -> EndToEnd:
    return EndToEnd("mnist", "lenet5", "milo-hfo2", 99.46, 99.4, points)


def test_the_title_is_the_finding_in_points() -> None:
    assert finding(found(ONE, PRECISE)) == (
        "One attempt a cell leaves the plain network 32.4 %",
        "training for it (VAT) adds 65.9 points, writing it by rvw ±2.7 uS 66.7, both 67.0",
    )
    assert finding(found(PRECISE, ONE)) == finding(found(ONE, PRECISE))
    assert finding(found(PRECISE)) == (
        "Rvw ±2.7 uS leaves the plain network 99.1 %",
        "training for it (VAT) adds 0.2 points",
    )


def test_bars_of_one_effort_stand_beside_one_another_and_axes_have_units() -> None:
    figure = endtoend_figure(found(ONE, PRECISE), "pulses")
    axes = figure.axes[0]
    marks: list[Any] = [bars.lines[0] for bars in axes.containers]  # type: ignore[attr-defined]
    places = sorted(float(mark.get_xdata()[0]) for mark in marks)
    assert len(places) == 6 and min(b / a for a, b in pairwise(places)) > 1.005
    assert places[0] == pytest.approx(2, rel=0.03) and places[-1] == pytest.approx(9.98, rel=0.03)
    assert axes.get_ylabel() == "accuracy on mnist (%)" and axes.get_xlabel() == "mean pulses of a cell"
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [f"{value:g}" for value in ACCURACIES]
    told = {(mark.get_markerfacecolor(), mark.get_marker()) for mark in marks}
    assert len(told) == 6  # without colour: by its filling and its shape
    assert len({line.get_linestyle() for line in axes.lines if np.size(line.get_xdata()) == 2}) >= 3


def test_no_line_of_the_title_leaves_the_figure() -> None:
    figure = endtoend_figure(found(ONE, PRECISE), "pulses")
    figure.draw_without_rendering()
    title, whole = figure.axes[0].title.get_window_extent(), figure.bbox
    assert whole.x0 < title.x0 and title.x1 < whole.x1 and title.y1 < whole.y1


def test_one_effort_alone_is_drawn() -> None:
    assert endtoend_figure(found(ONE), "pulses").axes[0].get_legend() is not None
