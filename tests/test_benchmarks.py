"""What the benchmarks compute from their times: verdicts, ratios of neighbours, exponents. No time is asserted."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from firmware_py.bundle import Bundle

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))  # last: the packages are the installed ones, benchmarks/ is not part of any

from benchmarks.runtime.figure import Figure, in_turns, ratio
from benchmarks.runtime.growth import COLUMNS, IMAGES, ROWS, draw, exponent
from benchmarks.runtime.long_run import long_run


@pytest.mark.parametrize(
    ("value", "bar", "least", "met"),
    [(1.0, 1.0, False, True), (1.01, 1.0, False, False), (30.0, 30.0, True, True), (29.9, 30.0, True, False),
     (5.0, None, False, None)],
)  # fmt: skip
def test_a_figure_holds_its_bar_at_the_bar_itself(value, bar, least, met):
    figure = Figure("name", value, "times", bar, least)
    assert figure.met is met
    assert figure.as_json() == {"name": "name", "value": value, "unit": "times", "bar": bar, "met": met}
    assert ("NOT MET" in str(figure)) == (met is False)


def test_a_ratio_is_of_neighbours_and_does_not_see_a_machine_that_slows_down():
    slow = np.geomspace(1, 90, 31)  # both runs of a round meet the same machine
    assert ratio({"a": 3 * slow, "b": 2 * slow}, "a", "b") == pytest.approx(1.5)


def test_runs_take_turns():
    seen = []
    took = in_turns({"a": lambda i: seen.append("a"), "b": lambda i: seen.append("b")}, 5)
    assert len(took["a"]) == len(took["b"])
    assert seen[-2 * len(took["a"]):] == ["a", "b"] * len(took["a"])


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_the_exponent_of_a_power_law_is_its_power(power):
    sizes = [16, 32, 64, 128]
    assert exponent(sizes, [7.0 * n**power for n in sizes]) == pytest.approx(power, abs=1e-3)


def test_the_plot_of_growth_has_sizes_and_units_that_do_not_overlap():
    pytest.importorskip("matplotlib")
    figure = draw([40.0 + 26 * n for n in IMAGES], [5 + 0.004 * n for n in ROWS], "title")
    figure.draw_without_rendering()
    assert figure.get_suptitle() == "title"
    for axes, sizes, label in zip(figure.axes, (IMAGES, ROWS), ("LeNet-5", f"{COLUMNS} columns"), strict=True):
        assert [text.get_text() for text in axes.get_xticklabels()] == [f"{size:,}" for size in sizes]
        assert label in axes.get_xlabel() and axes.get_ylabel() == "time of a call (us)"
        shown = [text.get_window_extent() for text in axes.get_xticklabels()]
        assert all(a.x1 < b.x0 for a, b in pairwise(shown))
        assert not axes.get_xticklabels(minor=True) and not axes.get_yticklabels(minor=True)


def test_many_labels_leave_finite_numbers():
    bundle = Bundle.open(ROOT / "tests" / "data" / "mnist-lenet5.rram.safetensors")
    found = {figure.name.split(": ")[1]: figure for figure in long_run(bundle, 200)}
    assert found["numbers of the correction that are not finite"].value == 0


def test_the_command_says_what_it_can_do():
    done = subprocess.run([sys.executable, ROOT / "benchmarks" / "run", "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and "--json" in done.stdout


def test_a_stream_of_labels_holds_the_share_of_wrong_ones_and_the_class_that_it_was_asked_for():
    pytest.importorskip("tensorflow", reason="data sets of host_tools")
    from benchmarks.learning import NOTHING, Stream
    from host_tools.data import load
    from host_tools.shift import Shift

    rest, _, _ = load("digits").validation()
    places = {image.tobytes(): int(label) for image, label in zip(rest.x_train, rest.y_train, strict=True)}
    images, labels = Stream(800, wrong=0.2).of(rest, 5)
    right = np.array([places[image.tobytes()] for image in images])
    assert 0.15 < np.mean(labels != right) < 0.25
    assert set(labels) == set(range(10))
    images, labels = Stream(800, one_class=3).of(rest, 5)
    assert len(images) == np.sum(rest.y_train == 3) and set(labels) == {3}
    assert {places[image.tobytes()] for image in images} == {3}
    np.testing.assert_array_equal(Shift.parse(NOTHING)(images), images.astype(np.float32) / np.float32(255))
