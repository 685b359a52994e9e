"""Calibration: against lstsq on the augmented system, on chips whose errors are known, and with little to go by."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from firmware_py import Effects
from firmware_py.bundle import AnalogLayer, Bundle
from firmware_py.calibrate import CalibrationReport, _posterior, calibrate
from firmware_py.cells import cells_digest
from firmware_py.correction import AdaptConfig, Correction, initial_correction
from firmware_py.numpy_engine import NumpyEngine, ideal_activations
from firmware_py.sram import Code, LayerSram
from tests.firmware_py.make_bundle import CONV, DENSE, RESNET, Synthetic, make_bundle
from tests.firmware_py.test_learn import positions_of

READ = 500


def opened(tmp_path: Path, spec: Synthetic) -> Bundle:
    return Bundle.open(make_bundle(tmp_path / "b", spec))


def engine_of(bundle: Bundle, effects: Effects | None = None) -> NumpyEngine:
    return NumpyEngine(bundle, 5, effects or Effects(), initial_correction(bundle))


def images(bundle: Bundle) -> np.ndarray:
    return bundle.calibration_x.astype(np.float32) / np.float32(255)


def run(bundle: Bundle, engine: Any, x: np.ndarray) -> CalibrationReport:
    return calibrate(bundle, engine, engine.correction.layers, x, READ)


# --- the closed form, once more ---------------------------------------------------------------------------------------


def augmented(bundle: Bundle, layer: AnalogLayer, j: int, u: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Column j by numpy.linalg.lstsq: a row per vector and position, then a row per prior (docs/calibration.md).

    u [n, P] the column's output, x [n, P, K] the inputs, y [n, P] the target; returns gain, offset, values.
    """
    mask = [int(k) for k in layer.mask_rows[layer.mask_indptr[j] : layer.mask_indptr[j + 1]]]
    g0, o0 = float(layer.gain[j]), float(layer.offset[j])
    d0 = layer.mask_value[layer.mask_indptr[j] : layer.mask_indptr[j + 1]].astype(float)
    levels = layer.levels[:, :, j]
    cell = (bundle.tables.var[levels[0]] + bundle.tables.var[levels[1]]) * float(layer.w_step) ** 2
    output = np.array([g0**2 * cell[k] * np.mean(x[:, :, k] ** 2) for k in range(layer.k)])
    r = sum(output[k] for k in range(layer.k) if k not in mask) + 0.01 * sum(output)
    weight = min(1.0, 5 / u.shape[1])
    rows = np.concatenate([u.reshape(-1, 1), np.ones((u.size, 1)), x.reshape(u.size, -1)[:, mask]], axis=1)
    sd = np.array([0.3 * abs(g0), 0.3 * np.sqrt(np.var(y)), *(abs(g0) * np.sqrt(cell[mask]))])
    system = np.concatenate([np.sqrt(weight) * rows, np.diag(np.sqrt(r) / sd)])
    target = np.concatenate([np.sqrt(weight) * y.reshape(-1), np.sqrt(r) / sd * np.array([g0, o0, *d0])])
    solved: npt.NDArray[np.float64] = np.linalg.lstsq(system, target, rcond=None)[0]
    return solved


@pytest.mark.parametrize("nodes", [CONV, DENSE, RESNET], ids=["conv", "dense", "branches"])
def test_every_column_is_the_least_squares_solution(tmp_path: Path, nodes: list[dict]) -> None:
    """All layers; a layer's input is what the calibrated layers before it give at the same reads."""
    bundle = opened(tmp_path, Synthetic(nodes=nodes, mask_share=0.15))
    engine = engine_of(bundle)
    x = images(bundle)
    run(bundle, engine, x)
    targets = ideal_activations(bundle, x)
    values = [x]  # the input, then the output of every node
    for node in bundle.nodes:
        a = np.sum([values[source + 1] for source in node.sources], axis=0)
        if node.layer >= 0:
            layer, correction = bundle.layers[node.layer], engine.correction.layers[node.layer]
            u = engine.raw(node.layer, a, READ) * float(layer.unit)
            low, high = (-127, 127) if node.signed else (0, 255)
            codes = np.clip(np.rint(a.reshape(len(x), -1) / layer.dac_lsb), low, high).astype(np.float64)
            rows = np.append(codes, np.zeros((len(x), 1)), axis=1)[:, positions_of(node)] * float(layer.dac_lsb)
            y = targets[node.layer].reshape(u.shape).astype(np.float64)
            for j in range(layer.n):
                expected = augmented(bundle, layer, j, u[:, :, j], rows, y[:, :, j])
                entries = slice(layer.mask_indptr[j], layer.mask_indptr[j + 1])
                found = [correction.gain[j], correction.offset[j], *correction.value[entries]]
                np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-6)
        values.append(engine.forward(node, a, READ)[0])


# --- chips whose errors are known -------------------------------------------------------------------------------------


