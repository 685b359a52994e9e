"""Augmentation against scipy's affine transform and against its own limits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import affine_transform

from host_tools.training.augment import Affine, CropFlip, augmented


def test_each_image_moves_as_scipy_would_move_it() -> None:
    pytest.importorskip("keras", reason="needs the host extra")
    x = np.random.default_rng(0).uniform(0, 1, (4, 12, 10, 1)).astype(np.float32)
    augment = Affine(20.0, 0.2, 2.0)
    moved = augmented(augment, np.random.default_rng(7), x)
    for image, result, a in zip(
        x[..., 0], moved[..., 0], *augment.draw(np.random.default_rng(7), 4, 12, 10), strict=True
    ):
        matrix, offset = np.array([[a[4], a[3]], [a[1], a[0]]]), np.array([a[5], a[2]])  # scipy counts rows first
        expected = affine_transform(image, matrix, offset, order=1, mode="constant", cval=0.0)
        inside = np.ones_like(image, dtype=bool)
        rows, columns = np.mgrid[0:12, 0:10]
        at = np.einsum("ij,jhw->ihw", matrix, np.stack([rows, columns])) + offset[:, None, None]
        inside = (at[0] >= 0) & (at[0] <= 11) & (at[1] >= 0) & (at[1] <= 9)  # at the rim the two blend differently
        np.testing.assert_allclose(result[inside], expected[inside], atol=1e-4)
        assert inside.mean() > 0.5


def test_the_centre_moves_by_the_shift_alone_and_within_its_range() -> None:
    (a,) = (m.astype(float) for m in Affine(30.0, 0.3, 1.5).draw(np.random.default_rng(1), 500, 28, 28))
    back = np.linalg.inv(
        np.concatenate([a[:, :6].reshape(-1, 2, 3), np.tile([[[0.0, 0.0, 1.0]]], (500, 1, 1))], axis=1)
    )
    centre = back @ np.array([13.5, 13.5, 1.0])
    shift = centre[:, :2] - 13.5
    assert np.abs(shift).max() <= 1.5 + 1e-4 and np.abs(shift).max() > 1.4
    angle = np.rad2deg(np.arctan2(a[:, 3], a[:, 0]))
    assert 28 < np.abs(angle).max() <= 30
    zoom = 1 / np.hypot(a[:, 0], a[:, 3])
    assert 0.7 <= zoom.min() < 0.72 and 1.28 < zoom.max() <= 1.3


def test_no_range_means_no_change() -> None:
    pytest.importorskip("keras", reason="needs the host extra")
    x = np.random.default_rng(0).uniform(0, 1, (3, 8, 8, 2)).astype(np.float32)
    np.testing.assert_allclose(augmented(Affine(0, 0, 0), np.random.default_rng(0), x), x, atol=1e-6)
    assert augmented(None, np.random.default_rng(0), x) is x


def test_crops_are_windows_of_the_padded_image_and_half_of_them_mirrored() -> None:
    """Each result is one of the 2 x 81 windows of its padded image; all shifts and both directions occur."""
    x = np.random.default_rng(0).uniform(0.1, 1, (1, 6, 7, 3)).astype(np.float32)
    moved = augmented(CropFlip(4), np.random.default_rng(5), np.repeat(x, 3000, axis=0))
    padded = np.pad(x[0], ((4, 4), (4, 4), (0, 0)))
    windows = [padded[r : r + 6, c : c + 7] for r in range(9) for c in range(9)]
    known = {w.tobytes(): (i, mirror) for i, window in enumerate(windows) for mirror, w in
             enumerate((np.ascontiguousarray(window), np.ascontiguousarray(window[:, ::-1])))}  # fmt: skip
    found = [known[image.tobytes()] for image in moved]
    assert {shift for shift, _ in found} == set(range(81))
    assert 0.45 < np.mean([mirror for _, mirror in found]) < 0.55
    assert not np.mean([mirror for _, mirror in (known[i.tobytes()] for i in
                        augmented(CropFlip(4, flip=False), np.random.default_rng(5), np.repeat(x, 9, axis=0)))])
