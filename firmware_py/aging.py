"""What time and reads do to programmed cells: drift by a law in log time, disturb by the number of reads (numerics.md,
section 3). A chip's age is given; nothing here looks at a clock.

Drift: per level, mean and standard deviation of G - G(0) grow with every decade of time (the profile's relaxation.law,
device_models.aging.LogTimeLaw), time counted as log10(1 + t / from_s). A cell has one normal number for its life, so
that it goes on along its own line: the chip at 2 t is the one that was at t. Disturb: each read of a row takes its
cells to G (1 + change), as device_models.array.disturb; here each image reads every row once at every position.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from firmware_py.draws import Purpose, normals, words
from firmware_py.errors import RramError

if TYPE_CHECKING:
    from firmware_py.bundle import AnalogLayer, Bundle
    from firmware_py.cells import Effects

F64 = npt.NDArray[np.float64]
STEPS = 32767  # a cell is at most so many G steps
MOST_SECONDS = 1e12  # of an age
MOST_DISTURB = 0.5  # share of a conductance that one read changes
MOST_GROWTH = 16.0  # of a conductance, natural logarithm: from one step beyond what a cell holds


@dataclass(frozen=True)
class DriftLaw:
    """mean, sd float64 [levels]: G steps with every decade of time from `from_s` on, measured to `to_s` (seconds)."""

    mean: F64
    sd: F64
    from_s: float
    to_s: float

    def decades(self, age_s: float) -> float:
        """Decades that a chip of this age has drifted; a multiple of 2^-20, whatever a machine's log10 ends in."""
        return round(math.log10(1 + age_s / self.from_s) * 2**20) / 2**20


@dataclass(frozen=True)
class Aging:
    """What of it a bundle knows: the law of drift, if any; relative change of a cell's conductance by one read."""

    drift: DriftLaw | None = None
    disturb: float = 0.0


@dataclass(frozen=True)
class Age:
    """A chip's age: seconds since programming, images read since programming."""

    seconds: float = 0.0
    reads: int = 0


NEW = Age()


@dataclass(frozen=True)
class Change:
    """What has become of one layer's cells: G goes to (G + decades (mean + sd z)) (1 + relative), in G steps."""

    mean: F64
    sd: F64
    decades: float
    relative: float

    def apply(self, g: npt.NDArray[np.int32], levels: npt.NDArray[np.uint8], z: F64) -> npt.NDArray[np.int32]:
        """Conductances of cells g at `levels`, with the cells' own numbers z; all of one shape."""
        drifted = g + self.mean[levels] * self.decades + self.sd[levels] * self.decades * z
        steps: npt.NDArray[np.int32] = np.clip(np.floor(drifted * (1 + self.relative) + 0.5), 0, STEPS).astype(np.int32)
        return steps


def read_aging(
    levels: int, given: Container[str], tensor: Callable[..., Any], fail: Callable[[str], Exception]
) -> Aging:
    """What a bundle says of it, checked: tensors profile.drift, .drift_s and .disturb, where they are `given`."""
    law, disturb = None, 0.0
    if "profile.drift" in given or "profile.drift_s" in given:
        (mean, sd), (from_s, to_s) = tensor("profile.drift", "F64", (2, levels)), tensor("profile.drift_s", "F64", (2,))
        if np.abs(mean).max() > STEPS or sd.min() < 0 or sd.max() > STEPS:
            raise fail(f"profile.drift: beyond {STEPS} G steps a decade, or a deviation below 0")
        if not 1 / MOST_SECONDS <= from_s <= to_s <= MOST_SECONDS:
            expected = f"expected two rising times from {1 / MOST_SECONDS:g} to {MOST_SECONDS:g} s"
            raise fail(f"profile.drift_s: [{from_s:g}, {to_s:g}] given, {expected}")
        law = DriftLaw(mean, sd, float(from_s), float(to_s))
    if "profile.disturb" in given:
        disturb = float(tensor("profile.disturb", "F64", (1,))[0])
        if abs(disturb) > MOST_DISTURB:
            raise fail(f"profile.disturb: {disturb:g} given, expected -{MOST_DISTURB} to {MOST_DISTURB}")
    return Aging(law, disturb)


def checked_age(bundle: Bundle, age_s: float) -> float:
    """An age in seconds; RramError where it is none, or the bundle knows no drift and so nothing of that time."""
    if not isinstance(age_s, (int, float)) or not 0 <= age_s <= MOST_SECONDS:
        raise RramError(f"chip: age_s: {age_s!r} is not a number of seconds from 0 to {MOST_SECONDS:g}")
    if age_s and bundle.aging.drift is None:
        raise RramError(f"chip: age_s: {age_s:g} given, and the bundle has no law of drift (rram export --aging)")
    return float(age_s)


def change_of(bundle: Bundle, layer: AnalogLayer, effects: Effects, age: Age) -> Change | None:
    """What `age` does to the cells of a layer; None where it does nothing."""
    law = bundle.aging.drift if effects.drift else None
    decades = 0.0 if law is None else law.decades(age.seconds)
    relative = relative_change(bundle, layer, age) if effects.disturb else 0.0
    if not decades and not relative:
        return None
    still = np.zeros(len(bundle.tables.target))
    return Change(still if law is None else law.mean, still if law is None else law.sd, decades, relative)


def relative_change(bundle: Bundle, layer: AnalogLayer, age: Age) -> float:
    """What the reads of a chip of this age have done to the conductances of a layer."""
    return disturbed(bundle.aging.disturb, age.reads * layer.node.positions)


def disturbed(change: float, reads: int) -> float:
    """Relative change of a conductance by so many reads, (1 + change)^reads - 1; a multiple of 2^-30."""
    return round(math.expm1(min(reads * math.log1p(change), MOST_GROWTH)) * 2**30) / 2**30


def aged(
    g: npt.NDArray[np.int32], levels: npt.NDArray[np.uint8], change: Change | None, index: int, seed: int,
    normal: npt.NDArray[np.float32],
) -> npt.NDArray[np.int32]:  # fmt: skip
    """Conductances [2, K, N] of analog layer number `index` on chip `seed` as they are now."""
    if change is None:
        return g
    z = normals(words(seed, Purpose.DRIFT, index, levels.size), normal) if change.decades else np.zeros(levels.size)
    return change.apply(g, levels, z.astype(np.float64).reshape(levels.shape))
