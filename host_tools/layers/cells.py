"""Fresh cells for training: a table of differential pairs drawn from a profile, so that a draw is one random index
and one look-up.

Any profile will do, whatever its distribution: the table is filled from the profile's compiled quantiles
(docs/numerics.md). A weight at signed level k = -(L-1)..(L-1) is the pair (level k, level 0), or (level 0, level -k)
when k is negative.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from device_models.compile import MAX_STEPS, TABLE_UNIT, CompiledProfile, compile_profile
from device_models.octave import node_probabilities
from device_models.profile import DeviceProfile

PAIRS = 1 << 14


@dataclass(frozen=True)
class PairTable:
    """`draws` float32 [2L-1, PAIRS]: conductance differences in units of G_max - G_min, row k + L - 1 for signed
    level k.

    `slopes` like `draws`: what a small change of the weight does to that pair, 1 without spread: a cell that is three
    times too strong makes three times as much of it.
    `values` float32 [L]: the exact value of levels 0..L-1 in that unit, from 0 to 1. `borders` are the midpoints
    between them.
    """

    draws: NDArray[np.float32]
    slopes: NDArray[np.float32]
    values: NDArray[np.float32]

    @property
    def levels(self) -> int:
        """L, the number of levels of a cell."""
        return len(self.values)

    @property
    def borders(self) -> list[float]:
        """Magnitudes (as a share of the clip) at which the nearest level changes; L - 1 of them."""
        middle = (self.values[1:].astype(np.float64) + self.values[:-1]) / 2
        return [float(b) for b in middle]


def pair_table(profile: dict[str, Any]) -> PairTable:
    """The table of a profile document (JSON types); the same document gives the same table."""
    return _table(json.dumps(profile, sort_keys=True))


@lru_cache(maxsize=8)
def _table(document: str) -> PairTable:
    compiled = compile_profile(DeviceProfile.from_json(document))
    target = compiled.target.astype(np.float64)
    span = target[-1] - target[0]
    cells = np.stack([_quantiles(compiled, level) for level in range(len(target))])
    slope = np.gradient(cells, target, axis=0)
    rng = np.random.default_rng(0)
    draws, slopes = [], []
    for k in range(-len(target) + 1, len(target)):
        active, idle = rng.permutation(PAIRS), rng.permutation(PAIRS)  # every share of probability once
        g, rate, other = cells[abs(k)][active], slope[abs(k)][active], cells[0][idle]
        g, rate = _some_stuck(compiled, rng, g, rate)
        other, _ = _some_stuck(compiled, rng, other, rate)
        draws.append((g - other) / span * (1 if k >= 0 else -1))
        slopes.append(rate)
    return PairTable(
        np.stack(draws).astype(np.float32),
        np.stack(slopes).astype(np.float32),
        ((target - target[0]) / span).astype(np.float32),
    )


def _quantiles(compiled: CompiledProfile, level: int) -> NDArray[np.float64]:
    """PAIRS cells of one level in G steps, rising: the middle of each of PAIRS equal shares of probability."""
    p = node_probabilities()
    lower, upper = compiled.quantiles[level] / TABLE_UNIT
    share = (np.arange(PAIRS) + 0.5) / PAIRS
    cells = np.interp(share, np.concatenate([p, 1 - p[-2::-1]]), np.concatenate([lower, upper[-2::-1]]))
    return np.clip(cells, 0, MAX_STEPS)


def _some_stuck(
    compiled: CompiledProfile, rng: np.random.Generator, g: NDArray[np.float64], rate: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cells and slopes with the profile's share of them stuck: those do not follow their weight."""
    low, high = (round(PAIRS * float(threshold) / 2**32) for threshold in compiled.faults[:2])
    chosen = rng.permutation(PAIRS)
    g, rate = g.copy(), rate.copy()
    g[chosen[:low]], g[chosen[low:high]] = compiled.faults[2:]
    rate[chosen[:high]] = 0.0
    return g, rate
