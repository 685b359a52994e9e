"""Kinds of calibration: moments and gains alone, each against its own definition."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from firmware_py import RramError
from firmware_py.bundle import Bundle
from firmware_py.calibrate import calibrate
from firmware_py.cells import Effects
from firmware_py.correction import initial_correction
from firmware_py.numpy_engine import NumpyEngine, correct, ideal_activations
from tests.firmware_py.make_bundle import DENSE, Synthetic, make_bundle


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return Bundle.open(make_bundle(tmp_path / "b", Synthetic(nodes=DENSE, mask_share=0)))


def fitted(bundle: Bundle, kind: str, x: np.ndarray) -> NumpyEngine:
    engine = NumpyEngine(bundle, 5, Effects(read_noise=False), initial_correction(bundle))
    calibrate(bundle, engine, engine.correction.layers, x, 0, kind)
    return engine


def test_moments_match_the_ideals_mean_and_spread_where_vectors_are_many(bundle: Bundle) -> None:
    x = np.random.default_rng(0).random((3000, 8, 8, 1)).astype(np.float32)
    engine = fitted(bundle, "moments", x)
    y = correct(bundle.layers[0], engine.correction.layers[0], engine.trace(0, x.reshape(3000, 64), 0))[:, 0]
    aim = ideal_activations(bundle, x)[0]
    np.testing.assert_allclose(y.mean(axis=0), aim.mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(y.std(axis=0), aim.std(axis=0), rtol=0.02)


def test_moments_of_few_vectors_stay_nearer_to_first_boot(bundle: Bundle) -> None:
    x = np.random.default_rng(0).random((400, 8, 8, 1)).astype(np.float32)
    gains = bundle.layers[0].gain
    few, many = (np.abs(np.log(fitted(bundle, "moments", x[:n]).correction.layers[0].gain / gains)) for n in (3, 400))
    plain = engine_ratio(bundle, x[:3])
    assert np.all(few <= np.abs(plain) + 1e-6)  # batch norm's own estimate moves further
    assert np.mean(few / np.abs(plain)) < np.mean(many / np.abs(engine_ratio(bundle, x)))


def engine_ratio(bundle: Bundle, x: np.ndarray) -> np.ndarray:
    """Logarithm of what batch norm would multiply the first layer's gains by."""
    engine = NumpyEngine(bundle, 5, Effects(read_noise=False), initial_correction(bundle))
    raw = engine.trace(0, x.reshape(len(x), 64), 0).s[:, 0] * float(bundle.layers[0].unit)
    aim = ideal_activations(bundle, x)[0]
    return np.log(aim.std(axis=0) / (raw.std(axis=0) * bundle.layers[0].gain))


def test_gains_leave_the_mask_as_at_first_boot(tmp_path: Path) -> None:
    masked = Bundle.open(make_bundle(tmp_path / "m", Synthetic(nodes=DENSE, mask_share=0.3)))
    x = masked.calibration_x.astype(np.float32) / np.float32(255)
    engine = fitted(masked, "gains", x)
    for spec, layer in zip(masked.layers, engine.correction.layers, strict=True):
        np.testing.assert_array_equal(layer.value, spec.mask_value)
        assert not np.array_equal(layer.gain, spec.gain)


def test_a_kind_starts_from_first_boot_whatever_was_there(bundle: Bundle) -> None:
    x = bundle.calibration_x.astype(np.float32) / np.float32(255)
    once = fitted(bundle, "gains", x)
    twice = fitted(bundle, "moments", x)
    calibrate(bundle, twice, twice.correction.layers, x, 0, "gains")
    np.testing.assert_array_equal(once.correction.layers[1].gain, twice.correction.layers[1].gain)


def test_a_dead_column_keeps_its_gain(bundle: Bundle) -> None:
    x = np.zeros((5, 8, 8, 1), np.float32)
    engine = fitted(bundle, "moments", x)
    np.testing.assert_allclose(engine.correction.layers[0].gain, bundle.layers[0].gain, rtol=1e-6)
    assert all(np.all(np.isfinite(layer.offset)) for layer in engine.correction.layers)


def test_an_unknown_kind_is_one_line(bundle: Bundle) -> None:
    with pytest.raises(RramError, match=r"^calibrate: 'best' given, expected one of full, gains, moments$"):
        fitted(bundle, "best", bundle.calibration_x[:2].astype(np.float32))
