"""Sharing and ordering rows changes no sum of a network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the host extra")

from host_tools.errors import HostError
from host_tools.integer.fold import integer_network
from host_tools.integer.network import Analog, IntegerNetwork, Rename
from host_tools.integer.report import row_counts
from host_tools.integer.rows import best_order, rename_rows, reorder_rows
from tests.host_tools.integer import nets

IMAGES = nets.images(40)


def repeated() -> IntegerNetwork:
    """The drawn network with few kinds of rows in its dense layers."""
    network, rng = integer_network(nets.drawn(3)), np.random.default_rng(1)
    steps = list(network.steps)
    for i, step in enumerate(steps):
        if isinstance(step, Analog) and step.kernel is None:
            kinds = rng.choice([-1, 1], (5, step.weights.shape[1]))
            rows = rng.choice([-1, 1], (len(step.weights), 1)) * kinds[rng.integers(0, 5, len(step.weights))]
            steps[i] = replace(step, weights=rows.astype(np.int8))
    return network.with_steps(tuple(steps))


def test_renamed_rows_give_the_same_sums_from_fewer_cells() -> None:
    network = repeated()
    fewer = rename_rows(network)
    np.testing.assert_array_equal(fewer.sums(IMAGES), network.sums(IMAGES))
    assert [len(layer.weights) for layer in fewer.analog][2:] == [5, 4]  # fc2: 5 kinds of 4 columns, up to sign
    rows = {r.layer: r for r in row_counts(network)}
    assert (rows["fc1"].physical, rows["fc1"].left) == (5, 2 * 5 * 11)
    inputs = [a for step, a in fewer.inputs(nets.images(500)) if isinstance(step, Analog)]
    assert rows["fc1"].reach[0] <= inputs[2].min() < 0 < inputs[2].max() <= rows["fc1"].reach[1]
    assert rows["network"].left == sum(2 * step.weights.size for step in fewer.analog if step.kernel is None) + sum(
        rows[name].left for name in ("conv1", "conv2")
    )


def test_reordered_rows_give_the_same_sums() -> None:
    network = integer_network(nets.drawn(3))
    order = best_order(network, IMAGES, 4, 0.01)
    moved = reorder_rows(network, order)
    np.testing.assert_array_equal(moved.sums(IMAGES), network.sums(IMAGES))
    np.testing.assert_array_equal(moved.analog[-1].weights, network.analog[-1].weights[order])
    codes = next(a for step, a in moved.inputs(IMAGES) if isinstance(step, Analog) and step.name == "fc2")
    np.testing.assert_array_equal(codes, network.last_codes(IMAGES)[:, order])


def test_what_cannot_be_done_is_said() -> None:
    network = rename_rows(repeated())
    with pytest.raises(HostError, match="fc2: its rows are renamed, expected"):
        reorder_rows(network, np.arange(4))
    same = repeated()
    *before, last = same.steps
    assert isinstance(last, Analog)
    wide = replace(last, weights=np.ones((50, 4), np.int8))
    with pytest.raises(HostError, match=r"layer fc2: the input of a shared row reaches 0 to 150, expected -127 to 127"):
        rename_rows(same.with_steps((*before, wide)))
    assert not any(isinstance(step, Rename) for step in same.steps)
