"""Optimisers by name."""

from __future__ import annotations

from typing import Any

from host_tools.backend import keras

MOMENTUM = 0.9
NOT_DECAYED = ("bias", "gamma", "beta", "gain")  # a column's scale and offset say nothing about the weights' size


def make_optimizer(name: str, rate: Any, weight_decay: float = 0.0) -> Any:
    """'adam' or 'sgd' (Nesterov's momentum 0.9) with a learning rate or schedule; decay: a share of the weight times
    the learning rate each step."""
    decay = weight_decay or None
    if name == "adam":
        optimizer = keras.optimizers.Adam(rate, weight_decay=decay)
    else:
        optimizer = keras.optimizers.SGD(rate, momentum=MOMENTUM, nesterov=True, weight_decay=decay)
    optimizer.exclude_from_weight_decay(var_names=NOT_DECAYED)
    return optimizer
