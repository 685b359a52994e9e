"""Calibration in the core: every layer against lstsq on stacked rows and against NumPy's fit, in little memory."""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings

from firmware_py import Chip, Effects, RramError, c_engine
from firmware_py.bundle import Bundle
from firmware_py.calibrate import KINDS, ROWS_PER_IMAGE, Rows, _fit_layer
from firmware_py.correction import AdaptConfig, LayerCorrection, initial_correction
from firmware_py.graph import Node
from firmware_py.numpy_engine import NumpyEngine, dac, ideal_activations
from firmware_py.walk import run
from tests.firmware_py.core_cases import VARIANTS, images, needs_core, networks, opened
from tests.firmware_py.make_bundle import CONV, DENSE, MOBILE, RESNET, Synthetic
from tests.firmware_py.test_calibrate import augmented
from tests.firmware_py.test_learn import positions_of
from tests.firmware_py.test_low_rank import opened as coded
from tests.firmware_py.test_mnist_agreement import BUNDLE

pytestmark = needs_core
READ = 2**32 - 3  # the counter's upper word changes on the way
SHAPES: dict[str, Any] = {
    "conv": (CONV, (8, 8, 1)), "dense": (DENSE, (8, 8, 1)), "branches": (RESNET, (8, 8, 2)),
    "groups": (MOBILE, (8, 8, 2)),
}  # fmt: skip


def case(folder: Path, name: str, **more: Any) -> tuple[Bundle, np.ndarray]:
    """A bundle and 20 images."""
    nodes, shape = SHAPES[name]
    bundle = opened(folder, Synthetic(nodes=nodes, input_shape=shape, **{"mask_share": 0.15, **more}))
    return bundle, np.random.default_rng(1).random((20, *shape), dtype=np.float32)


def core(bundle: Bundle, variant: str | None = None) -> c_engine.CEngine:
    return c_engine.CEngine(bundle, 5, Effects(), initial_correction(bundle), variant)


def along(engine: Any, x: np.ndarray, look: Callable[[Node, np.ndarray], None]) -> None:
    """Go through the calibrated network by the oracle: `look` sees each analog layer and its input."""
    oracle = NumpyEngine(engine.bundle, 5, Effects(), engine.correction)

    def compute(i: int, a: np.ndarray) -> np.ndarray:
        node = engine.bundle.nodes[i]
        if node.layer >= 0:
            look(node, a)
        return np.asarray(oracle.forward(node, a, READ)[0])

    run(engine.bundle.nodes, x, compute)


def arrays(correction: LayerCorrection) -> list[np.ndarray]:
    return [correction.gain, correction.offset, correction.value]


def assert_close(ours: list[np.ndarray], theirs: list[np.ndarray], most: float) -> None:
    """Within `most` of the largest of each array."""
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=most * np.abs(b).max(initial=1e-9))


@pytest.mark.parametrize("name", ["conv", "dense", "branches"])
def test_every_column_is_the_least_squares_solution(tmp_path: Path, name: str) -> None:
    """numpy.linalg.lstsq on a weighted row per image and position and a row per prior."""
    bundle, x = case(tmp_path, name)
    engine, targets = core(bundle), ideal_activations(bundle, x)
    engine.calibrate(x, READ)

    def look(node: Node, a: np.ndarray) -> None:
        layer, correction = bundle.layers[node.layer], engine.correction.layers[node.layer]
        u = engine.raw(node.layer, a, READ) * float(layer.unit)
        codes = np.clip(np.rint(a.reshape(len(x), -1) / layer.dac_lsb), -127 if node.signed else 0,
                        127 if node.signed else 255).astype(np.float64)  # fmt: skip
        rows = np.append(codes, np.zeros((len(x), 1)), axis=1)[:, positions_of(node)] * float(layer.dac_lsb)
        y = targets[node.layer].reshape(u.shape).astype(np.float64)
        for j in range(layer.n):
            entries = slice(layer.mask_indptr[j], layer.mask_indptr[j + 1])
            found = [correction.gain[j], correction.offset[j], *correction.value[entries]]
            np.testing.assert_allclose(found, augmented(bundle, layer, j, u[:, :, j], rows, y[:, :, j]), rtol=2e-5,
                                       atol=1e-6)  # fmt: skip

    along(engine, x, look)


