"""Row rename is exact for every input, and finds as few rows as there are kinds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from host_tools.mapping.rows.rename import rename

MATRICES = arrays(np.int8, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(-2, 2))


@given(MATRICES, st.integers(0, 2**32 - 1))
def test_every_output_is_as_before(weights: np.ndarray, seed: int) -> None:
    renamed = rename(weights)
    x = np.random.default_rng(seed).integers(-9, 10, (5, len(weights)))
    np.testing.assert_array_equal(renamed.inputs(x) @ renamed.weights, x @ weights.astype(np.int64))
    kinds = {max(tuple(row), tuple(-row)) for row in weights.astype(int)} - {(0,) * weights.shape[1]}
    assert len(renamed.weights) == max(len(kinds), 1)


def test_the_rows_of_a_layer_of_one_bit() -> None:
    weights = np.array([[1, -1, 1], [-1, 1, -1], [1, 1, 1], [1, -1, 1], [-1, -1, 1]])
    renamed = rename(weights)
    assert renamed.row.tolist() == [0, 0, 1, 0, 2] and renamed.sign.tolist() == [1, -1, 1, 1, 1]
    assert renamed.row.dtype == np.uint16 and renamed.sign.dtype == np.int8
    np.testing.assert_array_equal(renamed.weights, weights[[0, 2, 4]])
    assert renamed.saved == pytest.approx(0.4) and renamed.additions == 2
    assert renamed.reach(3) == (-3, 6)


def test_a_row_of_zeros_is_left_out() -> None:
    renamed = rename(np.array([[0, 0], [1, 0], [0, 0], [-1, 0]]))
    assert renamed.sign.tolist() == [0, 1, 0, -1] and len(renamed.weights) == 1
