"""Unfolded windows times a kernel are Keras' convolution, for any size, stride and padding."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the host extra")

from hypothesis import given, settings
from hypothesis import strategies as st

from host_tools.backend import keras
from host_tools.layers.unfold import unfold

SIDES = st.integers(1, 9)


@settings(max_examples=60, deadline=None)
@given(st.tuples(SIDES, SIDES), st.tuples(st.integers(1, 4), st.integers(1, 4)), st.integers(1, 3),
       st.sampled_from(["same", "valid"]), st.integers(0, 2**32 - 1))  # fmt: skip
def test_unfolded_windows_times_a_kernel_are_a_convolution(
    image: tuple[int, int], size: tuple[int, int], stride: int, padding: str, seed: int
) -> None:
    if padding == "valid":
        size = (min(size[0], image[0]), min(size[1], image[1]))
    rng = np.random.default_rng(seed)
    x, kernel = rng.normal(size=(2, *image, 3)), rng.normal(size=(*size, 3, 5))
    x, kernel = x.astype(np.float32), kernel.astype(np.float32)
    expected = keras.ops.conv(x, kernel, strides=stride, padding=padding, data_format="channels_last")
    windows = unfold(x, size, (stride, stride), padding)
    found = keras.ops.matmul(windows, kernel.reshape(-1, 5))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(found), keras.ops.convert_to_numpy(expected), atol=2e-4)