def assert_fits_as_numpy(bundle: Bundle, x: np.ndarray, kind: str, most: float) -> None:
    """Layer by layer, each on what the layers before it give as the core calibrated them; the report, too."""
    engine, targets = core(bundle), ideal_activations(bundle, x)
    gained = engine.calibrate(x, READ, kind)

    def look(node: Node, a: np.ndarray) -> None:
        layer, expected = bundle.layers[node.layer], initial_correction(bundle).layers[node.layer]
        codes = dac(layer, bundle.macro.dac_bits, a)
        n, p, k = codes.shape
        u = engine.raw(node.layer, a, READ).reshape(n * p, -1).astype(np.float64) * float(layer.unit)
        rows = Rows(u, codes.reshape(n * p, k) * float(layer.dac_lsb), targets[node.layer].reshape(n * p, -1),
                    min(1.0, ROWS_PER_IMAGE / p))  # fmt: skip
        errors = [rows.corrected(layer, expected) - rows.y]
        _fit_layer(bundle, layer, expected, rows, kind)
        errors.append(rows.corrected(layer, expected) - rows.y)
        assert_close(arrays(engine.correction.layers[node.layer]), arrays(expected), most)
        if rows.y.std() > 1e-3:
            told = [np.sqrt(np.mean(error**2)) / rows.y.astype(np.float64).std() for error in errors]
            np.testing.assert_allclose(gained[node.layer], told, rtol=1e-4, atol=1e-6)

    along(engine, x, look)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SHAPES)
def test_every_layer_is_fitted_as_numpy_fits_it(tmp_path: Path, name: str, kind: str) -> None:
    assert_fits_as_numpy(*case(tmp_path, name), kind, 1e-6)


