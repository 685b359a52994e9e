"""The activations, both ways, on all of their pieces and where float32 ends, as firmware_py.activations has them."""

from __future__ import annotations

from array import array

import numpy as np
import pytest

from firmware_py.activations import ACTIVATIONS, activation_backward
from firmware_py.nodes import PARSERS
from tests.firmware_py.micropython import cases  # noqa: F401  # puts rram_edge on the path

from rram_edge import activations  # isort: skip
from rram_edge.graph import Node  # isort: skip

F32 = np.float32
EDGES = np.array([-np.inf, -3, np.nextafter(F32(-3), F32(0)), -0.0, 0, 1e-45, 3, np.nextafter(F32(3), F32(0)), 6,
                  np.nextafter(F32(6), F32(0)), 1e30, np.inf, np.nan], F32)  # fmt: skip


@pytest.mark.parametrize("op", ACTIVATIONS)
def test_they_are_the_oracles_both_ways(op: str) -> None:
    rng = np.random.default_rng(3)
    x = np.concatenate([EDGES, rng.normal(0, 4, 2000 - len(EDGES))]).astype(F32).reshape(1, 500, 1, 4)
    delta = rng.normal(0, 1, x.shape).astype(F32)
    item = {"op": op, "slope": 0.01}
    oracle, node = PARSERS[op](item, (500, 1, 4), 0), Node(item, 0, (500, 1, 4), [])
    a, kept = array("f", x.reshape(-1)), array("f", x.reshape(-1))
    with np.errstate(invalid="ignore", over="ignore"):
        expected = ACTIVATIONS[op](x, oracle)
        back = activation_backward(oracle, x, expected, delta)
    y = activations.forward(node, a, False)
    np.testing.assert_array_equal(np.array(y, F32), expected.reshape(-1))
    np.testing.assert_array_equal(np.array(a, F32), x.reshape(-1))
    assert activations.forward(node, kept, True) is kept  # in place, where nobody else needs the input
    np.testing.assert_array_equal(np.array(kept, F32), expected.reshape(-1))
    found = activations.backward(node, a, y, array("f", delta.reshape(-1)))
    np.testing.assert_array_equal(np.array(found, F32), back.reshape(-1))
