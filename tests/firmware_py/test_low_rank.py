"""The low-rank part: against ridge regression and SVD of other hands, both engines, and kinds of calibration."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from firmware_py import AdaptConfig, Chip, Effects, RramError, c_engine, guard
from firmware_py.bundle import Bundle
from firmware_py.correction import OPTIMIZERS, initial_correction
from firmware_py.low_rank import reduced_rank_ridge
from firmware_py.numpy_engine import NumpyEngine
from firmware_py.replay import NO_REPLAY
from firmware_py.update import low_rank_scales, step_scales
from tests.firmware_py.core_cases import VARIANTS, assert_same_state, images, needs_core, pair
from tests.firmware_py.make_bundle import CONV, DENSE, MOBILE, RESNET, Synthetic, contents, write
from tests.firmware_py.test_learn import QUIET, plain_loss

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


def test_a_rank_on_errors_that_do_not_fit_into_one_band(tmp_path: Path) -> None:
    nodes = [{"op": "conv2d", "name": name, "kernel": [3, 3], "stride": [stride, 1], "padding": "same",
              "out": [20 // stride, 20, 20]} for name, stride in (("a", 1), ("b", 2))]  # fmt: skip
    spec = Synthetic(nodes=[*nodes, {"op": "flatten"}, {"op": "dense", "name": "fc", "out": [4]}])
    bundle = opened(tmp_path, spec.nodes, 32, (0, 2, 0), input_shape=(20, 20, 1), mask_share=0.05)
    oracle, engine = pair(bundle, 3, Effects())
    rng = np.random.default_rng(0)
    for both in (oracle, engine):
        both.correction.layers[1].a[:] = np.random.default_rng(1).normal(0, 0.1, both.correction.layers[1].a.shape)
        both.correction.layers[1].b[:] = np.random.default_rng(2).normal(0, 0.1, both.correction.layers[1].b.shape)
    for i in range(2):
        x = rng.random((20, 20, 1), dtype=np.float32)
        np.testing.assert_array_equal(*(both.learn(x, i, i, i, AdaptConfig()) for both in (oracle, engine)))
    assert_same_state(engine.correction, oracle.correction)


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


def ranked(tmp_path: Path, nodes: Any, bits: int = 32, **spec: Any) -> Bundle:
    """A bundle with rank 2 in every layer."""
    return opened(tmp_path, nodes, bits, (2,) * sum("name" in node for node in nodes), **spec)


def with_factors(engine: Any) -> Any:
    """An engine whose factors are not zero, the same for the same network."""
    rng = np.random.default_rng(6)
    for spec, layer in zip(engine.bundle.layers, engine.correction.layers, strict=True):
        layer.a[...] = rng.normal(0, 0.5 / spec.k**0.5, layer.a.shape)
        layer.b[...] = rng.normal(0, 0.5, layer.b.shape)
        layer.settle(spec)
    return engine


@pytest.mark.parametrize(("nodes", "shape"), [(CONV, (8, 8, 1)), (DENSE, (4, 5, 1)), (RESNET, (8, 8, 1))])
def test_gradients_with_a_rank_are_those_of_the_loss(tmp_path: Path, nodes: Any, shape: Any) -> None:
    """Of all numbers of all layers, by central differences of the float64 network: errors go back through A B, too."""
    bundle = fine(ranked(tmp_path, nodes, input_shape=shape, adc_bits=16, mask_share=0.2))
    engine = with_factors(NumpyEngine(bundle, 5, QUIET, initial_correction(bundle)))
    x, keys = bundle.calibration_x[1].astype(np.float32) / np.float32(255), ("gain", "offset", "value", "a", "b")
    old = [{key: getattr(layer, key).astype(float) for key in keys} for layer in engine.correction.layers]
    scales = [(*step_scales(spec), *low_rank_scales(layer))
              for spec, layer in zip(bundle.layers, engine.correction.layers, strict=True)]  # fmt: skip
    engine.learn(x, 1, 0, 0, AdaptConfig("sgd", lr=1.0, replay=NO_REPLAY))
    for i, layer in enumerate(engine.correction.layers):
        for key, sv in zip(keys, scales[i], strict=True):
            found = ((old[i][key] - getattr(layer, key)).reshape(-1) / sv.astype(float) ** 2)[:40]
            exact = [slope(engine, old, i, key, e, x) for e in range(len(found))]
            cosine = found @ exact / np.linalg.norm(found) / np.linalg.norm(exact)
            assert cosine > 0.985, (i, key, cosine)
            assert 0.9 < np.linalg.norm(found) / np.linalg.norm(exact) < 1.1, (i, key)


def fine(bundle: Bundle) -> Bundle:
    """A fine ADC, and DACs that reach far enough."""
    first, *inner = [replace(layer, adc_lsb=np.float32(100)) for layer in bundle.layers]
    return replace(bundle, layers=(first, *(replace(layer, dac_lsb=np.float32(1 / 80)) for layer in inner)))


def slope(engine: Any, parameters: list[dict[str, np.ndarray]], layer: int, key: str, e: int, x: np.ndarray) -> float:
    there, number = [], parameters[layer][key].reshape(-1)
    for sign in (1, -1):
        number[e] += sign * 1e-6
        there.append(plain_loss(engine, parameters, x, 1))
        number[e] -= sign * 1e-6
    return (there[0] - there[1]) / 2e-6


@needs_core
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(("nodes", "shape", "bits", "rounding"), [
    (CONV, (8, 8, 1), 32, "save"), (RESNET, (8, 8, 2), 8, "stochastic"), (DENSE, (8, 8, 1), 16, "nearest"),
])  # fmt: skip
def test_both_engines_learn_with_a_rank_to_the_same_bits(tmp_path: Path, optimizer: Any, nodes: Any, shape: Any,
                                                         bits: int, rounding: Any) -> None:  # fmt: skip
    bundle = ranked(tmp_path, nodes, bits, input_shape=shape, mask_share=0.2)
    adapt = AdaptConfig(optimizer, lr=0.5, rounding=rounding)
    for variant in (VARIANTS[0], VARIANTS[-1]):
        oracle, engine = map(with_factors, pair(bundle, 7, Effects(), variant, adapt=adapt))
        before = oracle.correction.layers[0].a.copy()
        for i, image in enumerate(images(Synthetic(nodes=nodes, input_shape=shape), 4, 1)):
            ours, theirs = (e.learn(image, i % 4, 9 + i, i, adapt) for e in (engine, oracle))
            np.testing.assert_array_equal(ours, theirs)
        assert_same_state(engine.correction, oracle.correction)
        assert rounding != "save" or not np.array_equal(before, oracle.correction.layers[0].a)


def test_a_calibrated_chip_learns_its_factors_and_the_guard_takes_them_back(tmp_path: Path) -> None:
    """A state of before, without mean squares of A and B, is taken over."""
    bundle = ranked(tmp_path, CONV)
    chip = Chip(bundle, 3)
    chip.calibrate()
    before = [layer.b.copy() for layer in chip.correction.layers]
    arrays = {name: array.copy() for name, array in chip.correction.arrays(bundle).items()}
    kept = guard._copied(chip)
    chip.learn_one(bundle.golden_x[0], 2)
    assert all(not np.array_equal(b, layer.b) for b, layer in zip(before, chip.correction.layers, strict=True))
    guard._put(chip, kept)
    assert all(np.array_equal(b, layer.b) for b, layer in zip(before, chip.correction.layers, strict=True))
    chip.correction.load(bundle, {name: a[:3] if name.endswith(".ms") else a for name, a in arrays.items()})
    assert all(layer.ms.tolist() == [0] * 5 for layer in chip.correction.layers)


def test_the_state_keeps_the_factors(tmp_path: Path) -> None:
    bundle = opened(tmp_path)
    chip, other = Chip(bundle, 3), Chip(bundle, 3)
    chip.calibrate()
    chip.save(tmp_path / "state")
    other.restore(tmp_path / "state")
    np.testing.assert_array_equal(chip.correction.layers[1].a, other.correction.layers[1].a)
    assert np.abs(other.correction.layers[1].b).max() > 0


def test_a_convolution_with_groups_has_no_factors(tmp_path: Path) -> None:
    with pytest.raises(RramError, match="b: correction.deep: a low-rank part of a convolution with groups, expected"):
        opened(tmp_path, MOBILE, ranks=(2, 1, 0, 1), input_shape=(8, 8, 2))
    assert opened(tmp_path, MOBILE, ranks=(2, 0, 0, 1), input_shape=(8, 8, 2)).layers[0].sram.rank == 2