class Skewed:
    """An engine whose columns are off by a gain and an offset each, and by nothing else."""

    name = "skewed"

    def __init__(self, engine: NumpyEngine, seed: int) -> None:
        self.inner, self.correction, self.cells = engine, engine.correction, engine.cells
        rng = np.random.default_rng(seed)
        self.gains = [rng.uniform(0.6, 1.5, layer.n) for layer in engine.bundle.layers]
        self.offsets = [rng.uniform(-800, 800, layer.n) for layer in engine.bundle.layers]

    def raw(self, layer: int, a: np.ndarray, read: int) -> np.ndarray:
        return np.rint(self.gains[layer] * self.inner.raw(layer, a, read) + self.offsets[layer]).astype(np.int32)

    def logits(self, x: np.ndarray, read: int) -> np.ndarray:
        raise NotImplementedError

    def learn(self, x: np.ndarray, label: int, read: int, step: int, adapt: AdaptConfig) -> np.ndarray:
        raise NotImplementedError


def test_gains_and_offsets_alone_are_recovered(tmp_path: Path) -> None:
    """Cells on target and nothing else expected (variance 0): the exact inverse, up to what the converters round."""
    spec = Synthetic(
        nodes=[{"op": "flatten"}, {"op": "dense", "name": "d", "out": [6]}], adc_bits=16, input_shape=(5, 5, 1)
    )
    bundle = opened(tmp_path, spec)
    bundle = replace(
        bundle,
        tables=replace(bundle.tables, var=np.zeros(10)),
        layers=tuple(replace(layer, adc_lsb=np.float32(100)) for layer in bundle.layers),
    )
    engine = Skewed(engine_of(bundle, Effects(programming=False, read_noise=False)), 1)
    report = run(bundle, engine, images(bundle))
    (layer,), (correction,) = bundle.layers, engine.correction.layers
    np.testing.assert_allclose(correction.gain, layer.gain / engine.gains[0], rtol=2e-3)
    offsets = layer.offset - correction.gain * engine.offsets[0] * float(layer.unit)
    np.testing.assert_allclose(correction.offset, offsets, atol=5e-3)
    np.testing.assert_allclose(correction.value, layer.mask_value, atol=1e-2)
    assert report.layers[0].before > 0.2
    assert report.layers[0].after < 2e-3


def test_errors_of_mask_cells_alone_are_recovered(tmp_path: Path) -> None:
    """All cells in the mask: with as many vectors as it takes, the SRAM values become the cells' errors."""
    spec = Synthetic(nodes=[{"op": "flatten"}, {"op": "dense", "name": "d", "out": [3]}], input_shape=(2, 4, 1), rows=8)
    bundle = opened(tmp_path, replace(spec, mask_share=1.0, adc_bits=16))
    bundle = replace(bundle, layers=tuple(replace(layer, adc_lsb=np.float32(50)) for layer in bundle.layers))
    engine = engine_of(bundle, Effects(read_noise=False))
    x = np.random.default_rng(3).integers(0, 256, (400, 2, 4, 1)).astype(np.float32) / np.float32(255)
    run(bundle, engine, x)
    (layer,), (correction,), (cells,) = bundle.layers, engine.correction.layers, engine.cells
    wanted = (bundle.tables.target[layer.levels[0]] - bundle.tables.target[layer.levels[1]]) * float(layer.w_step)
    wanted = wanted * layer.gain
    wanted[layer.mask_rows, layer.mask_cols] += layer.mask_value
    is_now = cells.d * float(layer.w_step) * correction.gain
    is_now[layer.mask_rows, layer.mask_cols] += correction.value
    was = cells.d * float(layer.w_step) * layer.gain
    was[layer.mask_rows, layer.mask_cols] += layer.mask_value
    assert np.abs(was - wanted).max() > 0.1
    assert np.abs(is_now - wanted).max() < 0.01


# --- with little to go by ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nodes", [CONV, DENSE], ids=["conv", "dense"])
@pytest.mark.parametrize("kind", ["one vector", "one vector of zeros", "one vector many times"])
def test_the_priors_hold_where_the_vectors_say_nothing(tmp_path: Path, nodes: list[dict], kind: str) -> None:
    """One vector determines none of the unknowns: all stay finite, and within a few prior deviations of the start."""
    bundle = opened(tmp_path, Synthetic(nodes=nodes, mask_share=0.3))
    x = images(bundle)[:1]
    x = np.zeros_like(x) if "zeros" in kind else x.repeat(40, axis=0) if "many" in kind else x
    engine = engine_of(bundle)
    run(bundle, engine, x)
    targets = ideal_activations(bundle, x)
    for layer, correction, y in zip(bundle.layers, engine.correction.layers, targets, strict=True):
        assert np.all(np.abs(correction.gain / layer.gain - 1) < 3 * 0.3)
        assert np.all(np.isfinite(correction.value))
        cell = bundle.tables.var[layer.levels].sum(axis=0)[layer.mask_rows, layer.mask_cols]
        sd = np.abs(layer.gain[layer.mask_cols]) * np.sqrt(cell) * float(layer.w_step)
        assert np.all(np.abs(correction.value - layer.mask_value) < 4 * sd)
        spread = y.reshape(-1, layer.n).std(axis=0)
        assert np.all(np.abs(correction.offset - layer.offset) <= 4 * 0.3 * spread + 1e-3)


