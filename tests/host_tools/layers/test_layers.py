"""The RRAM layers against an independent NumPy computation, and their draws against the profile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the host extra")

from host_tools.backend import keras
from host_tools.layers import ClampTo, RRAMConv2D, RRAMDense
from tests.host_tools.profiles import changed, charan

RNG = np.random.default_rng(5)


def dense(units: int = 3, rows: int = 7, **kwargs: Any) -> Any:
    layer = RRAMDense(units, kwargs.pop("profile", charan()), 0.5, **kwargs)
    layer.build((None, rows))
    layer.kernel.assign(RNG.uniform(-0.5, 0.5, (rows, units)))
    layer.gain.assign(RNG.uniform(0.5, 2, units))
    layer.bias.assign(RNG.uniform(-1, 1, units))
    return layer


def numpy_levels(w: np.ndarray, clip: float, levels: int) -> np.ndarray:
    return np.rint(w.astype(float) / clip * (levels - 1)).astype(int)


def test_dense_inference_is_gain_times_levels_plus_bias() -> None:
    layer, x = dense(), RNG.uniform(0, 1, (4, 7)).astype(np.float32)
    w = numpy_levels(layer.kernel.numpy(), 0.5, 10) / 9 * 0.5
    expected = layer.gain.numpy() * (x @ w) + layer.bias.numpy()
    np.testing.assert_allclose(layer(x, training=False).numpy(), expected, atol=2e-3)


@pytest.mark.parametrize(("padding", "strides"), [("same", (1, 1)), ("valid", (1, 1)), ("valid", (2, 2))])
def test_conv_inference_is_a_sum_over_shifted_windows(padding: str, strides: tuple[int, int]) -> None:
    layer = RRAMConv2D(4, (3, 3), charan(), 0.4, strides=strides, padding=padding)
    layer.build((None, 8, 8, 2))
    layer.kernel.assign(RNG.uniform(-0.4, 0.4, (3, 3, 2, 4)))
    layer.gain.assign(RNG.uniform(0.5, 2, 4))
    x = RNG.uniform(0, 1, (2, 8, 8, 2)).astype(np.float32)
    w = numpy_levels(layer.kernel.numpy(), 0.4, 10) / 9 * 0.4
    framed = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))) if padding == "same" else x
    side = framed.shape[1] - 2
    full = np.zeros((2, side, side, 4))
    for i in range(3):
        for j in range(3):
            full += framed[:, i : i + side, j : j + side] @ w[i, j]
    np.testing.assert_allclose(
        layer(x, training=False).numpy(), full[:, :: strides[0], :: strides[1]] * layer.gain.numpy(), atol=3e-3
    )


def test_signed_levels_run_over_the_whole_range_and_round_to_the_nearest() -> None:
    layer = dense()
    np.testing.assert_array_equal(layer.signed_levels(), numpy_levels(layer.kernel.numpy(), 0.5, 10))
    layer.kernel.assign(np.resize([-0.5, 0.5, 0.0], (7, 3)))
    assert np.unique(layer.signed_levels()).tolist() == [-9, 0, 9]


def test_unequal_levels_take_the_nearest_target() -> None:
    layer = dense(profile=changed(levels=[10.0, 20.0, 50.0]))
    layer.kernel.assign(np.full((7, 3), -0.5 * 0.3))
    assert np.all(layer.signed_levels() == -1)
    np.testing.assert_allclose(layer.clean_kernel(), -0.125, atol=1e-3)


def test_training_draws_have_the_mean_and_spread_of_the_profile() -> None:
    layer = dense(units=400, rows=1, draws=50)
    layer.kernel.assign(np.full((1, 400), 0.5))
    layer.gain.assign(np.ones(400))
    layer.bias.assign(np.zeros(400))
    y = layer(np.ones((50, 1), np.float32), training=True).numpy()
    g = charan()["levels"]["conductance_uS"]
    assert y.mean() == pytest.approx(0.5, abs=0.01)
    assert y.std() == pytest.approx(0.5 * 0.5 * np.hypot(g[-1], g[0]) / (g[-1] - g[0]), rel=0.03)


def test_groups_see_cells_of_their_own_and_members_of_a_group_the_same() -> None:
    layer = dense(draws=3)
    y = np.array(layer(np.repeat(RNG.uniform(0, 1, (1, 7)), 6, axis=0).astype(np.float32), training=True)).reshape(
        3, 2, 3
    )
    np.testing.assert_allclose(y[:, 0], y[:, 1], rtol=1e-5)
    assert np.all(np.abs(y[0] - y[1]) > 1e-4) and np.all(np.abs(y[1] - y[2]) > 1e-4)


def test_conv_groups_are_applied_to_their_own_images() -> None:
    layer = RRAMConv2D(2, (2, 2), changed(sigma=0.0), 0.4, draws=2)
    layer.build((None, 4, 4, 1))
    x = RNG.uniform(0, 1, (6, 4, 4, 1)).astype(np.float32)
    np.testing.assert_allclose(layer(x, training=True).numpy(), layer(x, training=False).numpy(), atol=5e-3)


def test_draws_differ_from_step_to_step_and_repeat_with_the_seed() -> None:
    x = np.ones((4, 7), np.float32)
    layer, again, other = dense(draws=2, seed=8), dense(draws=2, seed=8), dense(draws=2, seed=9)
    for twin in (again, other):
        for name in ("kernel", "gain", "bias"):
            getattr(twin, name).assign(getattr(layer, name))
    first, second = layer(x, training=True).numpy(), layer(x, training=True).numpy()
    assert np.all(first != second)
    np.testing.assert_array_equal(first, again(x, training=True).numpy())
    assert np.all(first != other(x, training=True).numpy())


def gradient_of_sum(layer: Any, x: np.ndarray) -> np.ndarray:
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x, training=True))
    result: np.ndarray = tape.gradient(loss, layer.kernel.value).numpy()
    return result


def test_without_spread_the_gradient_goes_straight_through() -> None:
    layer, x = dense(draws=2, profile=changed(sigma=0.0)), RNG.uniform(0, 1, (6, 7)).astype(np.float32)
    expected = x.sum(axis=0)[:, None] * layer.gain.numpy()
    np.testing.assert_allclose(gradient_of_sum(layer, x), expected, rtol=5e-3)


def test_the_gradient_is_times_the_active_cells_own_draw() -> None:
    """At the outermost level: conductance over target of the drawn cell, whose mean is 1 and whose deviation sigma."""
    layer = dense(units=4000, rows=1)
    layer.kernel.assign(np.full((1, 4000), 0.5))
    layer.gain.assign(np.ones(4000))
    slopes = gradient_of_sum(layer, np.ones((1, 1), np.float32))
    assert slopes.mean() == pytest.approx(1, abs=0.03)
    assert slopes.std() == pytest.approx(charan()["programming"]["sigma"], rel=0.05)


def test_weights_stay_inside_the_clip_while_training() -> None:
    model = keras.Sequential([keras.layers.Input((7,)), RRAMDense(3, charan(), 0.1, draws=2)])
    model.compile(optimizer=keras.optimizers.SGD(10.0), loss="mse")
    model.train_on_batch(np.ones((8, 7), np.float32), np.full((8, 3), 50.0, np.float32))
    w = model.layers[0].kernel.numpy()
    assert np.abs(w).max() == pytest.approx(0.1)
    assert np.abs(ClampTo(0.1)(np.array([-3.0, 0.05, 3.0])) - [-0.1, 0.05, 0.1]).max() < 1e-7


def test_masked_weights_are_exact_in_their_share_of_the_draws() -> None:
    layer = dense(draws=4, exact_share=0.5)
    layer.exact_mask.assign(np.ones((7, 3)))
    x = np.repeat(RNG.uniform(0, 1, (1, 7)), 4, axis=0).astype(np.float32)
    exact = layer.gain.numpy() * (x @ layer.kernel.numpy()) + layer.bias.numpy()
    y = layer(x, training=True).numpy()
    np.testing.assert_allclose(y[:2], exact[:2], rtol=1e-4)
    assert np.all(np.abs(y[2:] - exact[2:]) > 1e-5)
    np.testing.assert_allclose(layer(x, training=False).numpy(), exact, rtol=1e-4)
    np.testing.assert_allclose(layer.clean_kernel(), layer.kernel.numpy())


def test_a_saved_network_loads_and_answers_the_same(tmp_path: Path) -> None:
    model = keras.Sequential(
        [
            keras.layers.Input((6, 6, 1)),
            RRAMConv2D(2, (3, 3), charan(), 0.4, padding="same", name="c"),
            keras.layers.Flatten(),
            RRAMDense(4, charan(), 0.3, draws=2, exact_share=0.6, name="d"),
        ]
    )
    model.get_layer("d").gain.assign([1, 2, 3, 4])
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    x = RNG.uniform(0, 1, (3, 6, 6, 1)).astype(np.float32)
    np.testing.assert_array_equal(model(x, training=False).numpy(), loaded(x, training=False).numpy())
    d = loaded.get_layer("d")
    assert (d.w_clip, d.draws, d.exact_share, d.profile) == (0.3, 2, 0.6, charan())
    np.testing.assert_array_equal(d.signed_levels(), model.get_layer("d").signed_levels())
