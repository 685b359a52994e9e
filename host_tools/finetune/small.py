"""A small ideal network for images such as 8x8: it trains in seconds, and a chip of it is tuned in one."""

from __future__ import annotations

from typing import Any

from host_tools.data import Dataset
from host_tools.errors import HostError
from host_tools.models.builder import Builder
from host_tools.training.augment import Affine
from host_tools.training.loop import fit

EPOCHS, BATCH, PEAK = 60, 64, 5e-3


def small_network(data: Dataset, seed: int) -> Any:
    """Two convolutions (12 and 24 channels) and two dense layers (48, classes), trained on `data` less validation."""
    from host_tools.backend import keras
    from host_tools.training.schedules import OneCycle

    if min(data.shape[:2]) < 4 or max(data.shape[:2]) > 16:
        raise HostError(f"data {data.name}: images of {data.shape[0]}x{data.shape[1]}, the small network takes 4x4 to "
                        "16x16: give --model")  # fmt: skip
    b = Builder(data.shape, seed)
    model = b.chain("small", [
        b.conv("conv1", 12, 3, "same"), b.relu("relu1"), b.pool("pool1"),
        b.conv("conv2", 24, 3, "same"), b.relu("relu2"), b.pool("pool2"), b.flatten(),
        b.dense("fc1", 48), b.relu("relu3"), b.dense("fc2", len(data.classes)),
    ])  # fmt: skip
    rest, _, _ = data.validation()
    batch = min(BATCH, len(rest.y_train))
    rate = OneCycle(PEAK, EPOCHS * (len(rest.y_train) // batch))
    model.compile(keras.optimizers.Adam(rate), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    fit(model, rest, epochs=EPOCHS, batch=batch, augment=Affine(8.0, 0.05, 0.5), seed=seed, advance=_quiet)
    return model


def _quiet(amount: float, note: str) -> None:
    """No bar for seconds."""
