"""What a student may choose: quantiser, gradient, clip, variation, depthwise layers, batch norm per chip."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the host extra")

from host_tools.backend import keras
from host_tools.errors import HostError
from host_tools.layers import ChipNormalization, RRAMConv2D, RRAMDense, RRAMDepthwiseConv2D
from tests.host_tools.layers.test_layers import gradient_of_sum
from tests.host_tools.profiles import changed, charan

RNG = np.random.default_rng(11)
LEVELS = [10.0 + 10 * i for i in range(5)]  # values 0, 1/4 .. 1


def dense(weight: float, columns: int = 4000, **kwargs: Any) -> Any:
    layer = RRAMDense(columns, kwargs.pop("profile", changed(sigma=0.0, levels=LEVELS)), 0.5, **kwargs)
    layer.build((None, 1))
    layer.kernel.assign(np.full((1, columns), weight))
    return layer


ONE = np.ones((1, 1), np.float32)


def test_stochastic_rounding_has_the_weight_as_its_mean_and_maps_to_the_nearest() -> None:
    layer = dense(0.5 * 0.4, quantizer="stochastic")
    y = layer(ONE, training=True).numpy()[0] / 0.5
    np.testing.assert_allclose(np.unique(np.round(y, 2)), [0.25, 0.5])
    assert y.mean() == pytest.approx(0.4, abs=4 * 0.125 / np.sqrt(4000))
    np.testing.assert_allclose(layer(ONE, training=False).numpy(), 0.25, atol=1e-3)
    assert np.all(layer.signed_levels() == 2)
    with pytest.raises(HostError, match="quantizer: 'floor' is unknown, expected one of nearest, stochastic"):
        dense(0.1, quantizer="floor")


def test_straight_through_takes_no_slope() -> None:
    plain = gradient_of_sum(dense(0.5, profile=charan(), gradient="straight-through"), ONE)
    np.testing.assert_allclose(plain, 1.0, rtol=1e-5)
    assert gradient_of_sum(dense(0.5, profile=charan()), ONE).std() > 0.4


def test_variation_scales_the_deviation_of_the_cells() -> None:
    spread = {}
    for variation in (0.0, 0.5, 1.0, 2.0):
        layer = dense(0.5, profile=charan(), seed=3)
        layer.varied = True
        layer.variation.assign(variation)
        y = layer(ONE, training=True).numpy()
        spread[variation] = y.std()
        assert y.mean() == pytest.approx(0.5, abs=0.02)
    assert spread[0.0] < 1e-6
    np.testing.assert_allclose([spread[0.5], spread[2.0]], [0.5 * spread[1.0], 2 * spread[1.0]], rtol=1e-3)


def test_a_learned_clip_is_pulled_by_weights_outside_and_by_rounding_errors_inside() -> None:
    """LSQ/PACT by hand: outside +-1 (times the slope 1), inside value(level) - w / clip; of 3 weights and 4 steps, so
    the gradient is scaled by 1 / sqrt(3 * 4) (LSQ's)."""
    import tensorflow as tf

    for weight, expected in ((0.9, 1.0), (-0.9, -1.0), (0.5 * 0.4, 0.5 - 0.4), (-0.5 * 0.3, -0.25 + 0.3)):
        layer = dense(weight, columns=3, learn_clip=True)
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(layer(ONE, training=True))
        np.testing.assert_allclose(float(tape.gradient(total, layer.clip.value)), 3 * expected / np.sqrt(12), atol=5e-3)
        assert layer.clip.trainable and len(layer.trainable_variables) == 4
    assert len(dense(0.1).trainable_variables) == 3


def test_depthwise_is_a_dense_layer_on_each_channels_windows(tmp_path: Path) -> None:
    layer = RRAMDepthwiseConv2D((2, 2), changed(sigma=0.0, levels=LEVELS), 0.5, depth_multiplier=2, draws=2)
    layer.build((None, 3, 3, 2))
    layer.kernel.assign(RNG.choice([-0.5, -0.25, 0, 0.125 + 1e-4, 0.5], (2, 2, 2, 2)))
    layer.gain.assign([1.0, 2.0, 3.0, 4.0])
    layer.bias.assign([0.1, 0.2, 0.3, 0.4])
    w, x = layer.clean_kernel(), RNG.uniform(0, 1, (4, 3, 3, 2)).astype(np.float32)
    expected = np.zeros((4, 2, 2, 4))
    for c in range(2):
        for m in range(2):
            for i in range(2):
                for j in range(2):
                    expected[..., 2 * c + m] += x[:, i : i + 2, j : j + 2, c] * w[i, j, c, m]
    expected = expected * [1, 2, 3, 4] + [0.1, 0.2, 0.3, 0.4]
    np.testing.assert_allclose(layer(x, training=False).numpy(), expected, atol=1e-5)
    np.testing.assert_allclose(layer(x, training=True).numpy(), expected, atol=2e-3)
    model = keras.Sequential([keras.layers.Input((3, 3, 2)), layer])
    model.save(tmp_path / "m.keras")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "m.keras")(x), model(x))


