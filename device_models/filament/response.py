"""Measured pulse responses (conductance after 1, 2, 3, ... equal pulses), and the model fitted to their median.

The files say neither amplitude nor width nor the oxide, so what is fitted are effective numbers: the amplitude (at a
width of 1 us; a longer width would give a lower one), the heat lost sideways, and a series resistance. The three
trade off against one another: other triples fit nearly as well. The other parameters keep the preset's values.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from device_models.errors import ProfileError
from device_models.filament.cells import Filaments
from device_models.filament.circuit import Drive
from device_models.filament.evolve import evolve
from device_models.filament.kinetics import conductance_uS, diameter_nm
from device_models.filament.parameters import FilamentParameters

Array = npt.NDArray[np.float64]
WIDTH_s = 1e-6
READ_V = 0.1  # of the CrossSim files, by the example that reads them
POINTS = 50  # of a curve that the fit looks at
STARTS = ((100.0, 3e-6), (3000.0, 3e-7), (3000.0, 3e-8))  # ohm, W/K
SCALED_uS = (75.0, 25.0)  # conductance = the one + the other x value, for files of scaled values (an assumption)


@dataclass(frozen=True)
class Response:
    """Runs of equal pulses: `g_uS` [pulses, runs], NaN where a run has ended; `up`: conductance rises (SET)."""

    name: str
    up: bool
    g_uS: Array
    assumed_scale: bool

    @property
    def median_uS(self) -> Array:
        """Median over the runs, per pulse, as long as half of them last."""
        lasts = np.count_nonzero(np.isfinite(self.g_uS), axis=1) * 2 >= self.g_uS.shape[1]
        return np.asarray(np.nanmedian(self.g_uS[: len(lasts) if lasts.all() else int(np.argmin(lasts))], axis=1))


def read_responses(path: Path, read_V: float = READ_V) -> list[Response]:
    """Responses of a CSV: with a header line, currents in A of runs (columns); without, scaled values, up and down.

    ProfileError with file and line where it is not such a table.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ProfileError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ProfileError(f"{path}: not a text file (UTF-8)") from None
    if not lines:
        raise ProfileError(f"{path}: empty, expected one row per pulse")
    header = any(character.isalpha() for character in lines[0].replace("e", "").replace("E", ""))
    columns = len(lines[0].split(","))
    table = np.array([_row(path, i, line, columns) for i, line in enumerate(lines[header:], 1 + header)])
    if len(table) < 10:
        raise ProfileError(f"{path}: {len(table)} pulses is not >= 10")
    if header:
        if not np.nanmin(table) > 0:
            raise ProfileError(f"{path}: a current of {np.nanmin(table):g} A is not > 0")
        return [_response(path.stem, table / read_V * 1e6, False)]
    middle, half = SCALED_uS
    return [_response(f"{path.stem} {k + 1}", middle + half * table[:, k : k + 1], True) for k in range(table.shape[1])]


def _row(path: Path, number: int, line: str, columns: int) -> list[float]:
    cells = line.split(",")
    if len(cells) != columns:
        raise ProfileError(f"{path}: line {number}: {len(cells)} columns is not {columns}")
    try:
        return [float(cell) if cell.strip() else float("nan") for cell in cells]
    except ValueError as error:
        raise ProfileError(f"{path}: line {number}: {error}, expected numbers") from None


