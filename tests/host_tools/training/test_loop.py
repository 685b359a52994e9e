"""The training loop on a problem with a known answer, its average of the weights, and its guard."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the host extra")

from host_tools.backend import keras
from host_tools.data.dataset import Dataset
from host_tools.training.loop import EMA_EVERY, Diverged, accuracy, fit


def bars(n: int = 120) -> Dataset:
    """4x4 images with one bright row: the class is its number."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, n)
    x = rng.integers(0, 60, (n, 4, 4, 1), dtype=np.uint8)
    x[np.arange(n), y] = 255
    return Dataset("bars", x, y, x[:20], y[:20], ("0", "1", "2", "3"))


def linear(rate: Any = 0.05, kind: Any = None) -> Any:
    model = keras.Sequential(
        [
            keras.layers.Input((4, 4, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(4, kernel_initializer=keras.initializers.GlorotUniform(seed=1)),
        ]
    )
    model.compile(
        optimizer=(kind or keras.optimizers.Adam)(rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model


def train(model: Any, **changes: Any) -> list[float]:
    steps: list[float] = []
    options = {
        "epochs": 5,
        "batch": 16,
        "augment": None,
        "seed": 3,
        "advance": lambda amount, note: steps.append(amount),
    }
    fit(model, changes.pop("data", bars()), **{**options, **changes})
    return steps


def test_it_learns_and_says_how_far_it_is() -> None:
    model, data = linear(), bars()
    steps = train(model)
    assert accuracy(model, data.x_train, data.y_train) == 100.0
    assert len(steps) == 5 * (120 // 16) and sum(steps) == pytest.approx(5)


def test_the_same_seed_gives_the_same_weights() -> None:
    one, same, other = linear(), linear(), linear()
    train(one), train(same), train(other, seed=4)
    np.testing.assert_array_equal(one.get_weights()[0], same.get_weights()[0])
    assert not np.array_equal(one.get_weights()[0], other.get_weights()[0])


def test_the_average_is_that_of_the_second_half() -> None:
    """Against weights noted by a callback of the test and averaged here."""
    model, seen = linear(0.5, keras.optimizers.SGD), []
    options: dict[str, Any] = {"epochs": 4, "batch": 12, "augment": None, "seed": 3}
    fit(model, bars(), **options, ema=0.9, advance=lambda amount, note: seen.append(model.get_weights()[0].copy()))
    steps = [i for i in range(1, len(seen) + 1) if i % EMA_EVERY == 0 and 2 * i >= len(seen)]
    average = seen[steps[0] - 1]
    for i in steps[1:]:
        average = 0.9**EMA_EVERY * average + (1 - 0.9**EMA_EVERY) * seen[i - 1]
    assert len(steps) >= 2
    np.testing.assert_allclose(model.get_weights()[0], average, rtol=1e-5)
    assert not np.allclose(model.get_weights()[0], seen[-1], rtol=1e-3)


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good_weights() -> None:
    class Explodes(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
        def __call__(self, step: Any) -> Any:
            return keras.ops.where(step < 10, 0.01, float("nan"))

    model = linear(Explodes(), keras.optimizers.SGD)
    good: list[Any] = []
    with pytest.raises(Diverged, match=r"the loss is nan in epoch 2, step \d+: try a lower learning rate"):
        train(model, advance=lambda amount, note: good.append(model.get_weights()[0].copy()))
    np.testing.assert_array_equal(model.get_weights()[0], good[120 // 16 - 1])


def test_fewer_images_than_a_batch_are_one_batch() -> None:
    data = bars()
    small = replace(data, x_train=data.x_train[:10], y_train=data.y_train[:10])
    assert len(train(linear(), data=small)) == 5


def test_accuracy_counts_the_largest_logit() -> None:
    data = bars()
    model = keras.Sequential([keras.layers.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(4)])
    rows = np.repeat(np.eye(4), 4, axis=0)
    model.layers[1].set_weights([rows, np.zeros(4)])
    assert accuracy(model, data.x_train, data.y_train, batch=7) == 100.0
    assert accuracy(model, data.x_train, (data.y_train + 1) % 4) == 0.0


def on_pairs(rate: Any, **options: Any) -> Any:
    """A small convolution and a dense layer on pairs of cells."""
    from host_tools.conversion import Conversion, convert

    layers = keras.layers
    drawn = keras.initializers.GlorotUniform(seed=1)
    model = keras.Sequential([layers.Input((4, 4, 1)), layers.Conv2D(4, 2, kernel_initializer=drawn), layers.Flatten(),
                              layers.Dense(4, kernel_initializer=drawn)])  # fmt: skip
    model = convert(model, "charan-65nm", options=Conversion(clip=0.8, draws=2, **options))
    for layer in model.layers:
        layer.calibrated = True  # in the loop, which looks levels up once more
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.SGD(rate), loss=loss, jit_compile=False)
    return model


def test_weights_of_cells_that_are_no_numbers_stop_the_training_in_the_same_way() -> None:
    """A weight that is no number has no level: the look-up must not fail before the loss says what happened."""

    class Explodes(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
        def __call__(self, step: Any) -> Any:
            return keras.ops.where(step < 10, 0.01, float("nan"))

    for learn_clip in (False, True):
        model = on_pairs(Explodes(), learn_clip=learn_clip)
        with pytest.raises(Diverged, match=r"the loss is nan in epoch 2, step \d+: try a lower learning rate"):
            train(model)
        assert all(np.all(np.isfinite(w)) for w in model.get_weights())


@pytest.mark.parametrize("rate", [0.03, 0.3, 3.0])
def test_a_learned_clip_does_not_fall_to_nothing(rate: float) -> None:
    """Descent at any rate that the weights themselves survive leaves a clip that weights can be divided by."""
    model = on_pairs(rate, learn_clip=True)
    found = [layer for layer in model.layers if hasattr(layer, "clip")]
    first = [float(layer.clip.value) for layer in found]
    train(model, epochs=20)
    assert len(found) == 2
    for layer, began in zip(found, first, strict=True):
        assert began / 101 <= float(layer.clip.value) < 100 * began
        assert np.all(np.isfinite(layer.kernel.numpy()))
