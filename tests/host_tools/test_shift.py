"""The change of the sensor: by hand, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("click", reason="a board: no workstation tools")

from host_tools.errors import HostError
from host_tools.shift import Shift


@given(st.floats(-3, 3, width=32), st.floats(-2, 2, width=32), st.lists(st.integers(0, 255), min_size=1, max_size=9))
def test_a_pixel_is_scaled_moved_and_clipped(scale: float, offset: float, pixels: list[int]) -> None:
    x = np.array(pixels, np.uint8).reshape(1, -1, 1, 1)
    found = Shift.parse(f"affine:{scale!r},{offset!r}")(x)
    expected = [min(max(scale * p / 255 + offset, 0), 1) for p in pixels]
    np.testing.assert_allclose(found.ravel(), expected, atol=2e-6)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, Shift(scale, offset)(x.astype(np.float32) / np.float32(255)))


def test_the_default_is_a_veil_and_says_so() -> None:
    assert Shift.parse("affine:0.5,0.4") == Shift()
    assert str(Shift()) == "x -> 0.5 x + 0.4"


WRONG = ["", "affine", "affine:", "affine:1", "affine:1,2,3", "affine:a,b", "affine:nan,0", "affine:1,inf", "blur:1,2"]


@pytest.mark.parametrize("text", [*WRONG, "affine:1e39,0"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(HostError, match=r"--shift: '.*' given, expected affine:SCALE,OFFSET, for example"):
        Shift.parse(text)
