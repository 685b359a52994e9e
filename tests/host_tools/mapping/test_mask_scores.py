"""Scores of weights against softmax regression by hand, where a network has one layer; masks as large as an area."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from firmware_py.bundle import Bundle
from host_tools import emulate
from host_tools.mapping.area import AreaModel, layer_sizes
from host_tools.mapping.mask import MaskChoice, choose_mask, ideal_weights, mask_seed, ranking, score_weights, top
from tests.firmware_py.make_bundle import Synthetic, make_bundle

NODES = [{"op": "flatten"}, {"op": "dense", "name": "fc", "out": [4]}]
RNG = np.random.default_rng(0)
X, Y = RNG.random((30, 6, 6, 1)).astype(np.float32), RNG.integers(0, 4, 30)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return Bundle.open(make_bundle(tmp_path / "b", Synthetic(nodes=NODES, input_shape=(6, 6, 1), mask_share=0)))


def gradients(bundle: Bundle) -> np.ndarray:
    """Gradient of the cross-entropy by each weight, sample by sample, [30, K, N], on the one chip that is looked at."""
    weights = emulate.chip_weights(bundle.layers, bundle.tables, mask_seed(0, 0))[0].astype(float)
    flat = X.reshape(30, -1).astype(float)
    logits = flat @ weights + bundle.layers[0].offset
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return flat[:, :, None] * (p - np.eye(4)[Y])[:, None, :]


@pytest.mark.parametrize("criterion", ["fisher", "gradient-weight"])
def test_a_score_is_what_its_name_says(bundle: Bundle, criterion: str) -> None:
    found = score_weights(bundle.nodes, bundle.layers, bundle.tables, X, Y, MaskChoice(criterion, chips=1))[0]
    g = gradients(bundle)
    w = np.abs(ideal_weights(bundle.layers[0], bundle.tables))
    expected = (g**2).mean(axis=0) if criterion == "fisher" else np.abs(g).mean(axis=0) * w
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_top_takes_the_highest_and_of_equals_the_first() -> None:
    scores = [np.array([[1.0, 3.0], [3.0, 0.0]]), np.array([[3.0]])]
    assert ranking(scores).tolist() == [1, 2, 4, 0, 3]
    first, second = top(scores, 2)
    assert first.tolist() == [[False, True], [True, False]]
    assert second.tolist() == [[False]]


@pytest.mark.parametrize("criterion", ["random", "fisher"])
def test_a_mask_as_large_as_an_area_fits_it_and_one_entry_more_does_not(bundle: Bundle, criterion: str) -> None:
    from dataclasses import replace

    choice = MaskChoice(criterion, area_percent=0.9, value_bits=8)
    chosen = choose_mask(bundle.nodes, bundle.layers, bundle.tables, X, Y, choice)
    entries = int(chosen[0].sum())
    size, model = layer_sizes(bundle.layers)[0], AreaModel()
    assert 0 < entries < 144
    assert model.percent([replace(size, corrected=entries)]) <= 0.9
    assert model.percent([replace(size, corrected=entries + 1)]) > 0.9
