"""The oracle against plain loops in float64, against one Gaussian per cell, and against itself in other batches."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware_py import Effects
from firmware_py.bundle import AnalogLayer, Bundle
from firmware_py.cells import draw_conductances
from firmware_py.correction import initial_correction
from firmware_py.numpy_engine import CHUNK, NumpyEngine, ideal_activations
from tests.firmware_py.make_bundle import CONV, DENSE, Synthetic, make_bundle

QUIET = Effects(read_noise=False)
FINE = Synthetic(adc_bits=16, rows=16)
SAME_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=12)


def conv(padding: str, kernel: list[int], stride: list[int], out: list[int], signed: bool = False) -> list[dict]:
    layer = {"op": "conv2d", "name": "c", "kernel": kernel, "stride": stride, "padding": padding, "out": out}
    return [{**layer, "signed": signed}, {"op": "flatten"}, {"op": "dense", "name": "d", "out": [3]}]


LAYERS: dict[str, tuple[list[dict], tuple[int, ...]]] = {
    "same": (conv("same", [3, 3], [1, 1], [6, 5, 4]), (6, 5, 2)),
    "valid": (conv("valid", [3, 2], [1, 1], [4, 4, 4]), (6, 5, 2)),
    "strides": (conv("same", [3, 5], [2, 3], [3, 2, 4]), (6, 5, 3)),
    "valid strides": (conv("valid", [2, 2], [2, 1], [3, 4, 4]), (7, 5, 3)),
    "signed": (conv("same", [3, 3], [1, 1], [6, 5, 4], signed=True), (6, 5, 2)),
    "dense": ([{"op": "dense", "name": "d", "out": [5]}], (50,)),
    "dense signed": ([{"op": "dense", "name": "d", "out": [5], "signed": True}], (50,)),
}


def with_scales(bundle: Bundle, **scales: float) -> Bundle:
    """The same bundle with other scales of every layer (adc_lsb=..., dac_lsb=...)."""
    changed = {key: np.float32(value) for key, value in scales.items()}
    return replace(bundle, layers=tuple(replace(layer, **changed) for layer in bundle.layers))


def opened(tmp_path: Path, spec: Synthetic, **scales: float) -> Bundle:
    return with_scales(Bundle.open(make_bundle(tmp_path / "b", spec)), **scales)


def engine_of(bundle: Bundle, effects: Effects = QUIET, seed: int = 5) -> NumpyEngine:
    return NumpyEngine(bundle, seed, effects, initial_correction(bundle))


def loop_layer(node: Any, weights: np.ndarray, x: np.ndarray) -> np.ndarray:
    """sum over k of x_k W_kj at each position, [P, N], in float64: Keras' kernel order (row, column, channel)."""
    x = x.astype(np.float64)
    if node.op == "dense":
        return np.array([[sum(a * b for a, b in zip(x, column, strict=True)) for column in weights.T]])
    kernel = weights.reshape(*node.kernel, node.in_shape[-1], -1)
    (oh, ow), (sh, sw), (top, left) = node.out_shape[:2], node.stride, node.pad
    out = np.zeros((oh * ow, weights.shape[1]))
    for oy, ox, ky, kx in itertools.product(range(oh), range(ow), *map(range, node.kernel)):
        y, z = oy * sh + ky - top, ox * sw + kx - left
        if 0 <= y < x.shape[0] and 0 <= z < x.shape[1]:
            for c in range(x.shape[2]):
                out[oy * ow + ox] += x[y, z, c] * kernel[ky, kx, c]
    return out


