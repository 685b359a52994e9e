"""Recursive least squares: against numpy.linalg.lstsq and inverses of the same rows, both engines, what it costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from firmware_py import AdaptConfig, Chip, Effects, RramError, rls
from firmware_py.bundle import Bundle
from firmware_py.correction import count_sram
from firmware_py.replay import NO_REPLAY
from tests.firmware_py.core_cases import VARIANTS, assert_same, images, needs_core, opened
from tests.firmware_py.make_bundle import CONV, DENSE, MOBILE, Synthetic

RLS = AdaptConfig("rls", replay=NO_REPLAY)
LOWER = np.tril_indices(6)


def rows(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Regressors [count, 6] and errors of softmax [count]."""
    rng = np.random.default_rng(3)
    return rng.normal(size=(count, 6)), rng.uniform(-0.95, 0.95, count)


def full(triangle: np.ndarray) -> np.ndarray:
    p = np.zeros((6, 6))
    p[LOWER] = triangle
    return p + np.tril(p, -1).T


def test_without_forgetting_it_is_least_squares_on_all_rows() -> None:
    """An error e is the pull e = w (phi theta - target) of a row of weight w = |e| (1 - |e|); a row for each prior."""
    phi, errors = rows(40)
    adapt = AdaptConfig("rls", forgetting=1.0, prior=2.5)
    triangle, theta, targets = (2.5 * np.eye(6))[LOWER], np.zeros(6), []
    weights = np.abs(errors) * (1 - np.abs(errors))
    for row, error, weight in zip(phi, errors, weights, strict=True):
        targets.append(row @ theta - error / weight)
        step = rls.column_step(triangle, row, error, adapt)
        assert step is not None
        theta -= step
    left = np.concatenate([np.sqrt(weights)[:, None] * phi, np.eye(6) / np.sqrt(2.5)])
    right = np.concatenate([np.sqrt(weights) * targets, np.zeros(6)])
    np.testing.assert_allclose(theta, np.linalg.lstsq(left, right, rcond=None)[0], rtol=1e-9)
    np.testing.assert_allclose(full(triangle), np.linalg.inv(left.T @ left), rtol=1e-9)


def test_old_rows_weigh_less_and_uncertainty_never_grows_beyond_its_start() -> None:
    phi, errors = rows(60)
    adapt = AdaptConfig("rls", forgetting=0.9, prior=1.0)
    triangle, known, forgotten = np.eye(6)[LOWER], np.eye(6), 0
    for row, error in zip(phi, errors, strict=True):
        weight = abs(error) * (1 - abs(error))
        fades = bool(np.trace(np.linalg.inv(known)) / 0.9 <= 6)
        forgotten += fades
        known = (0.9 if fades else 1.0) * known + weight * np.outer(row, row)
        rls.column_step(triangle, row, error, adapt)
        np.testing.assert_allclose(full(triangle), np.linalg.inv(known), rtol=1e-8, atol=1e-12)
    assert 20 < forgotten < 60
    for _ in range(500):  # sure of everything: nothing is learned
        rls.column_step(triangle, phi[0], 0.0, adapt)
    assert 3 < np.trace(full(triangle)) <= 6 * (1 + 1e-12)


@pytest.mark.parametrize("odd", [np.nan, np.inf, 1e200])
def test_what_is_no_number_changes_nothing(odd: float) -> None:
    triangle = np.eye(6)[LOWER]
    with np.errstate(over="ignore", invalid="ignore"):
        assert rls.column_step(triangle, np.array([1, 2, odd, 0, 0, 1.0]), 0.5, RLS) is None
    np.testing.assert_array_equal(triangle, np.eye(6)[LOWER])


@needs_core
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("nodes", "share", "shape"), [
    (CONV, 0.2, (8, 8, 1)), (DENSE, 1.0, (8, 8, 1)), (MOBILE, 0.3, (8, 8, 2)), (DENSE, 0.0, (8, 8, 1)),
])  # fmt: skip
def test_both_engines_solve_to_the_same_bits(tmp_path: Path, variant: str, nodes: Any, share: float,
                                             shape: Any) -> None:  # fmt: skip
    spec = Synthetic(nodes=nodes, mask_share=share, input_shape=shape)
    assert_same(opened(tmp_path, spec), Effects(), images(spec, 3, 1), AdaptConfig("rls", forgetting=0.97), variant)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return opened(tmp_path, Synthetic(nodes=CONV, mask_share=0.2))


@pytest.mark.parametrize("engine", ["numpy", pytest.param("c", marks=needs_core)])
def test_only_the_last_layer_is_solved(bundle: Bundle, engine: Any) -> None:
    solved, stepped = (Chip(bundle, 3, engine, adapt=AdaptConfig(name, replay=NO_REPLAY)) for name in ("rls", "rms"))
    for chip in (solved, stepped):
        chip.learn_one(bundle.calibration_x[0], 1)
    for key in ("gain", "offset", "value", "ms"):
        same = [np.array_equal(getattr(a, key), getattr(b, key))
                for a, b in zip(solved.correction.layers, stepped.correction.layers, strict=True)]  # fmt: skip
        assert same == [True, True, False]


@pytest.mark.parametrize("engine", ["numpy", pytest.param("c", marks=needs_core)])
def test_a_label_is_told_right_after_a_few_steps(bundle: Bundle, engine: Any) -> None:
    """By the last layer alone: the others stand still."""
    adapt = AdaptConfig("rls", lr=1e-9, prior=20.0, guard=None, replay=NO_REPLAY)
    chip = Chip(bundle, 3, engine, Effects(read_noise=False), adapt)
    image = bundle.calibration_x[0]
    label = int(chip.logits_one(image).argmin())
    for _ in range(8):
        chip.learn_one(image, label)
    assert chip.predict_one(image) == label


def test_a_restart_begins_with_the_prior_and_the_memory_is_counted(bundle: Bundle, tmp_path: Path) -> None:
    chip = Chip(bundle, 3, "numpy", adapt=RLS)
    first = chip.correction.layers[-1].covariance.copy()
    columns = 2 + np.diff(bundle.layers[-1].mask_indptr)
    assert first.size == np.sum(columns * (columns + 1) // 2) and first.sum() == columns.sum()
    assert chip.sram.parts["optimizer"] == count_sram(bundle).parts["optimizer"] + first.nbytes
    chip.learn_one(bundle.calibration_x[0], 1)
    assert not np.array_equal(chip.correction.layers[-1].covariance, first)
    chip.save(tmp_path / "state")
    chip.restore(tmp_path / "state")
    np.testing.assert_array_equal(chip.correction.layers[-1].covariance, first)


@pytest.mark.parametrize("engine", ["numpy", pytest.param("c", marks=needs_core)])
def test_what_cannot_be_solved_is_refused(bundle: Bundle, engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RramError, match="^adapt: optimizer: 'rls' given, but this correction was made without room"):
        Chip(bundle, 3, engine).engine.learn(np.zeros((8, 8, 1), np.float32), 1, 0, 0, RLS)
    monkeypatch.setattr(rls, "MOST_NUMBERS", 10)
    with pytest.raises(RramError, match="^adapt: optimizer: 'rls' on fc: 1 positions, .* at most 10$"):
        Chip(bundle, 3, engine, adapt=RLS)


def test_a_layer_of_many_positions_is_not_solved(bundle: Bundle) -> None:
    """No bundle has such a last layer today; the recursion would take the sum of its positions for one row."""
    with pytest.raises(RramError, match="^adapt: optimizer: 'rls' on conv1: 64 positions, .*, expected 1 and"):
        rls.first_covariance(bundle.layers[0], 1.0)
