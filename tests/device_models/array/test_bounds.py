"""What does not fit is refused in one line that says where, given and expected."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from device_models.array.array import Array
from device_models.errors import ProfileError
from device_models.macro import MacroConfig
from tests.device_models.array.setup import matrix, profile, vectors


def refused(line: str, weights: Any, **options: Any) -> None:
    with pytest.raises(ProfileError) as caught:
        Array.program(weights, profile(), **{"clip": 1.0, "sample": vectors(4, 3)} | options)
    assert str(caught.value) == line


def with_value(value: float) -> Any:
    w = matrix(3, 4)
    w[2, 1] = value
    return w


def test_weights_that_do_not_fit() -> None:
    refused("weights: nan at row 2, column 1 is not a finite number", with_value(np.nan))
    refused("weights: inf at row 2, column 1 is not a finite number", with_value(np.inf))
    refused("weights: -1.5 at row 2, column 1 is not within the clip of 1", with_value(-1.5))
    refused("weights: not an array of numbers: could not convert string to float: 'a'", [["a"]])
    with pytest.raises(ProfileError, match="^weights: not an array of numbers: "):
        Array.program([[1.0], [0.5, 0.5]], profile(), clip=1.0)
    refused("weights: 1 dimension(s) given, expected a matrix [rows, cols]", np.ones(3))
    refused("clip: 0 is not a finite number > 0", matrix(3, 4), clip=0.0)
    refused("clip: nan is not a finite number > 0", matrix(3, 4), clip=float("nan"))


def test_too_many_cells_are_refused_before_they_are_made() -> None:
    huge = np.broadcast_to(np.float32(0), (25_000, 20_000))  # of 4 bytes
    refused("array: 25,000 x 20,000 weights need 1,000,000,000 cells, at most 67,108,864 are emulated", huge)
    sliced = MacroConfig(pairing="bit-sliced", cells_per_weight=2, bits_per_cell=2)
    refused("array: 25,000 x 20,000 weights need 1,000,000,000 cells, at most 67,108,864 are emulated", huge,
            macro=sliced)
    refused("array: 0 x 4 weights given, expected at least 1 x 1", np.zeros((0, 4)))


def test_pairings_that_need_other_levels() -> None:
    two = profile(levels={"conductance_uS": [10.0, 50.0], "evidence": profile().levels.evidence.model_dump()})
    with pytest.raises(ProfileError, match="^profile t: 2 levels, and offset pairing needs 3: one for the reference"):
        Array.program(matrix(2, 2), two, MacroConfig(pairing="offset"), clip=1.0)
    sliced = MacroConfig(pairing="bit-sliced", cells_per_weight=2, bits_per_cell=3)
    refused("profile t: 5 levels, and bits_per_cell 3 needs 8", matrix(3, 4), macro=sliced)


def test_inputs_of_another_shape_or_not_finite() -> None:
    array = Array.program(matrix(3, 4), profile(), clip=1.0, sample=vectors(4, 3))
    bad = vectors(5, 3)
    bad[4, 2] = np.nan
    for x, line in ((np.ones(3), "inputs: shape (3,) given, expected (batch, 3)"),
                    (np.ones((2, 4)), "inputs: shape (2, 4) given, expected (batch, 3)"),
                    (bad, "inputs: nan at vector 4, row 2 is not a finite number")):
        with pytest.raises(ProfileError) as caught:
            array.multiply(x)
        assert str(caught.value) == line
    assert np.isfinite(array.multiply(np.full((1, 3), 3e38))).all()  # its square overflows, the number is a number
    refused("sample: shape (4, 2) given, expected (batch, 3)", matrix(3, 4), sample=np.ones((4, 2)))


def test_ranges_that_nothing_is_known_about() -> None:
    refused("macro: dac_range: missing, and there are no sample inputs to choose it from", matrix(3, 4), sample=None)
    refused("macro: adc_range: missing, and there are no sample inputs to choose it from", matrix(3, 4), sample=None,
            macro=MacroConfig(dac_range=1.0))


@pytest.mark.parametrize(("options", "line"), [
    ({"time_s": -1.0}, "profile t: -1 s is not a time >= 0"),
    ({"time_s": 10.0}, "profile t: has no relaxation, so nothing is known at 10 s"),
    ({"seed": -1}, "seed: -1 is not 0 to 2^64 - 1"),
    ({"seed": 2**64}, f"seed: {2**64} is not 0 to 2^64 - 1"),
    ({"layer": 2**24}, f"layer: {2**24} is not 0 to 2^24 - 1"),
    ({"sample": np.zeros((0, 3))}, "sample: shape (0, 3) given, expected at least one vector"),
    ({"sample": [["a"]]}, "sample: not an array of numbers: could not convert string to float: 'a'"),
])
def test_other_mistakes(options: dict[str, Any], line: str) -> None:
    refused(line, matrix(3, 4), **options)