def test_each_group_is_normalised_by_its_own_statistics() -> None:
    layer = ChipNormalization(draws=2, momentum=0.5, epsilon=0.0)
    layer.build((None, 3, 3, 2))
    layer.gamma.assign([2.0, 3.0])
    layer.beta.assign([1.0, -1.0])
    x = RNG.normal([3, -1], [2, 5], (8, 3, 3, 2)).astype(np.float32)
    x[4:] *= 7
    y = layer(x, training=True).numpy()
    means, variances = [], []
    for part in (slice(0, 4), slice(4, 8)):
        mean, variance = x[part].mean(axis=(0, 1, 2)), x[part].var(axis=(0, 1, 2))
        expected = (x[part] - mean) / np.sqrt(variance) * [2, 3] + [1, -1]
        np.testing.assert_allclose(y[part], expected, rtol=2e-3, atol=2e-3)
        means.append(mean), variances.append(variance)
    np.testing.assert_allclose(layer.moving_mean, 0.5 * np.mean(means, axis=0), rtol=1e-4)
    np.testing.assert_allclose(layer.moving_variance, 0.5 + 0.5 * np.mean(variances, axis=0), rtol=1e-4)
    own = (x - layer.moving_mean.numpy()) / np.sqrt(layer.moving_variance.numpy()) * [2, 3] + [1, -1]
    np.testing.assert_allclose(layer(x, training=False), own, rtol=1e-3, atol=1e-3)


def test_a_draw_for_every_sample_is_a_chip_for_every_sample() -> None:
    layer = RRAMConv2D(3, (2, 2), charan(), 0.4, draws=5)
    layer.build((None, 4, 4, 1))
    x = np.repeat(RNG.uniform(0, 1, (1, 4, 4, 1)), 5, axis=0).astype(np.float32)
    y = layer(x, training=True).numpy().reshape(5, -1)
    assert min(np.abs(y[i] - y[j]).max() for i in range(5) for j in range(i)) > 1e-3


def test_weights_under_the_mask_reach_further_than_a_cell_and_the_others_do_not() -> None:
    layer = RRAMDense(3, charan(), 0.5, exact_share=1.0)
    model = keras.Sequential([keras.layers.Input((4,)), layer])
    mask = np.eye(4, 3)
    layer.exact_mask.assign(mask)
    layer.gain.assign([1.0, 2.0, 1.0])
    layer.reach_further(3.0, np.full((4, 3), 2.4))
    np.testing.assert_allclose(layer.kernel.numpy()[mask > 0], [1.5, 1.2, 1.5], rtol=1e-6)
    assert np.all(np.abs(layer.kernel.numpy()[mask == 0]) <= 0.5)
    layer.gain.trainable = layer.bias.trainable = False
    layer.kernel.assign(np.full((4, 3), 0.4))
    model.compile(keras.optimizers.SGD(0.05), "mse")
    for _ in range(200):
        model.train_on_batch(np.ones((8, 4), np.float32), np.full((8, 3), 99.0, np.float32))
    np.testing.assert_allclose(layer.kernel.numpy(), np.where(mask, 1.5, 0.5), rtol=1e-5)
    np.testing.assert_allclose(layer.clean_kernel(), np.where(mask, 1.5, 0.5), rtol=1e-5)
    assert np.all(np.abs(layer.signed_levels()) == 9)


def kinds_of_layers() -> list[Any]:
    conv = RRAMConv2D(3, (3, 3), charan(), 0.4, draws=4)
    conv.build((None, 6, 6, 2))
    depthwise = RRAMDepthwiseConv2D((3, 3), charan(), 0.4, draws=4)
    depthwise.build((None, 6, 6, 2))
    flat = RRAMDense(5, charan(), 0.5, draws=4)
    flat.build((None, 7))
    return [conv, depthwise, flat]


@pytest.mark.parametrize("layer", kinds_of_layers(), ids=["conv", "depthwise", "dense"])
def test_calibrated_columns_are_the_least_squares_fit_of_each_draw_to_the_clean_ones(layer: Any) -> None:
    layer.kernel.assign(RNG.uniform(-0.4, 0.4, layer.kernel.shape))
    shape = (7,) if isinstance(layer, RRAMDense) else (6, 6, 2)
    x = RNG.uniform(0, 1, (64, *shape)).astype(np.float32)
    clean = layer(x, training=False).numpy().reshape(4, -1, layer.gain.shape[0])
    outputs, state = {}, layer.seeds.state.numpy()
    for calibrated in (False, True):
        layer.calibrated = calibrated
        layer.seeds.state.assign(state)  # the same draws again
        outputs[calibrated] = layer(x, training=True).numpy().reshape(clean.shape)
    for draw in range(4):
        for j in range(clean.shape[-1]):
            u, y = outputs[False][draw, :, j], clean[draw, :, j]
            rows = np.stack([u, np.ones_like(u)], axis=1)
            fit = rows @ np.linalg.lstsq(rows, y, rcond=None)[0]
            np.testing.assert_allclose(outputs[True][draw, :, j], fit, atol=0.02 * y.std() + 1e-5)
    assert np.square(outputs[True] - clean).sum() < 0.7 * np.square(outputs[False] - clean).sum()


def test_a_silent_column_stays_silent_where_it_is_calibrated() -> None:
    layer = RRAMDense(2, charan(), 0.5, draws=2)
    layer.build((None, 3))
    layer.calibrated = True
    y = layer(np.zeros((8, 3), np.float32), training=True).numpy()
    np.testing.assert_array_equal(y, 0.0)


def test_where_some_draws_are_exact_only_these_are_calibrated() -> None:
    layer = kinds_of_layers()[2]
    layer.kernel.assign(RNG.uniform(-0.4, 0.4, layer.kernel.shape))
    layer.exact_share, state = 0.5, layer.seeds.state.numpy()
    x, outputs = RNG.uniform(0, 1, (64, 7)).astype(np.float32), {}
    for calibrated in (False, True):
        layer.calibrated = calibrated
        layer.seeds.state.assign(state)
        outputs[calibrated] = layer(x, training=True).numpy().reshape(4, 16, 5)
    np.testing.assert_allclose(outputs[True][2:], outputs[False][2:], atol=1e-6)
    assert np.abs(outputs[True][:2] - outputs[False][:2]).max() > 0.01
