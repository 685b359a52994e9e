"""Folding is exact: trained network, folded Keras network and integers in NumPy say the same, sum for sum."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the host extra")

from host_tools.backend import keras
from host_tools.data import scaled
from host_tools.errors import HostError
from host_tools.integer.fold import fold, integer_network, network_of
from host_tools.integer.layers import Codes
from host_tools.integer.network import Analog, Thresholds
from tests.host_tools.integer import nets


@pytest.mark.parametrize("bits", [1, 2, 3])
def test_sums_of_all_three_are_equal(bits: int) -> None:
    trained, x = nets.drawn(bits, bits), nets.images()
    folded = fold(trained)
    sums = network_of(folded).sums(x)
    assert sums.dtype == np.int32 and sums.std() > 1
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(folded(scaled(x))), sums)
    logits = keras.ops.convert_to_numpy(trained(scaled(x), training=False))
    factor = np.exp(trained.get_layer("logit_scale").get_weights()[0])
    np.testing.assert_allclose(logits, sums * factor, rtol=1e-5)


def test_thresholds_are_where_the_rounded_norm_rises() -> None:
    trained = nets.drawn(5)
    network = integer_network(trained)
    layer, step = trained.get_layer("relu1"), next(s for s in network.steps if isinstance(s, Thresholds))
    gamma, beta, mean, variance = (np.float64(w) for w in layer.get_weights())
    s = np.arange(-80, 81)[:, None]
    sign = np.where(gamma < 0, -1, 1)  # the column's weights carry it
    code = np.clip(np.rint(gamma * (sign * s - mean) / np.sqrt(variance + layer.epsilon) + beta), 0, 3)
    np.testing.assert_array_equal((s[:, None] >= step.values).sum(axis=1), code)
    assert (np.diff(step.values.astype(np.int64), axis=0) >= 0).all()


def test_the_weights_of_a_column_with_a_negative_factor_change_sign() -> None:
    trained = nets.drawn(5)
    layer = next(s for s in integer_network(trained).steps if isinstance(s, Analog))
    gamma = trained.get_layer("relu1").get_weights()[0]
    latent = trained.get_layer("conv1").get_weights()[0].reshape(-1, 5)
    np.testing.assert_array_equal(layer.weights, np.where(latent >= 0, 1, -1) * np.where(gamma < 0, -1, 1))


def test_what_cannot_be_folded_is_named() -> None:
    with pytest.raises(HostError, match="net: not an integer network"):
        fold(nets.plain())
    trained = nets.drawn()
    layer = next(x for x in trained.layers if isinstance(x, Codes))
    layer.gamma.assign(layer.gamma * np.nan)
    with pytest.raises(HostError, match="relu1: a number is NaN"):
        fold(trained)
