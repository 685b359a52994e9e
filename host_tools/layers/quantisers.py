"""How a latent weight finds its level: by name ("nearest", "stochastic") or as an object with the same two methods.

    RRAMDense(10, profile, w_clip=0.1, quantizer="stochastic")
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from host_tools.backend import keras
from host_tools.errors import HostError

ops = keras.ops


@keras.saving.register_keras_serializable(package="rram_edge")
class Nearest:
    """The level whose value is nearest: the rule by which a network is mapped, in training and after it."""

    def levels(self, share: Any, values: Sequence[float], seeds: Any) -> Any:
        """Levels (int32) of weights `share` = |w| / w_clip, in training; `values` of the levels rise from 0 to 1."""
        return ops.digitize(share, [(a + b) / 2 for a, b in pairwise(values)])

    def get_config(self) -> dict[str, Any]:
        """No arguments."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Nearest:
        """For Keras' serialisation."""
        return cls(**config)


@keras.saving.register_keras_serializable(package="rram_edge")
class Stochastic(Nearest):
    """One of the two neighbouring levels, drawn so that its mean is the weight (Gupta et al., ICML 2015); mapping still
    takes the nearest."""

    def levels(self, share: Any, values: Sequence[float], seeds: Any) -> Any:
        """As Nearest.levels; a draw from `seeds` each time."""
        table = ops.convert_to_tensor(values, "float32")
        share = ops.clip(share, 0.0, 1.0)
        below = ops.clip(ops.digitize(share, list(values)) - 1, 0, len(values) - 2)
        low, high = ops.take(table, below), ops.take(table, below + 1)
        drawn = keras.random.uniform(ops.shape(share), seed=seeds)
        return below + ops.cast(drawn < (share - low) / (high - low), "int32")


QUANTISERS = {"nearest": Nearest, "stochastic": Stochastic}


def quantiser(given: Any) -> Any:
    """The quantiser of a name, of a Keras configuration, or the object itself; HostError for another name."""
    if isinstance(given, dict):
        return keras.saving.deserialize_keras_object(given)
    if not isinstance(given, str):
        return given
    if given not in QUANTISERS:
        raise HostError(f"quantizer: {given!r} is unknown, expected one of {', '.join(QUANTISERS)}")
    return QUANTISERS[given]()
