"""Integer training on digits: it learns, is exact, and repeats itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the host extra")
pytest.importorskip("sklearn", reason="digits come with scikit-learn")

from host_tools import models
from host_tools.data import load
from host_tools.errors import HostError
from host_tools.integer.fold import integer_network
from host_tools.integer.layers import Codes
from host_tools.integer.network import Thresholds
from host_tools.integer.recipe import IntegerRecipe
from host_tools.integer.tie import tie
from host_tools.integer.train import train, tune
from host_tools.mapping.rows.rename import rename
from tests.host_tools.integer.nets import L, chain

RECIPE = IntegerRecipe(epochs=4, batch=64, kd=0.0, augment=None)


def test_digits_are_learned_and_rows_can_be_tied() -> None:
    data = load("digits")
    model = models.build("tiny", data.shape, 10, 0)
    trained, record = train(data, model, RECIPE, 0, lambda amount, note: None)
    network = integer_network(trained)
    _, x, y = data.validation()
    found = 100 * float(np.mean(network.classes(x) == y))
    assert found == pytest.approx(record["validation_accuracy"]) and found > 85
    before = len(rename(network.analog[-1].weights).weights)
    again, _ = tune(data, tie(trained, "fc2", 20), model, replace(RECIPE, epochs=1), 0, lambda amount, note: None)
    network = integer_network(again)
    assert len(rename(network.analog[-1].weights).weights) <= 20 < before
    assert 100 * np.mean(network.classes(x) == y) > 60


def test_a_seed_is_a_network_and_norms_hold_the_statistics_of_the_last_weights() -> None:
    data = load("digits")
    recipe = replace(RECIPE, epochs=1, ema=0.9)
    small = chain(L.Conv2D(6, 3, padding="same", activation="relu"), L.MaxPooling2D(2), L.Flatten(), L.Dense(10),
                  shape=data.shape)  # fmt: skip
    both = [train(data, small, recipe, 5, lambda amount, note: None)[0] for _ in range(2)]
    for a, b in zip(both[0].get_weights(), both[1].get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)
    rest, _, _ = data.validation()
    steps = integer_network(both[0]).inputs(rest.x_train)
    sums = next(a for step, a in steps if isinstance(step, Thresholds))
    norm = next(layer for layer in both[0].layers if isinstance(layer, Codes))
    sign = np.where(np.asarray(norm.gamma) < 0, -1, 1)
    np.testing.assert_allclose(norm.moving_mean, sign * sums.mean(axis=(0, 1, 2)), atol=1e-3)
    np.testing.assert_allclose(norm.moving_variance, sums.var(axis=(0, 1, 2)), rtol=1e-3)


def test_a_model_for_other_images_is_refused() -> None:
    with pytest.raises(HostError, match=r"takes \(12, 12, 1\) to 10 classes, expected \(8, 8, 1\)"):
        train(load("digits"), models.build("tiny", (12, 12, 1), 10, 0), RECIPE, 0, lambda amount, note: None)