def _response(name: str, g_uS: Array, assumed: bool) -> Response:
    middle = np.nanmedian(g_uS, axis=1)
    tenth = max(len(middle) // 10, 1)
    return Response(name, bool(np.nanmean(middle[-tenth:]) > np.nanmean(middle[:tenth])), g_uS, assumed)


@dataclass(frozen=True)
class Fitted:
    """A response and the model's curve beside it, uS; the errors are in % of the measured range."""

    response: Response
    cell: FilamentParameters
    volts: float
    model_uS: Array
    residual_percent: Array

    @property
    def rms_percent(self) -> float:
        """Root mean square of the residual."""
        return float(np.sqrt(np.mean(self.residual_percent**2)))

    @property
    def worst_percent(self) -> float:
        """Largest residual."""
        return float(np.abs(self.residual_percent).max())

    @property
    def noise_percent(self) -> float:
        """Deviation of one reading in % of the range, from the differences of neighbouring pulses (robust)."""
        steps = np.diff(self.response.g_uS[: len(self.model_uS)], axis=0)
        steps = steps - np.nanmedian(steps)
        return float(100 * 1.4826 * np.nanmedian(np.abs(steps)) / np.sqrt(2) / np.ptp(self.response.median_uS))


def model_curve(cell: FilamentParameters, start_uS: float, volts: float, up: bool,
                after: npt.NDArray[np.intp]) -> Array:
    """Conductance in uS after `after` [k] equal pulses without variation: their time just adds up."""
    zero = np.zeros(len(after))
    start = diameter_nm(cell, zero + start_uS)
    done = evolve(cell, start, Drive(zero + volts), WIDTH_s * after, 1 if up else -1, zero, zero)
    return conductance_uS(cell, done.phi_nm)


def fit_responses(responses: list[Response], cell: FilamentParameters, together: bool = False) -> list[Fitted]:
    """Fit amplitude, sideways heat and series resistance to the median curve of each response.

    `together`: the last two are the same for all (one device, two polarities).
    """
    from scipy.optimize import least_squares

    if not together:
        return [fit_responses([one], cell, True)[0] for one in responses]
    medians = [one.median_uS for one in responses]
    starts = [float(np.median(m[: max(len(m) // 50, 1)])) for m in medians]
    chosen = [np.unique(np.linspace(0, len(m) - 1, POINTS).astype(np.intp)) for m in medians]

    def curves(x: Array, at: list[npt.NDArray[np.intp]]) -> list[Array]:
        device = _device(cell, x)
        return [model_curve(device, start, float(np.exp(v)), one.up, k)
                for one, start, v, k in zip(responses, starts, x[2:], at, strict=True)]

    def residuals(x: Array) -> Array:
        return np.concatenate([(c - m[k]) / np.ptp(m)
                               for c, m, k in zip(curves(x, chosen), medians, chosen, strict=True)])

    found = []
    for series, lateral in STARTS:  # the error has more than one valley
        device = _device(cell, np.log([lateral, series]))
        volts = [_first_volts(device, start, float(np.median(m[-3:])), one.up, len(m))
                 for one, start, m in zip(responses, starts, medians, strict=True)]
        low, high = ([1e-12, 1e-3] + [0.05] * len(volts), [1e-3, 1e5] + [20.0] * len(volts))
        found.append(least_squares(residuals, np.log([lateral, series, *volts]), bounds=(np.log(low), np.log(high)),
                                   ftol=1e-5, xtol=1e-5, max_nfev=60))
    best = min(found, key=lambda one: float(one.cost)).x
    whole = curves(best, [np.arange(len(m)) for m in medians])
    return [Fitted(one, _device(cell, best), float(np.exp(v)), c, 100 * (c - m) / np.ptp(m))
            for one, v, c, m in zip(responses, best[2:], whole, medians, strict=True)]


def _device(cell: FilamentParameters, x: Array) -> FilamentParameters:
    return replace(cell, lateral_W_per_K=float(np.exp(x[0])), series_ohm=float(np.exp(x[1])))


def _first_volts(cell: FilamentParameters, start_uS: float, end_uS: float, up: bool, pulses: int) -> float:
    """Amplitude at which the way from start to end takes that number of pulses, by bisection: where the fit begins."""
    low, high = 0.05, 20.0
    for _ in range(25):
        volts = float(np.sqrt(low * high))
        moved = model_curve(cell, start_uS, volts, up, np.array([pulses - 1]))[0]
        enough = moved >= end_uS if up else moved <= end_uS
        low, high = (low, volts) if enough else (volts, high)
    return volts


def run_to_run(fitted: Fitted, seed: int = 0) -> tuple[Array, Array]:
    """Deviation over runs of the change since the first reading, uS [pulses]: measured, and modelled from pulse draws.

    As many modelled as measured runs, each from the measured start of its own; no device spread: it is one device.
    """
    measured = fitted.response.g_uS[: len(fitted.model_uS)]
    starts = measured[0]
    one_device = replace(fitted.cell, device_barrier_eV=0.0, device_threshold_V=0.0)
    cells = Filaments(one_device, len(starts), seed, starts, threads=1, dtype=np.float64)
    changes = np.zeros_like(measured)
    for k in range(1, len(measured)):
        cells.pulse("set" if fitted.response.up else "reset", fitted.volts, WIDTH_s)
        changes[k] = cells.g_uS - starts
    lasts = np.isfinite(measured)
    return (np.asarray(np.nanstd(measured - starts, axis=1)),
            np.asarray(np.nanstd(np.where(lasts, changes, np.nan), axis=1)))
