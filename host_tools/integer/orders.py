"""Orders of the last layer's rows, chosen on validation images and measured on chips with the test images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from device_models.profile import DeviceProfile
from host_tools.data import Dataset
from host_tools.integer.network import IntegerNetwork
from host_tools.integer.rows import best_order
from host_tools.mapping.rows.chips import LayerChips, Outcome, cut, measure
from host_tools.mapping.rows.cost import RowNoise, open_at_once
from host_tools.mapping.rows.reorder import Order

RANDOM = 0x5EED  # beside the user's seed: the random order that a chosen one is compared with


@dataclass(frozen=True)
class ReorderSetting:
    """profile: cells, by their lowest and highest level. currents: noise of a bit line over its current, each a study.
    images: at most so many test images."""

    profile: DeviceProfile
    rows_active: int = 4
    adc_bits: int | None = 5
    currents: tuple[float, ...] = (0.2,)
    chips: int = 50
    images: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class Reordered:
    """One noise: what each order ("trained", "random", "reordered") gives on the same chips, and the relative cut of
    the error in per cent with its 95 % interval; added_cut: of the part that noise adds. open: mean rows open in a
    conversion; full: share of conversions with every row open."""

    current: float
    outcome: dict[str, Outcome]
    cut: tuple[float, float, float]
    random_cut: tuple[float, float, float]
    added_cut: tuple[float, float, float]
    open_trained: float
    full_trained: float
    full_reordered: float

    def as_json(self) -> dict[str, Any]:
        """JSON types."""
        out: dict[str, Any] = {"current_noise": self.current}
        for name, outcome in self.outcome.items():
            out[name] = {"rms": outcome.rms.mean(), "rms_std": outcome.rms.std(ddof=1),
                         "accuracy_percent": outcome.accuracy.mean(), "accuracy_std": outcome.accuracy.std(ddof=1),
                         "accuracy_min": outcome.accuracy.min()}  # fmt: skip
        out |= {"cut_percent": self.cut, "cut_against_random_percent": self.random_cut,
                "cut_of_added_percent": self.added_cut, "rows_open": self.open_trained,
                "all_open_trained": self.full_trained, "all_open_reordered": self.full_reordered}  # fmt: skip
        return out


def orders_of(network: IntegerNetwork, data: Dataset, setting: ReorderSetting) -> dict[str, Order]:
    """The rows as trained, in a random order, and in the best order that is found on the validation images."""
    _, images, _ = data.validation()
    rows = len(network.analog[-1].weights)
    off = RowNoise.of(setting.profile, 0.0).off
    return {
        "trained": np.arange(rows),
        "random": np.random.default_rng([setting.seed, RANDOM]).permutation(rows),
        "reordered": best_order(network, images, setting.rows_active, off, setting.seed),
    }


def study(
    network: IntegerNetwork, data: Dataset, orders: dict[str, Order], setting: ReorderSetting,
    advance: Callable[[float, str], None] = lambda amount, note: None,
) -> list[Reordered]:  # fmt: skip
    """What the orders give on `setting.chips` chips, for each noise. `advance`: a total of currents x chips."""
    images, labels = data.x_test[: setting.images], data.y_test[: setting.images]
    codes, weights = network.last_codes(images), network.analog[-1].weights
    opened = {name: open_at_once(codes, order, setting.rows_active) for name, order in orders.items()}
    full = {name: counts[-1] / counts.sum() for name, counts in opened.items()}
    mean = np.arange(setting.rows_active + 1) @ opened["trained"] / opened["trained"].sum()
    results = []
    for current in setting.currents:
        noise = RowNoise.of(setting.profile, current)
        layer = len(network.analog) - 1
        chips = LayerChips(weights, setting.profile, noise, setting.rows_active, setting.adc_bits, layer)
        seeds = range(setting.seed, setting.seed + setting.chips)
        found = {}
        for name, order in orders.items():
            found[name] = measure(chips, codes, labels, order, seeds)
            advance(setting.chips / len(orders), f"noise {current:g}, {name}")
        trained, random, ordered = (found[name] for name in ("trained", "random", "reordered"))
        by_rms, by_chance = (cut(one.rms, ordered.rms, setting.seed) for one in (trained, random))
        added = cut(trained.added, ordered.added, setting.seed)
        results.append(Reordered(current, found, by_rms, by_chance, added, float(mean), float(full["trained"]),
                                 float(full["reordered"])))  # fmt: skip
    return results