def test_few_vectors_do_not_overfit(tmp_path: Path) -> None:
    """On vectors that it has not seen, 8 vectors already help, and 64 help more."""
    bundle = opened(tmp_path, Synthetic(nodes=CONV, mask_share=0.1, read_b=0.01))
    x = np.random.default_rng(9).random((264, 8, 8, 1), dtype=np.float32)
    fresh, ideal = x[64:], ideal_activations(bundle, x[64:])[-1]
    errors = []
    for count in (0, 8, 64):
        engine = engine_of(bundle)
        if count:
            run(bundle, engine, x[:count])
        errors.append(float(np.sqrt(np.mean((engine.logits(fresh, 10_000) - ideal) ** 2))))
    assert errors[1] < 0.8 * errors[0]
    assert errors[2] < errors[1]


# --- what it reports and what it leaves alone -------------------------------------------------------------------------


def test_the_report_says_the_error_before_and_after(tmp_path: Path) -> None:
    """Root mean square of output minus ideal, in deviations of the ideal; computed here for the first layer."""
    bundle = opened(tmp_path, Synthetic(nodes=CONV))
    x = images(bundle)
    engine = engine_of(bundle)
    first = bundle.nodes[0]
    ideal = ideal_activations(bundle, x)[0]
    before = engine.forward(first, x, READ)[0]
    report = run(bundle, engine, x)
    after = engine.forward(first, x, READ)[0]
    for y, found in ((before, report.layers[0].before), (after, report.layers[0].after)):
        assert found == pytest.approx(float(np.sqrt(np.mean((y - ideal) ** 2)) / np.std(ideal)), rel=1e-5)
    assert report.vectors == len(x)
    assert [layer.name for layer in report.layers] == ["conv1", "conv2", "fc"]
    assert all(layer.after < layer.before for layer in report.layers)


def test_cells_and_bundle_stay_as_they_are(tmp_path: Path) -> None:
    bundle = opened(tmp_path, Synthetic())
    engine = engine_of(bundle)
    before, gains = cells_digest(engine.cells), [layer.gain.copy() for layer in bundle.layers]
    run(bundle, engine, images(bundle))
    assert cells_digest(engine.cells) == before
    for layer, gain in zip(bundle.layers, gains, strict=True):
        np.testing.assert_array_equal(layer.gain, gain)


def test_it_starts_from_the_bundle_and_not_from_what_was_learned(tmp_path: Path) -> None:
    """Calibrating twice, or after any learning, gives what calibrating once gives."""
    bundle = opened(tmp_path, Synthetic())
    once, other = engine_of(bundle), engine_of(bundle)
    run(bundle, once, images(bundle))
    for step in range(5):
        other.learn(images(bundle)[step], step % 4, step, step, AdaptConfig())
    run(bundle, other, images(bundle))
    for a, b in zip(arrays(once.correction, bundle), arrays(other.correction, bundle), strict=True):
        np.testing.assert_array_equal(a, b)


def arrays(correction: Correction, bundle: Bundle) -> list[np.ndarray]:
    return [array for name, array in correction.arrays(bundle).items() if not name.endswith((".ms", "counters"))]


@pytest.mark.parametrize("bits", [3, 8, 32])
def test_each_number_makes_up_for_the_rounding_of_those_after_it(bits: int) -> None:
    """Held numbers from the last to the first, the rest solved anew by a library on stacked rows each time. At three
    bits that leaves less error than the nearest numbers to the best ones."""
    rng, spared = np.random.default_rng(bits), []
    for _ in range(20):
        x = rng.normal(size=(40, 6)) @ rng.normal(size=(6, 6))  # inputs that are alike
        y, start, penalty = x @ rng.normal(size=6) + rng.normal(size=40), rng.normal(size=6), rng.uniform(0.1, 2, 6)
        rows, aim = np.vstack([x, np.diag(np.sqrt(penalty))]), np.concatenate([y, np.sqrt(penalty) * start])
        sram = LayerSram(Code(bits, -1), Code(16, -10), Code(16, -9))
        codes = [sram.gain, sram.offset, *[sram.value] * 4]
        expected, best = np.zeros(6), np.linalg.lstsq(rows, aim, rcond=None)[0]
        for i in reversed(range(6)):
            left = aim - rows[:, i + 1 :] @ expected[i + 1 :]
            expected[i] = codes[i].round(np.linalg.lstsq(rows[:, : i + 1], left, rcond=None)[0][i])
        found = _posterior(x.T @ x, x.T @ y, start, penalty, sram)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
        nearest = np.array([code.round(t) for code, t in zip(codes, best, strict=True)])
        spared.append(np.sum((rows @ nearest - aim) ** 2) - np.sum((rows @ found - aim) ** 2))
    assert bits > 3 or np.mean(spared) > 0
