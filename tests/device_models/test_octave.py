"""The octave grid against its definition, and against a second, scalar implementation."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from device_models.octave import NODES, locate, node_probabilities, nodes
from tests.device_models import scalar


def test_nodes_stand_where_the_page_puts_them() -> None:
    expected = [0.0] + [2**e * (1 + s / 32) for e in range(8, 24) for s in range(32)] + [2.0**24]
    assert len(expected) == NODES
    np.testing.assert_array_equal(nodes(), expected)
    assert node_probabilities()[-1] == 0.5


@given(st.integers(0, 2**32 - 1))
def test_a_word_lies_between_its_nodes(word: int) -> None:
    half, index, fraction = (int(a[0]) for a in locate(np.array([word], dtype=np.uint32)))
    assert (half, index, fraction) == scalar.locate(word)
    below, above = nodes()[index], nodes()[index + 1]
    r = (word & 0x7FFFFFFF) >> 7
    assert below + (above - below) * fraction / 2**18 == r  # exact: widths are powers of two
    assert half == word >> 31


def test_halves_mirror_each_other() -> None:
    words = np.arange(0, 2**31, 9973, dtype=np.uint32)
    lower, upper = locate(words), locate(words | np.uint32(1 << 31))
    np.testing.assert_array_equal(lower[1:], upper[1:])
    assert (lower[0] == 0).all()
    assert (upper[0] == 1).all()
