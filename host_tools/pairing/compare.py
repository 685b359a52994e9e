"""Accuracy of one network by pairing, over chips; and the line that warns of a pairing, in numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from device_models.array.effects import Effects
from device_models.array.pairing import PAIRINGS, paired_macro
from device_models.errors import ProfileError
from device_models.macro import MacroConfig
from device_models.profile import DeviceProfile
from host_tools.data import Dataset, scaled
from host_tools.mapping.network import PLAIN_CLIP_SD
from host_tools.pairing.network import IN_USE, ArrayNetwork, NetworkWeights, weights_of
from host_tools.study.statistics import OverChips

SAMPLE = 64  # images that the converters' ranges are chosen from, as many as an export sends along
NO_SPREAD = replace(IN_USE, programming=False, drift=False, stuck=False, read_noise=False)
WARNING_CHIPS, WARNING_IMAGES = 5, 300


@dataclass(frozen=True)
class Trial:
    """What is measured: images [n, ...] with labels on chips `seeds`; `sample` chooses converter ranges."""

    sample: npt.NDArray[np.float32]
    images: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    seeds: Sequence[int]
    time_s: float = 0.0

    @classmethod
    def held_out(cls, data: Dataset, images: int, seeds: Sequence[int]) -> Trial:
        """On held-out training images; never on the test part."""
        _, x, y = data.validation()
        return cls(scaled(x[:SAMPLE]), scaled(x[-images:]), y[-images:], seeds)

    @classmethod
    def test(cls, data: Dataset, images: int, seeds: Sequence[int], time_s: float = 0.0) -> Trial:
        """On the first test images; ranges come from held-out training images."""
        _, x, _ = data.validation()
        return cls(scaled(x[:SAMPLE]), scaled(data.x_test[:images]), data.y_test[:images], seeds, time_s)


@dataclass(frozen=True)
class PairingResult(OverChips):
    """A pairing's accuracy in per cent on chips; `no_spread`: with levels and converters alone."""

    pairing: str
    profile: str
    cells: int
    no_spread: float

    def as_json(self) -> dict[str, Any]:
        """Keys of the report."""
        return {"pairing": self.pairing, "profile": self.profile, "cells": self.cells,
                "no_spread_percent": self.no_spread, **super().as_json()}


def on_pairing(
    network: NetworkWeights, profile: DeviceProfile, macro: MacroConfig, trial: Trial,
    done: Callable[[], None] = lambda: None,
) -> PairingResult:  # fmt: skip
    """The network on chips of one pairing; `done` after each chip. ProfileError: too few levels for the pairing."""

    def chip(seed: int, effects: Effects) -> float:
        programmed = ArrayNetwork.program(network, profile, macro, seed=seed, sample=trial.sample, effects=effects,
                                          time_s=trial.time_s if effects.drift else 0.0)
        return programmed.accuracy(trial.images, trial.labels)

    values = []
    for seed in trial.seeds:
        values.append(chip(seed, IN_USE))
        done()
    no_spread = chip(trial.seeds[0], NO_SPREAD)
    return PairingResult(tuple(values), macro.pairing, profile.name, cells_of(network, macro), no_spread)


def cells_of(network: NetworkWeights, macro: MacroConfig) -> int:
    """Cells of the network's weights and of the reference columns, one a plane, row and tile of columns."""
    total = 0
    for rows, columns in (layer.weights.shape for layer in network.layers):
        planes = macro.cells_per_weight or 1
        tiles = -(-columns // macro.weights_per_row)
        total += 2 * rows * columns if macro.pairing == "differential" else planes * rows * (columns + tiles)
    return total


def every_pairing(macro: MacroConfig, profile: DeviceProfile) -> tuple[dict[str, MacroConfig], dict[str, str]]:
    """Macros by pairing, the macro's own first; and why a pairing is left out, by its name."""
    macros: dict[str, MacroConfig] = {macro.pairing: macro}
    why_not: dict[str, str] = {}
    for pairing in PAIRINGS:
        if pairing != macro.pairing:
            try:
                macros[pairing] = paired_macro(macro, profile, pairing)
            except ProfileError as error:
                why_not[pairing] = str(error)
    return macros, why_not


def pairing_warning(model: Any, profile: DeviceProfile, macro: MacroConfig, data: Dataset, seed: int,
                    clip_sd: float = PLAIN_CLIP_SD) -> str:  # fmt: skip
    """What a macro's pairing costs this very network, beside differential pairs, in one line of numbers.

    "offset: 11 % on chips (differential: 46 %; ...)", measured on held-out training images; empty for differential
    pairs. Where the profile's levels do not carry the pairing, that. HostError where the network does not fit.
    """
    if macro.pairing == "differential":
        return ""
    network = weights_of(model, clip_sd)
    trial = Trial.held_out(data, WARNING_IMAGES, range(seed, seed + WARNING_CHIPS))
    try:
        own = on_pairing(network, profile, macro, trial)
    except ProfileError as error:  # too few levels for it: worth as much as a number
        return str(error)
    pairs = on_pairing(network, profile, paired_macro(macro, profile, "differential"), trial)
    return (f"{macro.pairing}: {own.mean:.3g} % on chips (differential: {pairs.mean:.3g} %; {len(trial.seeds)} chips, "
            f"{len(trial.labels)} validation images)")