@pytest.mark.parametrize("kind", LAYERS)
def test_a_layer_with_fine_converters_is_a_plain_sum(tmp_path: Path, kind: str) -> None:
    """Inputs on the DAC's grid; each tile's ADC may be half a step off, and nothing else may."""
    nodes, shape = LAYERS[kind]
    lsb = 400.0
    bundle = opened(tmp_path, replace(FINE, nodes=nodes, input_shape=shape), adc_lsb=lsb)
    engine, layer = engine_of(bundle), bundle.layers[0]
    low, high = (-127, 127) if layer.node.signed else (0, 255)
    codes = np.random.default_rng(1).integers(low, high + 1, (3, *shape))
    tiles = -(-layer.k // 16)
    assert tiles > 1 or kind.startswith("valid")
    s = engine.raw(0, (codes * float(layer.dac_lsb)).astype(np.float32), 0)
    assert s.shape == (3, layer.node.positions, layer.n)
    for found, image in zip(s, codes, strict=True):
        exact = loop_layer(layer.node, engine.cells[0].d.astype(np.float64), image)
        assert np.abs(exact).max() < lsb * 2**15  # not clipped
        assert np.abs(found * lsb - exact).max() <= tiles * (lsb / 2 + 1e-7 * np.abs(exact).max())
        assert np.abs(exact).max() > 100 * lsb


@pytest.mark.parametrize("nodes", [CONV, DENSE], ids=["conv", "dense"])
def test_logits_are_those_of_a_plain_network(tmp_path: Path, nodes: list[dict]) -> None:
    """Programmed cells, gains, offsets, SRAM values, relu and pooling; the DAC rounds activations as it says."""
    bundle = opened(tmp_path, replace(FINE, nodes=nodes), adc_lsb=400, dac_lsb=1 / 60)
    bundle = replace(bundle, layers=(replace(bundle.layers[0], dac_lsb=np.float32(1 / 255)), *bundle.layers[1:]))
    engine = engine_of(bundle)
    x = bundle.golden_x.astype(np.float32) / np.float32(255)
    found = engine.logits(x, 0)
    for image, logits in zip(x, found, strict=True):
        exact = plain_network(bundle, engine, image)
        # An activation on the edge of two DAC codes may fall either way: one code more or less is 1/60 of a weight.
        assert np.abs(logits - exact).max() < 0.03 * np.abs(exact).max()
        assert logits.argmax() == exact.argmax()


def plain_network(bundle: Bundle, engine: NumpyEngine, a: np.ndarray) -> np.ndarray:
    a = a.astype(np.float64)
    for node in bundle.nodes:
        if node.op == "relu":
            a = np.where(a > 0, a, 0)
        elif node.op == "flatten":
            a = a.reshape(-1)
        elif node.op == "maxpool2d":
            a = a.reshape(a.shape[0] // 2, 2, a.shape[1] // 2, 2, -1).max(axis=(1, 3))
        else:
            layer, cells = bundle.layers[node.layer], engine.cells[node.layer]
            x = np.clip(np.rint(a / float(layer.dac_lsb)), 0, 255) * float(layer.dac_lsb)
            assert np.all(a <= 255.5 * float(layer.dac_lsb))  # the DAC's range is wide enough
            weights = cells.d * float(layer.w_step) * layer.gain.astype(np.float64)
            for k, j, value in zip(layer.mask_rows, layer.mask_cols, layer.mask_value, strict=True):
                weights[k, j] += float(value)
            a = (loop_layer(node, weights, x) + layer.offset).reshape(node.out_shape)
    return a


def test_the_ideal_network_has_no_converters_and_the_levels_targets(tmp_path: Path) -> None:
    """Outputs of every layer against loops over the targets' weights."""
    bundle = opened(tmp_path, Synthetic())
    x = bundle.golden_x[:1].astype(np.float32) / np.float32(255)
    outputs = ideal_activations(bundle, x)
    a = x[0]
    for layer, found in zip(bundle.layers, outputs, strict=True):
        g = bundle.tables.target[layer.levels].astype(np.float64) * float(layer.w_step)
        weights = (g[0] - g[1]) * layer.gain
        weights[layer.mask_rows, layer.mask_cols] += layer.mask_value
        exact = (loop_layer(layer.node, weights, a) + layer.offset).reshape(layer.node.out_shape)
        np.testing.assert_allclose(found[0], exact, atol=1e-5)
        a = np.maximum(exact, 0)
        if layer.name == "conv1":
            a = a.reshape(4, 2, 4, 2, 5).max(axis=(1, 3))
        a = a.reshape(bundle.layers[2].node.in_shape) if layer.name == "conv2" else a


NOISY = Synthetic(nodes=[{"op": "dense", "name": "d", "out": [6]}], input_shape=(40,), adc_bits=16, read_b=0.05)
READS = 6000


@pytest.fixture(scope="module")
def reads(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bundle, np.ndarray, np.ndarray]:
    """(bundle, codes [40], sums in units of D x code [READS, 6]) of one input read again and again."""
    bundle = opened(tmp_path_factory.mktemp("reads"), NOISY, adc_lsb=150)
    tables = replace(bundle.tables, read_a=np.linspace(5, 50, 10))
    bundle = replace(bundle, tables=tables)
    codes = np.random.default_rng(2).integers(0, 256, 40)
    x = np.broadcast_to((codes * float(bundle.layers[0].dac_lsb)).astype(np.float32), (READS, 40))
    return bundle, codes, engine_of(bundle, Effects()).raw(0, x, 1000)[:, 0] * 150.0


def gaussian_per_cell(bundle: Bundle, codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What V stands for: every cell of the pair draws its own Gaussian at every read. [READS, 6]"""
    layer, tables = bundle.layers[0], bundle.tables
    g = draw_conductances(layer, 0, tables, 5, Effects()).astype(np.float64)
    sigma = tables.read_a[layer.levels] + tables.read_b[layer.levels] * g
    out = np.empty((READS, layer.n))
    for i in range(READS):
        noisy = g + sigma * rng.standard_normal(g.shape)
        out[i] = codes @ (noisy[0] - noisy[1])
    return out


def test_read_noise_has_the_mean_and_variance_of_one_gaussian_per_cell(reads: Any) -> None:
    """Fixed seeds. Tolerance of the variance: 4 standard errors, 1 % for V's and the codes' rounding, ADC^2 / 12."""
    bundle, codes, found = reads
    expected = gaussian_per_cell(bundle, codes, np.random.default_rng(3))
    exact = codes @ engine_of(bundle).cells[0].d.astype(np.float64)
    deviation = expected.std(axis=0)
    assert deviation.min() > 20 * 150  # the ADC is fine beside the noise
    for sample in (found, expected):
        assert np.all(np.abs(sample.mean(axis=0) - exact) < 4 * deviation / READS**0.5)
    layer, tables = bundle.layers[0], bundle.tables
    g = draw_conductances(layer, 0, tables, 5, Effects())
    variances = ((tables.read_a[layer.levels] + tables.read_b[layer.levels] * g) ** 2).sum(axis=0)
    closed = (codes.astype(float) ** 2) @ variances
    for sample in (found, expected):
        assert np.all(np.abs(sample.var(axis=0) / closed - 1) < 4 * (2 / READS) ** 0.5 + 0.01)
    kurtosis = ((found - found.mean(axis=0)) ** 4).mean(axis=0) / found.var(axis=0) ** 2
    assert np.all(np.abs(kurtosis - 3) < 4 * (24 / READS) ** 0.5)


def test_read_noise_is_as_spread_as_one_gaussian_per_cell(reads: Any) -> None:
    """Kolmogorov's distance of two samples, column by column."""
    bundle, codes, found = reads
    expected = gaussian_per_cell(bundle, codes, np.random.default_rng(4))
    for a, b in zip(found.T, expected.T, strict=True):
        points = np.sort(np.concatenate([a, b]))
        distance = np.abs(np.searchsorted(np.sort(a), points, "right") - np.searchsorted(np.sort(b), points, "right"))
        assert distance.max() / READS < 1.95 * (2 / READS) ** 0.5


def test_noise_of_columns_and_reads_is_independent(reads: Any) -> None:
    _, _, found = reads
    noise = found - found.mean(axis=0)
    assert np.abs(np.corrcoef(noise.T) - np.eye(6)).max() < 5 / READS**0.5
    for column in noise.T:
        assert abs(np.corrcoef(column[1:], column[:-1])[0, 1]) < 5 / READS**0.5


def test_noise_of_positions_is_independent(tmp_path: Path) -> None:
    """The same patch at every position of an even image reads the same cells, with other noise."""
    bundle = opened(tmp_path, replace(FINE, nodes=conv("valid", [2, 2], [2, 2], [2, 2, 3]), input_shape=(4, 4, 1)))
    bundle = with_scales(bundle, adc_lsb=50)
    s = engine_of(bundle, Effects()).raw(0, np.full((2000, 4, 4, 1), 0.5, np.float32), 0).reshape(2000, 12)
    noise = s - s.mean(axis=0)
    assert noise.std(axis=0).min() > 5
    assert np.abs(np.corrcoef(noise.T) - np.eye(12)).max() < 5 / 2000**0.5
    np.testing.assert_allclose(
        s.reshape(2000, 4, 3).mean(axis=0)[1:], s[:, :3].mean(axis=0)[None].repeat(3, 0), rtol=0.05
    )


def test_noise_of_layers_is_independent(tmp_path: Path) -> None:
    nodes = [{"op": "dense", "name": "a", "out": [6]}, {"op": "dense", "name": "b", "out": [6]}]
    engine = engine_of(opened(tmp_path, replace(NOISY, nodes=nodes, input_shape=(6,)), adc_lsb=20), Effects())
    x = np.full((2000, 6), 0.5, np.float32)
    a, b = (engine.raw(layer, x, 0).reshape(2000, 6) for layer in (0, 1))
    assert min(a.std(axis=0).min(), b.std(axis=0).min()) > 5
    assert np.abs(np.corrcoef(a.T, b.T)[:6, 6:]).max() < 5 / 2000**0.5


def test_no_input_no_noise(tmp_path: Path) -> None:
    bundle = opened(tmp_path, Synthetic())
    assert not engine_of(bundle, Effects()).raw(0, np.zeros((2, 8, 8, 1), np.float32), 0).any()


def test_an_image_depends_on_its_own_read_counter_only(tmp_path: Path) -> None:
    bundle = opened(tmp_path, Synthetic())
    engine = engine_of(bundle, Effects())
    x = bundle.calibration_x.astype(np.float32) / np.float32(255)
    together = engine.logits(x, 10)
    for i in (0, 1, 7, 15):
        np.testing.assert_array_equal(engine.logits(x[i : i + 1], 10 + i)[0], together[i])
        assert not np.array_equal(engine.logits(x[i : i + 1], 11 + i)[0], together[i])
    far = 2**32  # the counter's second word counts too
    assert not np.array_equal(engine.logits(x[:1], 10 + far)[0], together[0])
    np.testing.assert_array_equal(engine_of(bundle, Effects()).logits(x, 10), together)  # no hidden state


def test_without_noise_the_read_counter_does_not_matter(tmp_path: Path) -> None:
    bundle = opened(tmp_path, Synthetic())
    x = bundle.calibration_x.astype(np.float32) / np.float32(255)
    engine = engine_of(bundle)
    np.testing.assert_array_equal(engine.logits(x, 0), engine.logits(x, 12345))


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> tuple[NumpyEngine, np.ndarray, np.ndarray, np.ndarray]:
    """(engine, more images than one chunk, their logits, their sums in layer 1)."""
    bundle = opened(tmp_path_factory.mktemp("crowd"), Synthetic(nodes=DENSE, input_shape=(3, 3, 1)))
    engine = engine_of(bundle, Effects())
    x = np.random.default_rng(0).random((CHUNK + 9, 3, 3, 1), dtype=np.float32)
    return engine, x, engine.logits(x, 100), engine.raw(0, x.reshape(len(x), 9), 100)


@SAME_FOLDER
@given(cuts=st.lists(st.integers(0, CHUNK + 9), max_size=4))
def test_batches_may_be_split_anywhere(crowd: Any, cuts: list[int]) -> None:
    engine, x, logits, sums = crowd
    edges = [0, *sorted(cuts), len(x)]
    parts = [engine.logits(x[a:b], 100 + a) for a, b in itertools.pairwise(edges)]
    np.testing.assert_array_equal(np.concatenate(parts), logits)
    flat = x.reshape(len(x), 9)
    pieces = [engine.raw(0, flat[a:b], 100 + a) for a, b in itertools.pairwise(edges) if b > a]
    np.testing.assert_array_equal(np.concatenate(pieces), sums)


@pytest.mark.parametrize("bits", [1, 2, 8, 16])
def test_the_adc_stops_at_its_ends(tmp_path: Path, bits: int) -> None:
    bundle = opened(tmp_path, replace(NOISY, adc_bits=bits), adc_lsb=0.001)
    s = engine_of(bundle).raw(0, np.ones((1, 40), np.float32), 0)[0, 0]
    d = engine_of(bundle).cells[0].d.astype(int)
    tiles = [d[start : start + 16].sum(axis=0) for start in (0, 16, 32)]
    assert any((t > 0).any() for t in tiles)
    assert any((t < 0).any() for t in tiles)
    expected = sum(np.where(t > 0, 2 ** (bits - 1) - 1, -(2 ** (bits - 1))) for t in tiles)
    np.testing.assert_array_equal(s, expected)


RANGES = [(False, 8, 0, 255), (True, 8, -127, 127), (False, 3, 0, 7), (True, 3, -3, 3)]


@pytest.mark.parametrize(("signed", "bits", "low", "high"), RANGES)
def test_the_dac_stops_at_its_ends(tmp_path: Path, signed: bool, bits: int, low: int, high: int) -> None:
    nodes = [{"op": "dense", "name": "d", "out": [6], "signed": signed}]
    bundle = opened(tmp_path, replace(NOISY, nodes=nodes, dac_bits=bits), dac_lsb=0.25, adc_lsb=1)
    engine = engine_of(bundle)
    given = np.array([-1e30, -1.0, -0.375, -0.125, 0.0, 0.125, 0.375, 0.26, 1e30, 255.1], np.float32)
    rounded = np.array([-1e6, -4, -2, 0, 0, 0, 2, 1, 1e6, 1020])  # half to even
    codes = engine.trace(0, np.resize(given, (1, 40)), 0).codes[0, 0]
    np.testing.assert_array_equal(codes, np.resize(np.clip(rounded, low, high), 40))


def test_a_tile_is_converted_on_its_own(tmp_path: Path) -> None:
    """Each tile alone is clipped where the ADC ends."""
    bundle = opened(tmp_path, replace(NOISY, adc_bits=4), adc_lsb=100)
    engine = engine_of(bundle)
    d = engine.cells[0].d.astype(int)
    for t, rows in enumerate((slice(0, 16), slice(16, 32), slice(32, 40))):
        x = np.zeros((1, 40), np.float32)
        x[0, rows] = 1
        u = 255 * d[rows].sum(axis=0) / 100
        np.testing.assert_array_equal(engine.raw(0, x, 0)[0, 0], np.clip(np.rint(u), -8, 7), err_msg=str(t))


def test_stuck_cells_reach_the_sums(tmp_path: Path) -> None:
    """All cells stuck low or high: a column is what its pairs' faults make of it."""
    bundle = opened(tmp_path, replace(NOISY, faults=(2**31, 2**32 - 1, 0, 100)), adc_lsb=1)
    engine = engine_of(bundle)
    assert set(np.unique(engine.cells[0].d)) == {-100, 0, 100}
    x = np.full((1, 40), float(bundle.layers[0].dac_lsb), np.float32)  # code 1
    np.testing.assert_array_equal(engine.raw(0, x, 0)[0, 0], engine.cells[0].d.sum(axis=0, dtype=int))


def test_the_mask_adds_its_share_in_digital(tmp_path: Path) -> None:
    """Changing one SRAM value by v changes its column by v times the input as the DAC sees it, and no other."""
    bundle = opened(tmp_path, replace(NOISY, mask_share=0.2))
    engine, layer = engine_of(bundle), bundle.layers[0]
    x = np.random.default_rng(5).random((1, 40), dtype=np.float32)
    before = engine.logits(x, 0)[0].astype(np.float64)
    entry = 3
    k, j = layer.mask_rows[entry], layer.mask_cols[entry]
    engine.correction.layers[0].value[entry] += np.float32(0.5)
    change = engine.logits(x, 0)[0] - before
    seen = np.rint(x[0, k] * 255) / 255
    expected = np.zeros(6)
    expected[j] = 0.5 * seen
    np.testing.assert_allclose(change, expected, atol=1e-5)


def test_gain_and_offset_are_the_columns_own(tmp_path: Path) -> None:
    bundle = opened(tmp_path, replace(NOISY, mask_share=0.0))
    engine, layer = engine_of(bundle), bundle.layers[0]
    x = np.random.default_rng(6).random((1, 40), dtype=np.float32)
    s = engine.raw(0, x, 0)[0, 0].astype(np.float64)
    correction: Any = engine.correction.layers[0]
    correction.gain[:], correction.offset[:] = np.arange(1, 7), np.arange(10, 70, 10)
    unit = float(layer.w_step) * float(layer.dac_lsb) * float(layer.adc_lsb)
    exact = np.arange(1, 7) * s * unit + np.arange(10, 70, 10)
    np.testing.assert_allclose(engine.logits(x, 0)[0], exact, rtol=1e-6)


def test_tiles_are_clipped_before_they_are_added(tmp_path: Path) -> None:
    bundle = opened(tmp_path, replace(NOISY, adc_bits=4), adc_lsb=100)
    engine = engine_of(bundle)
    x = np.random.default_rng(7).integers(0, 256, 40)
    d = engine.cells[0].d.astype(int)
    u = np.array([x[rows] @ d[rows] for rows in (slice(0, 16), slice(16, 32), slice(32, 40))]) / 100
    assert ((u[0] > 8) & (u[1] < -8)).any() or ((u[0] < -8) & (u[1] > 8)).any()  # some cancel
    expected = np.clip(np.rint(u), -8, 7).sum(axis=0)
    found = engine.raw(0, (x[None] * float(bundle.layers[0].dac_lsb)).astype(np.float32), 0)[0, 0]
    np.testing.assert_array_equal(found, expected)


def test_layers_are_typed_as_the_contract_says(tmp_path: Path) -> None:
    bundle = opened(tmp_path, Synthetic())
    engine = engine_of(bundle, Effects())
    x = bundle.golden_x.astype(np.float32) / np.float32(255)
    assert engine.logits(x, 0).dtype == np.float32
    assert engine.logits(x[:0], 0).shape == (0, 4)
    assert engine.raw(0, x, 0).dtype == np.int32
    for cells, layer in zip(engine.cells, bundle.layers, strict=True):
        check: AnalogLayer = layer
        assert (cells.d.dtype, cells.v.dtype, cells.vscale.dtype) == (np.int16, np.uint8, np.float32)
        assert cells.d.shape == cells.v.shape == (check.k, check.n)
