"""The chip: weights and spread against the profile's closed form, read noise, stuck cells, seeds."""

from __future__ import annotations

import numpy as np
import pytest

from host_tools.finetune.chip import CellLayer
from tests.host_tools.finetune.nets import technology


def test_a_data_sheet_is_the_profiles_log_normal() -> None:
    sheet = technology()
    g = np.linspace(10, 50, 10)
    np.testing.assert_allclose(sheet.value, (g - 30) / 20, atol=1e-5)  # the mean is the target
    np.testing.assert_allclose(sheet.sd, 0.5 * g / 20, rtol=1e-4)
    assert list(sheet.nearest(np.array([-3, -0.99, 0.01, 0.7, 9], np.float32))) == [0, 0, 5, 8, 9]


def test_written_cells_have_the_spread_and_reads_the_noise() -> None:
    sheet = technology()
    port = CellLayer(sheet, (80, 80), seed=4)
    port.write(np.ones((80, 80), bool), np.full((80, 80), 6))
    read = np.mean([port.read(np.eye(80, dtype=np.float32)) for _ in range(40)], axis=0)
    assert read.mean() == pytest.approx(float(sheet.value[6]), abs=4 * float(sheet.sd[6]) / 80)
    assert read.std() == pytest.approx(float(sheet.sd[6]), rel=0.06)
    x = np.ones((4000, 80), np.float32)
    noise = port.read(x).std(axis=0)
    conductance = read * 20 + 30
    np.testing.assert_allclose(noise, np.sqrt(((0.02 * conductance / 20) ** 2).sum(axis=0)), rtol=0.1)


def test_a_transposed_read_is_the_transpose() -> None:
    port = CellLayer(technology(read_noise=False), (7, 5), seed=1)
    port.write(np.ones((7, 5), bool), np.arange(35).reshape(7, 5) % 10)
    forward = port.read(np.eye(7, dtype=np.float32))
    np.testing.assert_array_equal(port.read_back(np.eye(5, dtype=np.float32)), forward.T)


def test_seeds_and_rewrites() -> None:
    sheet = technology(read_noise=False)
    eye = np.eye(6, dtype=np.float32)

    def made(seed: int) -> CellLayer:
        port = CellLayer(sheet, (6, 6), seed)
        port.write(np.ones((6, 6), bool), np.full((6, 6), 4))
        return port

    first, again, other = made(1), made(1), made(2)
    np.testing.assert_array_equal(first.read(eye), again.read(eye))
    assert not np.array_equal(first.read(eye), other.read(eye))
    before, where = first.read(eye), np.zeros((6, 6), bool)
    where[2, 3] = True
    first.write(where, np.full((6, 6), 4))
    assert list(np.argwhere(first.read(eye) != before).ravel()) == [2, 3]  # a new draw of that cell, of no other
    assert first.writes.sum() == 37


def test_stuck_cells_stay() -> None:
    port = CellLayer(technology(read_noise=False, stuck_low=0.3), (30, 30), seed=1)
    port.write(np.ones((30, 30), bool), np.full((30, 30), 9))
    stuck = np.isclose(port.read(np.eye(30, dtype=np.float32)), -30 / 20)
    assert stuck.mean() == pytest.approx(0.3, abs=0.06)
