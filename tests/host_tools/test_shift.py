"""Changes of the sensor: by hand, against scipy.ndimage, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("click", reason="a board: no workstation tools")

from host_tools.errors import HostError
from host_tools.shift import SEVEN, Shift

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 11, 8, 2)).astype(np.uint8)


@given(st.floats(-3, 3, width=32), st.floats(-2, 2, width=32), st.lists(st.integers(0, 255), min_size=1, max_size=9))
def test_a_pixel_is_scaled_moved_and_clipped(scale: float, offset: float, pixels: list[int]) -> None:
    x = np.array(pixels, np.uint8).reshape(1, -1, 1, 1)
    found = Shift.parse(f"affine:{scale!r},{offset!r}")(x)
    expected = [min(max(scale * p / 255 + offset, 0), 1) for p in pixels]
    np.testing.assert_allclose(found.ravel(), expected, atol=2e-6)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, Shift(scale, offset)(x.astype(np.float32) / np.float32(255)))


@pytest.mark.parametrize("degrees", [40.0, 25.0, -90.0, 180.0])
def test_a_turn_is_scipys(degrees: float) -> None:
    ndimage = pytest.importorskip("scipy.ndimage", reason="needs the host extra")
    expected = ndimage.rotate(IMAGES / 255.0, degrees, axes=(1, 2), reshape=False, order=1, mode="grid-constant")
    np.testing.assert_allclose(Shift.parse(f"rotate:{degrees}")(IMAGES), expected, atol=1e-6)


@pytest.mark.parametrize("factor", [0.7, 1.5])
def test_a_zoom_is_scipys(factor: float) -> None:
    ndimage = pytest.importorskip("scipy.ndimage", reason="needs the host extra")
    centre = (np.array(IMAGES.shape[1:3]) - 1) / 2
    found = Shift.parse(f"scale:{factor}")(IMAGES)
    for n in range(3):
        for channel in range(2):
            expected = ndimage.affine_transform(IMAGES[n, ..., channel] / 255.0, np.eye(2) / factor,
                                                centre - centre / factor, order=1, mode="grid-constant")  # fmt: skip
            np.testing.assert_allclose(found[n, ..., channel], expected, atol=1e-6)


def test_noise_has_its_deviation_and_belongs_to_the_image() -> None:
    x = np.full((40, 30, 30, 1), 128, np.uint8)
    x[:, 0, 0, 0] = np.arange(40)  # forty different images
    shift = Shift.parse("noise:0.1")
    found = shift(x)
    rest = (found - np.float32(128 / 255))[:, 1:]
    assert rest.std() == pytest.approx(0.1, rel=0.02)
    assert rest.mean() == pytest.approx(0.0, abs=0.003)
    np.testing.assert_array_equal(found[7], shift(x[7]))  # alone as in the batch
    assert abs(np.corrcoef(rest[0].ravel(), rest[1].ravel())[0, 1]) < 0.15  # another image, other noise
    assert np.any(Shift(1.0, 0.0, noise_sd=0.1, seed=1)(x) != found)


def test_every_usual_change_gives_images_and_takes_one_as_a_batch() -> None:
    for text in SEVEN:
        shift = Shift.parse(text)
        found = shift(IMAGES)
        assert found.dtype == np.float32 and found.shape == IMAGES.shape
        assert 0 <= found.min() <= found.max() <= 1
        np.testing.assert_allclose(shift(IMAGES[1]), found[1], atol=1e-7)


def test_the_default_is_a_veil_and_changes_say_what_they_are() -> None:
    assert Shift.parse("affine:0.5,0.4") == Shift.parse("veil") == Shift()
    assert [str(Shift.parse(text)) for text in SEVEN] == [
        "x -> 0.5 x + 0.4", "x -> 0.35 x + 0", "x -> -1 x + 1", "rotated by 40 deg", "rotated by 25 deg",
        "scaled to 0.7", "noise of sd 0.4",
    ]  # fmt: skip


WRONG = ["", "affine", "affine:", "affine:1", "affine:1,2,3", "affine:a,b", "affine:nan,0", "affine:1,inf", "blur:1,2"]
MORE = ["affine:0,nan", "rotate:", "rotate:nan", "rotate:1,2", "scale:0", "scale:-1", "noise:-0.1", "veil:1"]


@pytest.mark.parametrize("text", [*WRONG, *MORE, "affine:1e39,0"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(HostError, match=r"--shift: '.*' given, expected affine:SCALE,OFFSET, for example"):
        Shift.parse(text)
