"""Augmentation against scipy's affine transform and against its own limits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import affine_transform

from host_tools.training.augment import Affine


def test_each_image_moves_as_scipy_would_move_it() -> None:
    pytest.importorskip("keras", reason="needs the host extra")
    x = np.random.default_rng(0).uniform(0, 1, (4, 12, 10, 1)).astype(np.float32)
    augment = Affine(20.0, 0.2, 2.0)
    moved = augment(np.random.default_rng(7), x)
    for image, result, a in zip(
        x[..., 0], moved[..., 0], augment.matrices(np.random.default_rng(7), 4, 12, 10), strict=True
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
    a = Affine(30.0, 0.3, 1.5).matrices(np.random.default_rng(1), 500, 28, 28).astype(float)
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
    np.testing.assert_allclose(Affine(0, 0, 0)(np.random.default_rng(0), x), x, atol=1e-6)
