"""Writes many cells to every level and says, level by level, what came out and what it cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from device_models.errors import ProfileError
from device_models.write.algorithm import Tally, WriteAlgorithm
from device_models.write.port import Array, PulsedCells

MAX_CELLS = 2_000_000  # of all levels together
MakeCells = Callable[[Array], PulsedCells]  # cells for the targets [n] in uS


@dataclass(frozen=True)
class LevelReport:
    """One level. Conductances in uS without read noise; `energy_pJ` None where the cells' model has none."""

    target_uS: float
    mean_uS: float
    sd_uS: float
    pulses_mean: float
    pulses_max: int
    time_us: float
    energy_pJ: float | None
    failed_percent: float
    relaxed_mean_uS: float | None
    relaxed_sd_uS: float | None


@dataclass(frozen=True)
class WriteReport:
    """All levels, and the cells themselves: `written_uS` and, where they were left alone, `relaxed_uS` [L, n]."""

    levels: list[LevelReport]
    written_uS: Array = field(repr=False)
    relaxed_uS: Array | None = field(repr=False)
    relax_s: float

    @property
    def pulses(self) -> float:
        """Mean pulses of a cell, all levels alike."""
        return float(np.mean([level.pulses_mean for level in self.levels]))

    @property
    def energy_pJ(self) -> float | None:
        """Mean energy of a cell; None where unknown."""
        known = [level.energy_pJ for level in self.levels if level.energy_pJ is not None]
        return float(np.mean(known)) if len(known) == len(self.levels) else None

    @property
    def sd_uS(self) -> float:
        """Root mean square of the levels' standard deviations."""
        return float(np.sqrt(np.mean([level.sd_uS**2 for level in self.levels])))

    @property
    def relaxed_sd_uS(self) -> float | None:
        """The same after the time left alone; None where there was none."""
        return None if self.relaxed_uS is None else float(np.sqrt(np.mean(self.relaxed_uS.std(axis=1) ** 2)))

    @property
    def failed_percent(self) -> float:
        """Share of all cells whose last verify read was not within the tolerance."""
        return float(np.mean([level.failed_percent for level in self.levels]))


def write_levels(make: MakeCells, algorithm: WriteAlgorithm, levels_uS: Array, cells: int,
                 relax_s: float = 0.0) -> WriteReport:
    """Write `cells` cells to each of `levels_uS` [L], then let them relax for `relax_s` (0: not at all).

    ProfileError for fewer than two levels, for under 2 cells or more than 2,000,000 in all.
    """
    if len(levels_uS) < 2:
        raise ProfileError(f"levels: {len(levels_uS)} level is not >= 2")
    if not 2 <= cells <= MAX_CELLS // len(levels_uS):
        raise ProfileError(f"cells: {cells} of each of {len(levels_uS)} levels is not 2 to "
                           f"{MAX_CELLS // len(levels_uS)} ({MAX_CELLS} in all)")
    target = np.repeat(np.asarray(levels_uS, dtype=np.float64), cells)
    array = make(target)
    tally = algorithm.run(array, target)
    written = array.conductance_uS().reshape(len(levels_uS), cells)
    relaxed = None
    if relax_s > 0:
        array.wait(relax_s)
        relaxed = array.conductance_uS().reshape(len(levels_uS), cells)
    rows = [_level(float(level), i, cells, written, relaxed, tally) for i, level in enumerate(levels_uS)]
    return WriteReport(rows, written, relaxed, relax_s)


def _level(target: float, i: int, n: int, written: Array, relaxed: Array | None, tally: Tally) -> LevelReport:
    own = slice(i * n, (i + 1) * n)
    energy = float(tally.energy_pJ[own].mean())
    return LevelReport(
        target_uS=target, mean_uS=float(written[i].mean()), sd_uS=float(written[i].std()),
        pulses_mean=float(tally.pulses[own].mean()), pulses_max=int(tally.pulses[own].max()),
        time_us=1e6 * float(tally.time_s[own].mean()), energy_pJ=None if np.isnan(energy) else energy,
        failed_percent=100 * float(1 - tally.within[own].mean()),
        relaxed_mean_uS=None if relaxed is None else float(relaxed[i].mean()),
        relaxed_sd_uS=None if relaxed is None else float(relaxed[i].std()))
