"""The integer forward pass against Keras' own operators and plain loops."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the host extra")

from host_tools.backend import keras
from host_tools.integer.fold import integer_network
from host_tools.integer.network import Analog, MaxPool, Rename, Thresholds, apply
from tests.host_tools.integer import nets

RNG = np.random.default_rng(3)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("kernel", "stride"), [((3, 3), (1, 1)), ((2, 3), (2, 1)), ((4, 1), (3, 2))])
def test_a_convolution_is_that_of_keras(
    padding: str, kernel: tuple[int, int], stride: tuple[int, int]
) -> None:
    x, w = RNG.integers(0, 4, (3, 9, 8, 2)), RNG.choice([-1, 1], (*kernel, 2, 5))
    step = Analog("c", w.reshape(-1, 5).astype(np.int8), kernel, stride, padding)
    expected = keras.ops.conv(x.astype("float32"), w.astype("float32"), strides=stride, padding=padding)
    np.testing.assert_array_equal(apply(step, x.astype(np.int32)), keras.ops.convert_to_numpy(expected))


def test_pooling_is_that_of_keras() -> None:
    x = RNG.integers(0, 4, (3, 9, 8, 2)).astype(np.int32)
    expected = keras.ops.max_pool(x.astype("float32"), (3, 2), (2, 2))
    np.testing.assert_array_equal(apply(MaxPool((3, 2), (2, 2)), x), keras.ops.convert_to_numpy(expected))


def test_thresholds_count_and_rename_sums() -> None:
    t = np.array([[-1, 5], [0, 5], [3, 7]], np.int32)
    np.testing.assert_array_equal(apply(Thresholds("t", t), np.array([[-2, 4], [-1, 5], [3, 7]])), [[0, 0], [1, 2],
                                                                                                    [3, 3]])
    step = Rename("r", np.array([1, 0, 1, 0], np.uint16), np.array([1, -1, -1, 0], np.int8))
    np.testing.assert_array_equal(apply(step, np.array([[3, 2, 1, 3], [0, 1, 2, 0]])), [[-2, 2], [-1, -2]])


def test_pixels_become_the_nearest_code() -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    for bits in (1, 2, 3):
        network = integer_network(nets.drawn(bits=bits))
        lsb = np.float32(1 / (2**bits - 1))
        expected = np.rint(pixels.astype(np.float32) / np.float32(255) / lsb)  # docs/numerics.md, section 4
        np.testing.assert_array_equal(network.image_codes(pixels), expected)


def test_only_integers_are_used() -> None:
    network = integer_network(nets.drawn(1))
    for _, a in network.inputs(nets.images(3)):
        assert a.dtype == np.int32
    assert network.last_codes(nets.images(3)).shape == (3, 11)
    np.testing.assert_array_equal(network.classes(nets.images(9)), network.sums(nets.images(9)).argmax(axis=1))
