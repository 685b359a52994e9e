"""The low-rank part: against ridge regression and SVD of other hands, both engines, and kinds of calibration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from firmware_py import Chip, Effects, RramError, c_engine
from firmware_py.bundle import Bundle
from firmware_py.low_rank import reduced_rank_ridge
from tests.firmware_py.make_bundle import CONV, DENSE, Synthetic, contents, write

RNG = np.random.default_rng(4)
X, Y = RNG.normal(size=(30, 12)), RNG.normal(size=(30, 7))
PENALTY = RNG.uniform(0.1, 20, 12)


def opened(
    tmp_path: Path, nodes: Any = CONV, bits: int = 32, ranks: tuple[int, ...] = (2, 3, 1), **spec: Any
) -> Bundle:
    metadata, tensors = contents(Synthetic(nodes=nodes, **spec))
    names = [node["name"] for node in nodes if "name" in node]
    layers = {name: {"value": -8, "gain": -12, "offset": -12, "rank": rank, "a": 1 - bits if bits < 32 else 0,
                     "b": -9 if bits < 32 else 0} for name, rank in zip(names, ranks, strict=True)}  # fmt: skip
    metadata["correction"] = json.dumps({"value_bits": bits, "number_bits": min(2 * bits, 32), "layers": layers})
    write(tmp_path / "b", metadata, tensors)
    return Bundle.open(tmp_path / "b")


def cost(d: np.ndarray) -> float:
    return float(np.sum((Y - X @ d) ** 2) + np.sum(PENALTY[:, None] * d * d))


def test_full_rank_is_ridge_regression() -> None:
    """lstsq with a row per penalty knows nothing of ranks."""
    a, b = reduced_rank_ridge(X, Y, PENALTY, 7)
    rows = np.concatenate([X, np.diag(np.sqrt(PENALTY))])
    expected = np.linalg.lstsq(rows, np.concatenate([Y, np.zeros((12, 7))]), rcond=None)[0]
    np.testing.assert_allclose(a @ b, expected, atol=1e-10)


@pytest.mark.parametrize("rank", [1, 2, 4])
def test_without_a_penalty_and_with_white_inputs_it_is_the_svd(rank: int) -> None:
    q = np.linalg.qr(X)[0]
    u, s, vt = np.linalg.svd(q.T @ Y, full_matrices=False)
    a, b = reduced_rank_ridge(q, Y, np.full(12, 1e-12), rank)
    np.testing.assert_allclose(a @ b, (u[:, :rank] * s[:rank]) @ vt[:rank], atol=1e-8)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_nothing_of_that_rank_costs_less(rank: int) -> None:
    """Alternating least squares from many starts, each step exact, finds no lower cost."""
    a, b = reduced_rank_ridge(X, Y, PENALTY, rank)
    best = cost(a @ b)
    metric = X.T @ X + np.diag(PENALTY)
    lowest = np.inf
    for start in range(8):
        other = np.random.default_rng(start).normal(size=(rank, 7))
        for _ in range(300):
            left = np.linalg.solve(metric, X.T @ Y @ other.T) @ np.linalg.inv(other @ other.T)
            other = np.linalg.solve(left.T @ metric @ left, left.T @ X.T @ Y)
        lowest = min(lowest, cost(left @ other))
    assert best == pytest.approx(lowest, rel=1e-6)


def test_fewer_rows_than_ranks_leave_the_rest_zero() -> None:
    a, b = reduced_rank_ridge(X[:2], Y[:2], PENALTY, 5)
    assert (a.shape, b.shape) == ((12, 5), (5, 7))
    assert np.abs(b[2:]).max() < 1e-12 or np.abs(a[:, 2:]).max() < 1e-12


@pytest.mark.skipif(not c_engine.available(), reason="the C core is not built")
@pytest.mark.parametrize(("nodes", "bits", "ranks"), [(CONV, 32, (2, 3, 1)), (CONV, 8, (1, 0, 4)), (DENSE, 16, (5, 2))])
def test_both_engines_give_the_same_bits(tmp_path: Path, nodes: Any, bits: int, ranks: tuple[int, ...]) -> None:
    bundle = opened(tmp_path, nodes, bits, ranks)
    c, numpy = Chip(bundle, 3, engine="c"), Chip(bundle, 3, engine="numpy")
    before = c.logits_many(bundle.golden_x)
    np.testing.assert_array_equal(before, numpy.logits_many(bundle.golden_x))
    for chip in (c, numpy):
        chip.calibrate()
    after = c.logits_many(bundle.golden_x)
    np.testing.assert_array_equal(after, numpy.logits_many(bundle.golden_x))
    assert any(np.abs(layer.a).max(initial=0) > 0 for layer in c.correction.layers)


def test_an_output_is_the_matrix_product(tmp_path: Path) -> None:
    """Dense network, effects off: the last layer with A B in float64 by hand."""
    bundle = opened(tmp_path, DENSE, ranks=(0, 2), mask_share=0)
    plain, ranked = (Chip(bundle, 3, engine="numpy", effects=Effects(False, False)) for _ in range(2))
    last = ranked.correction.layers[1]
    last.a[...], last.b[...] = RNG.normal(size=last.a.shape), RNG.normal(size=last.b.shape)
    x = bundle.golden_x.astype(np.float32) / np.float32(255)
    hidden = np.maximum(x[:, None].reshape(len(x), -1), 0)
    from firmware_py.numpy_engine import correct, dac

    engine = plain.engine
    first, second = bundle.layers
    trace = engine.trace(0, hidden, 0)  # type: ignore[attr-defined]
    inputs = np.maximum(correct(first, plain.correction.layers[0], trace), 0)[:, 0]
    codes = dac(second, bundle.macro.dac_bits, inputs)[:, 0]
    added = (codes * float(second.dac_lsb)) @ last.a.astype(float) @ last.b.astype(float)
    np.testing.assert_allclose(ranked.logits_many(x) - plain.logits_many(x), added, rtol=1e-4, atol=1e-4)


def test_calibration_with_a_rank_comes_nearer_to_the_ideal(tmp_path: Path) -> None:
    with_rank, without = (
        Chip(opened(tmp_path, DENSE, ranks=ranks, mask_share=0), 3).calibrate() for ranks in ((4, 3), (0, 0))
    )
    for a, b in zip(with_rank.layers, without.layers, strict=True):
        assert a.after < b.after


def test_learning_refuses_what_it_does_not_change(tmp_path: Path) -> None:
    chip = Chip(opened(tmp_path), 3)
    with pytest.raises(RramError, match="^learn: the bundle's correction has a low-rank part"):
        chip.learn_one(chip.bundle.golden_x[0], 0)


def test_the_state_keeps_the_factors(tmp_path: Path) -> None:
    bundle = opened(tmp_path)
    chip, other = Chip(bundle, 3), Chip(bundle, 3)
    chip.calibrate()
    chip.save(tmp_path / "state")
    other.restore(tmp_path / "state")
    np.testing.assert_array_equal(chip.correction.layers[1].a, other.correction.layers[1].a)
    assert np.abs(other.correction.layers[1].b).max() > 0