@given(networks())
@settings(max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
def test_random_networks_are_fitted_as_numpy_fits_them(spec: Synthetic) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bundle, x = opened(Path(folder), spec), images(spec, 6, spec.seed)
        # where a column's answer is always the same, rounding decides between gain and offset
        assume(all(y.reshape(-1, y.shape[-1]).std(axis=0).min() > 1e-3 for y in ideal_activations(bundle, x)))
        for kind in KINDS:
            assert_fits_as_numpy(bundle, x, kind, 1e-5)


@pytest.mark.parametrize("bits", [8, 16])
def test_results_lie_on_the_srams_grid(tmp_path: Path, bits: int) -> None:
    """And are NumPy's codes, or next to them where the fit lies on the edge between two."""
    chips = [Chip(coded(tmp_path, DENSE, bits, (0, 0)), 3, engine="c") for _ in range(2)]
    chips[0].calibrate(in_core=True)
    chips[1].calibrate(in_core=False)
    for ours, theirs in zip(*(chip.correction.layers for chip in chips), strict=True):
        for name, exponent in (("value", -8), ("gain", -12), ("offset", -12))[: 3 if bits == 8 else 1]:
            mine, other = (getattr(layer, name) * 2.0**-exponent for layer in (ours, theirs))
            np.testing.assert_array_equal(mine, np.rint(mine))
            assert np.abs(mine - other).max() <= 1 and np.mean(mine != other) < 0.02


@pytest.mark.parametrize("name", SHAPES)
def test_every_instruction_set_and_any_memory_give_the_same_bits(tmp_path: Path, name: str) -> None:
    """With less memory a layer's columns take turns."""
    bundle, x = case(tmp_path, name, mask_share=0.5)
    engine = core(bundle)
    most, least = engine.calibration_bytes()
    assert least < most
    gained = engine.calibrate(x, READ)
    for variant in VARIANTS:
        for memory in (least, (least + most) // 2, most):
            other = core(bundle, variant)
            np.testing.assert_allclose(other.calibrate(x, READ, memory=memory), gained, rtol=1e-12)
            for a, b in zip(other.correction.layers, engine.correction.layers, strict=True):
                for mine, theirs in zip(arrays(a), arrays(b), strict=True):
                    np.testing.assert_array_equal(mine, theirs)
    with pytest.raises(RramError, match=rf"^calibrate: {least - 1} bytes of memory given, expected at least {least}"):
        engine.calibrate(x, READ, memory=least - 1)


def test_columns_that_share_their_inputs_products_give_the_same_bits(tmp_path: Path) -> None:
    """Where nine in ten weights have a mask value, one matrix of all inputs takes less memory than each column's own
    products. In the least memory a column is alone, and has its own."""
    nodes = [{**node, "out": [8, 8, 24]} if node.get("name") == "conv1" else node for node in CONV]
    bundle = opened(tmp_path, Synthetic(nodes=nodes, input_shape=(8, 8, 8), mask_share=0.9))
    x = np.random.default_rng(1).random((150, 8, 8, 8), dtype=np.float32)  # 9,600 rows of the first layer
    engine = core(bundle)
    least, most = engine.calibration_bytes()
    sizes = [1 + np.diff(layer.mask_indptr) for layer in bundle.layers[:2]]
    assert most < min(sum(8 * m * (m + 1) // 2) for m in sizes)
    gained = engine.calibrate(x, READ)
    for variant in VARIANTS:
        for memory in (least, most):
            other = core(bundle, variant)
            np.testing.assert_allclose(other.calibrate(x, READ, memory=memory), gained, rtol=1e-12)
            for a, b in zip(other.correction.layers, engine.correction.layers, strict=True):
                for mine, theirs in zip(arrays(a), arrays(b), strict=True):
                    np.testing.assert_array_equal(mine, theirs)


def stream(engine: c_engine.CEngine, counts: list[int], x: np.ndarray, size: int) -> tuple[list[int], np.ndarray]:
    """Passes of so many images each, one by one, in `size` bytes; the codes, and what lies behind these bytes."""
    lib, ffi = c_engine.core().lib, c_engine.core().ffi
    memory = np.full(size + 64, 0xA5, np.uint8)
    c = lib.rram_calibration_start(engine._net, 0, ffi.from_buffer("unsigned char[]", memory), size)
    assert c != ffi.NULL
    codes = []
    for count in counts:
        for i in range(count):
            lib.rram_calibration_image(c, ffi.from_buffer("float[]", x[i % len(x)]), READ + i)
        codes.append(lib.rram_calibration_pass(c, ffi.NULL))
    return codes, memory[size:]


def test_memory_does_not_grow_with_the_images(tmp_path: Path) -> None:
    """500 images take the bytes that one takes: the size knows nothing of them, and nothing is written behind it."""
    bundle, x = case(tmp_path, "conv")
    engine = core(bundle)
    for size in engine.calibration_bytes():
        for count in (1, 500):
            codes, behind = stream(engine, [count] * 30, x, size)
            assert codes[:3] != [0] * 3 and codes[-1] == 0 and set(codes) <= {0, 1}
            assert np.all(behind == 0xA5)


def test_images_one_by_one_are_the_same_as_together(tmp_path: Path) -> None:
    bundle, x = case(tmp_path, "branches")
    one, other = core(bundle), core(bundle)
    one.calibrate(x, READ)
    codes, _ = stream(other, [len(x)] * len(bundle.layers), x, other.calibration_bytes()[0])
    assert codes == [1] * (len(bundle.layers) - 1) + [0]
    for a, b in zip(one.correction.layers, other.correction.layers, strict=True):
        for mine, theirs in zip(arrays(a), arrays(b), strict=True):
            np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("counts", [[0], [5, 4], [5, 6], [5, 0]])
def test_passes_of_unlike_length_leave_the_correction_as_it_was(tmp_path: Path, counts: list[int]) -> None:
    bundle, x = case(tmp_path, "conv")
    engine = core(bundle)
    engine.learn(x[0], 1, 7, 0, AdaptConfig())
    before = [array.copy() for layer in engine.correction.layers for array in arrays(layer)]
    codes, _ = stream(engine, [*counts, 5], x, engine.calibration_bytes()[0])
    assert codes == [1] * (len(counts) - 1) + [c_engine.core().lib.RRAM_IMAGES] * 2
    for array, old in zip((a for layer in engine.correction.layers for a in arrays(layer)), before, strict=True):
        np.testing.assert_array_equal(array, old)


def test_bytes_are_the_same_images_as_numbers(tmp_path: Path) -> None:
    bundle, _ = case(tmp_path, "conv")
    x = np.random.default_rng(3).integers(0, 256, (9, 8, 8, 1)).astype(np.uint8)
    one, other = core(bundle), core(bundle)
    gained = one.calibrate(x.astype(np.float32) / np.float32(255), READ)
    lib, ffi = c_engine.core().lib, c_engine.core().ffi
    size, told = other.calibration_bytes()[0], np.empty((3, 2))
    room = ffi.new("unsigned char[]", size)
    assert lib.rram_calibrate_bytes(other._net, 0, ffi.from_buffer("uint8_t[]", x), 9, READ, room, size,
                                    ffi.from_buffer("rram_gained[]", told)) == 0  # fmt: skip
    assert told.tolist() == [list(errors) for errors in gained]


# --- the chip chooses -------------------------------------------------------------------------------------------------


def test_the_engine_that_computes_calibrates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle, x = case(tmp_path, "conv")
    called: list[str] = []
    for name in ("calibrate", "calibrate_in_core"):
        monkeypatch.setattr(f"firmware_py.chip.{name}", lambda *_, name=name: called.append(name))
    for engine, in_core in (("c", None), ("c", False), ("c", True), ("numpy", None), ("numpy", False)):
        Chip(bundle, 1, engine).calibrate(x, in_core=in_core)  # type: ignore[arg-type]
    assert called == ["calibrate_in_core", "calibrate", "calibrate_in_core", "calibrate", "calibrate"]
    with pytest.raises(RramError, match="^calibrate: in_core given on the numpy engine, expected the C engine$"):
        Chip(bundle, 1, "numpy").calibrate(x, in_core=True)


def test_a_low_rank_part_is_left_to_numpy(tmp_path: Path) -> None:
    chip = Chip(coded(tmp_path, DENSE, 32, (2, 1)), 3, engine="c")
    with pytest.raises(RramError, match="^calibrate: a low-rank part given, which the C core does not fit; leave"):
        chip.calibrate(in_core=True)
    chip.calibrate()
    assert np.abs(chip.correction.layers[0].a).max() > 0


def test_a_trained_network_predicts_the_same_either_way(shared_data: Path) -> None:
    """LeNet-5 on MNIST, 64 vectors, 2,000 images it has not seen; corrections within 1e-5 of the largest."""
    pixels = gzip.decompress((shared_data / "mnist" / "t10k-images-idx3-ubyte.gz").read_bytes())[16:]
    x = np.frombuffer(pixels, np.uint8).reshape(-1, 28, 28, 1)[:2000]
    found = []
    for in_core in (True, False):
        chip = Chip.open(BUNDLE, seed=4, engine="c")
        report = chip.calibrate(in_core=in_core)
        found.append((chip, report, chip.predict_many(x)))
    for a, b in zip(*(chip.correction.layers for chip, _, _ in found), strict=True):
        assert_close(arrays(a), arrays(b), 1e-5)
    for mine, other in zip(found[0][1].layers, found[1][1].layers, strict=True):
        assert (mine.before, mine.after) == pytest.approx((other.before, other.after), rel=1e-5)
    np.testing.assert_array_equal(found[0][2], found[1][2])
