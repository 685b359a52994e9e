"""Retention from bakes: how the cells of every level change in each, and what activation energy the bakes support.

    bakes = bake_statistics(read_bakes([path], target="addr % 32"))
    fit = fit_arrhenius(read_bakes(...), "broadening", seed=1)
    fit.statement

A bake has a reading of every cell before (its first time) and after (its last). Arrhenius: rate = A exp(-E / k T). One
bake time per temperature is one number per temperature: a rate follows only from a model of growth with time, which is
an assumption, named with each fit. JEDEC JESD22-A117 and JEP122 describe the method.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from device_models.errors import ProfileError
from device_models.measured.cells import MeasuredCells

BOLTZMANN_eV = 8.617333262e-5  # eV / K, CODATA 2018
KELVIN = 273.15

Reading = Literal["broadening", "loss"]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

ASSUMED: dict[Reading, str] = {
    "broadening": "the variance of the change grows linearly with time, as a random walk's does",
    "loss": "the mean conductance decays exponentially with time",
}


@dataclass(frozen=True)
class BakeStatistics:
    """Change of the cells in one bake, arrays [L] over the levels `level`: mean and standard deviation in uS."""

    temperature_C: float
    time_s: float
    level: Integers
    n_cells: Integers
    before_uS: Floats
    mean_shift_uS: Floats
    sd_uS: Floats


@dataclass(frozen=True)
class ArrheniusFit:
    """An activation energy in eV with its 95 % interval (bootstrap over cells: sampling alone, not the model).

    `local_eV`: from each pair of neighbouring temperatures. `supported` is false where there is no single energy;
    `activation_energy_eV` is then the slope of the line all the same (None where a rate is not positive).
    """

    reading: Reading
    temperature_C: tuple[float, ...]
    rate: tuple[float, ...]
    activation_energy_eV: float | None
    interval_eV: tuple[float, float] | None
    local_eV: tuple[float, ...]
    supported: bool
    statement: str


@dataclass(frozen=True)
class _Pairs:
    """Cells that were read before and after one bake, arrays [n]."""

    temperature_C: float
    time_s: float
    cell: Integers
    level: Integers
    before: Floats
    after: Floats


def bake_statistics(cells: MeasuredCells) -> tuple[BakeStatistics, ...]:
    """Mean and deviation of the change per level in every bake, by rising temperature; ProfileError without pairs."""
    return tuple(_statistics(pairs) for pairs in _bakes(cells))


def fit_arrhenius(cells: MeasuredCells, reading: Reading, seed: int, resamples: int = 200) -> ArrheniusFit:
    """The activation energy of `reading` (see ASSUMED) over all levels; ProfileError below three temperatures."""
    bakes = _bakes(cells)
    if len(bakes) < 3:
        raise ProfileError(f"{cells.source}: bakes at {len(bakes)} temperature(s), expected at least 3 for an "
                           "activation energy and a judgement of it")
    inverse = np.array([1 / (BOLTZMANN_eV * (bake.temperature_C + KELVIN)) for bake in bakes])
    rates = np.array([_RATES[reading](bake.before, bake.after) / bake.time_s for bake in bakes])
    temperatures = tuple(bake.temperature_C for bake in bakes)
    if (rates <= 0).any():
        hot = ", ".join(f"{t:g} C" for t, rate in zip(temperatures, rates, strict=True) if rate <= 0)
        return ArrheniusFit(reading, temperatures, tuple(rates.tolist()), None, None, (), False,
                            f"no activation energy: at {hot} the mean conductance rose")
    energy = _slope(inverse, np.log(rates))
    local = tuple((-np.diff(np.log(rates)) / np.diff(inverse)).tolist())
    interval = _interval(bakes, inverse, reading, seed, resamples)
    supported = min(local) > 0 and max(local) <= 2 * min(local) and interval[0] > 0
    return ArrheniusFit(reading, temperatures, tuple(rates.tolist()), energy, interval, local, supported,
                        _state(reading, energy, interval, local, supported))


def _bakes(cells: MeasuredCells) -> list[_Pairs]:
    if cells.temperature_C is None:
        raise ProfileError(f"{cells.source}: no temperatures, expected bakes")
    return [_pair(cells.where(cells.temperature_C == heat), float(heat)) for heat in np.unique(cells.temperature_C)]


def _pair(rows: MeasuredCells, temperature_C: float) -> _Pairs:
    """First and last reading of every cell that has two at different times."""
    order = np.lexsort((rows.time_s, rows.cell))
    edge = np.flatnonzero(np.diff(rows.cell[order])) + 1
    first, last = order[np.concatenate([[0], edge])], order[np.concatenate([edge - 1, [len(order) - 1]])]
    kept = rows.time_s[last] > rows.time_s[first]
    if not kept.any():
        raise ProfileError(f"{rows.source}: no cell has readings at two times at {temperature_C:g} C, expected "
                           "one before and one after the bake")
    first, last = first[kept], last[kept]
    spent = rows.time_s[last] - rows.time_s[first]
    return _Pairs(temperature_C, float(np.median(spent)), rows.cell[first], rows.level[first], rows.g_uS[first],
                  rows.g_uS[last])


def _statistics(pairs: _Pairs) -> BakeStatistics:
    level, index, count = np.unique(pairs.level, return_inverse=True, return_counts=True)
    change = pairs.after - pairs.before
    before = np.bincount(index, pairs.before) / count
    shift = np.bincount(index, change) / count
    sd = np.sqrt(np.bincount(index, (change - shift[index]) ** 2) / np.maximum(count - 1, 1))
    return BakeStatistics(pairs.temperature_C, pairs.time_s, level, count, before, shift, sd)


def _variance(before: Floats, after: Floats) -> float:
    return float((after - before).var())


def _decay(before: Floats, after: Floats) -> float:
    return float(np.log(before.mean() / after.mean()))


_RATES: dict[Reading, Callable[[Floats, Floats], float]] = {"broadening": _variance, "loss": _decay}


def _slope(inverse: Floats, log_rate: Floats) -> float:
    """Activation energy: minus the slope of ln rate over 1 / kT, least squares."""
    return -float(np.polyfit(inverse, log_rate, 1)[0])


def _interval(
    bakes: list[_Pairs], inverse: Floats, reading: Reading, seed: int, resamples: int
) -> tuple[float, float]:
    """95 % of the energies of resampled cells; a cell takes its readings at all temperatures along."""
    cells = np.unique(np.concatenate([bake.cell for bake in bakes]))
    places = [np.searchsorted(cells, bake.cell) for bake in bakes]
    generator = np.random.Generator(np.random.Philox(key=seed))
    energies = np.full(resamples, np.nan)
    for i in range(resamples):
        weight = np.bincount(generator.integers(0, len(cells), len(cells)), minlength=len(cells))
        chosen = [np.repeat(np.arange(len(place)), weight[place]) for place in places]
        rates = np.array([_RATES[reading](bake.before[rows], bake.after[rows]) / bake.time_s
                          for bake, rows in zip(bakes, chosen, strict=True)])
        if (rates > 0).all():
            energies[i] = _slope(inverse, np.log(rates))
    low, high = np.nanquantile(energies, [0.025, 0.975])
    return float(low), float(high)


def _state(
    reading: Reading, energy: float, interval: tuple[float, float], local: tuple[float, ...], supported: bool
) -> str:
    line = f"{energy:.2f} eV ({interval[0]:.2f} to {interval[1]:.2f}, 95 %), assuming that {ASSUMED[reading]}"
    if supported:
        return f"activation energy {line}"
    pairs = ", ".join(f"{value:.2f}" for value in local)
    return (f"the bakes do not support one activation energy: between neighbouring temperatures it is {pairs} eV; a "
            f"line through all would have {line}")
