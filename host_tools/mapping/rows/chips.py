"""Chips of one layer: cells drawn from a profile, conversions with the noise of cost.py, whole-cell ADC codes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import cast

import numpy as np
import numpy.typing as npt

from device_models.compile import STEPS
from device_models.profile import DeviceProfile
from firmware_py.bundle import AnalogLayer
from firmware_py.cells import Effects, draw_conductances
from host_tools.mapping.bare import profile_tables
from host_tools.mapping.rows.cost import F64, Integers, RowNoise, two_levels

BOOTSTRAPS = 10_000


@dataclass(frozen=True)
class LayerChips:
    """A last layer (weights +1 and -1 [K, N]) on chips of a technology. layer: its number, for the draws. adc_bits
    None: no ADC."""

    weights: Integers
    profile: DeviceProfile
    noise: RowNoise
    rows_active: int
    adc_bits: int | None
    layer: int = 0

    def cells(self, seed: int) -> F64:
        """Conductances [2, K, N] of chip `seed`, plus and minus cells, in units of G_max - G_min. A logical row keeps
        its cells in every order, so that orders are compared on equal cells."""
        tables = profile_tables(two_levels(self.profile))
        levels = np.stack([self.weights > 0, self.weights < 0]).astype(np.uint8)
        layer = cast(AnalogLayer, SimpleNamespace(levels=levels))
        return draw_conductances(layer, self.layer, tables, seed, Effects()) / STEPS

    def sums(self, codes: Integers, order: Integers, seed: int) -> F64:
        """The layer's sums [n, N] on chip `seed` for inputs [n, K]: noise of conversion g, column j and input i is the
        same draw in every order."""
        g, x = self.cells(seed).astype(np.float32), codes.astype(np.float32)
        read = np.where(self.weights != 0, self.noise.read_off**2 + self.noise.read_on**2, 2 * self.noise.read_off**2)
        rng = np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, 0, 1]))
        total = np.zeros((len(x), self.weights.shape[1]), np.float32)
        for start in range(0, len(order), self.rows_active):
            rows = order[start : start + self.rows_active]
            plus, minus = x[:, rows] @ g[0, rows], x[:, rows] @ g[1, rows]
            own = x[:, rows] ** 2 @ read[rows].astype(np.float32)
            sd = np.sqrt(self.noise.current**2 * (plus**2 + minus**2) + own)
            u = plus - minus + sd * rng.standard_normal(total.shape, np.float32)
            if self.adc_bits is not None:
                half = 1 << (self.adc_bits - 1)
                u = np.clip(np.rint(u), -half, half - 1)
            total += u
        return total.astype(np.float64)


@dataclass(frozen=True)
class Outcome:
    """One order on chips: rms error of the sums, the part of it that noise adds to the same cells without noise, and
    accuracy in per cent, each [chips]."""

    rms: F64
    added: F64
    accuracy: F64


def measure(
    chips: LayerChips, codes: Integers, labels: npt.NDArray[np.int64], order: Integers, seeds: range
) -> Outcome:
    """Error of the sums against the exact ones, and against those of the same cells without noise (root mean square
    over inputs and columns); accuracy of each chip."""
    exact = codes.astype(np.int64) @ chips.weights.astype(np.int64)
    still = replace(chips, noise=RowNoise(0.0, chips.noise.off))
    rms, added, right = [], [], []
    for seed in seeds:
        s = chips.sums(codes, order, seed)
        rms.append(np.sqrt(np.mean((s - exact) ** 2)))
        added.append(np.sqrt(np.mean((s - still.sums(codes, order, seed)) ** 2)))
        right.append(100 * np.mean(np.argmax(s, axis=1) == labels))
    return Outcome(np.array(rms), np.array(added), np.array(right))


def cut(before: F64, after: F64, seed: int = 0) -> tuple[float, float, float]:
    """Relative cut of a mean over chips in per cent, and its 95 % interval: bootstrap over chips, each with both of
    its values."""
    rng = np.random.default_rng(seed)
    picks = rng.integers(0, len(before), (BOOTSTRAPS, len(before)))
    drawn = 100 * (1 - after[picks].mean(axis=1) / before[picks].mean(axis=1))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(100 * (1 - after.mean() / before.mean())), float(low), float(high)
