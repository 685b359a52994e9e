"""Read noise from series of readings: how large, within a window and altogether, and of what kind.

    for noise in fit_read_noise(read_series(path, rate_Hz=400, unit="S")):
        print(describe(noise))

"Read noise" is what changes within a window (1 s); slower changes are relaxation, though they are in the same series.
The telegraph's share is a lower bound: two states are not told from flicker noise that is as large, nor where the cell
stays longer than the window in one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from device_models.errors import ProfileError
from device_models.fit.spectrum import Shares, fit_shares, spectrum_of, telegraph_density
from device_models.fit.telegraph import Telegraph, find_telegraph
from device_models.measured.series import Series

MIN_SAMPLES = 64  # of a window
MAX_SAMPLES = 1024  # the same: longer ones are thinned out by averaging neighbours (the band ends lower then)
MIN_WINDOWS = 8

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SeriesNoise:
    """The noise of one series. Standard deviations in uS; shares are of the power in `band_Hz` and add up to 1.

    `sd_window_uS` is the root mean square over the windows, `sd_window_median_uS` that of the typical one. The
    telegraph's values are medians over the windows where one was found (None: in none).
    """

    source: str
    level: int
    cell: int
    mean_uS: float
    seconds: float
    sd_uS: float
    window_s: float
    sd_window_uS: float
    sd_window_median_uS: float
    band_Hz: tuple[float, float]
    share_white: float
    share_flicker: float
    share_rtn: float
    slope: float | None
    rtn_windows: float
    rtn_amplitude_uS: float | None
    rtn_dwell_low_s: float | None
    rtn_dwell_high_s: float | None

    @property
    def relative(self) -> float:
        """Standard deviation of the whole series over its mean."""
        return self.sd_uS / self.mean_uS

    @property
    def relative_window(self) -> float:
        """Standard deviation within windows (root mean square) over the mean."""
        return self.sd_window_uS / self.mean_uS


def fit_read_noise(series: Sequence[Series], window_s: float = 1.0) -> tuple[SeriesNoise, ...]:
    """The noise of every series; ProfileError where one is too short, or constant."""
    return tuple(_fit_one(one, window_s) for one in series)


def describe(noise: SeriesNoise) -> str:
    """One line for a person, which says no more than the series shows."""
    text = (f"level {noise.level}, cell {noise.cell}: mean {noise.mean_uS:.4g} uS; sd {noise.sd_uS:.3g} uS "
            f"({noise.relative:.1%}) in {noise.seconds:.4g} s, {noise.sd_window_uS:.3g} uS "
            f"({noise.relative_window:.1%}) within {noise.window_s:g} s "
            f"(median {noise.sd_window_median_uS:.3g}); white {noise.share_white:.0%}, flicker "
            f"{noise.share_flicker:.0%}{'' if noise.slope is None else f' (1/f^{noise.slope:.2f})'}, "
            f"telegraph {noise.share_rtn:.0%}")
    if noise.rtn_amplitude_uS is None:
        return f"{text}; no two-state noise in any window"
    return (f"{text}; two states in {noise.rtn_windows:.0%} of the windows, {noise.rtn_amplitude_uS:.3g} uS apart, "
            f"dwell {noise.rtn_dwell_low_s:.3g} s low, {noise.rtn_dwell_high_s:.3g} s high")


def pooled_shares(noises: Sequence[SeriesNoise]) -> Shares:
    """Shares of the mean series (each weighs the same), and the slope weighted by the shares of flicker."""
    if not noises:
        raise ProfileError("no series of read noise is given, expected at least one")
    white, flicker, rtn = (float(np.mean([getattr(noise, f"share_{kind}") for noise in noises]))
                           for kind in ("white", "flicker", "rtn"))
    sloped = [(noise.share_flicker, noise.slope) for noise in noises if noise.slope is not None]
    total = sum(share for share, _ in sloped)
    return Shares(white, flicker, rtn, sum(share * slope for share, slope in sloped) / total if total else None)


def _fit_one(series: Series, window_s: float) -> SeriesNoise:
    where = f"{series.source}, level {series.level}, cell {series.cell}"
    windows, rate = _windows(series, window_s, where)
    variance = windows.var(axis=1)
    if not variance.any():
        raise ProfileError(f"{where}: every reading is {series.g_uS[0]:g} uS, expected noise")
    windows, still = windows[variance > 0], len(windows)
    telegraph = find_telegraph(windows, rate)
    shares = _shares(windows, rate, telegraph)
    found = telegraph.found
    n = windows.shape[1]
    values = (telegraph.amplitude_uS, telegraph.dwell_low_s, telegraph.dwell_high_s)
    amplitude, low, high = (float(np.median(value[found])) if found.any() else None for value in values)
    return SeriesNoise(
        series.source, series.level, series.cell, float(series.g_uS.mean()), len(series.g_uS) / series.rate_Hz,
        float(series.g_uS.std()), window_s, float(np.sqrt(variance.mean())), float(np.sqrt(np.median(variance))),
        (2 * rate / n, rate / 2), shares.white, shares.flicker, shares.rtn, shares.slope,
        float(found.sum()) / still, amplitude, low, high)


def _windows(series: Series, window_s: float, where: str) -> tuple[Floats, float]:
    """The series cut into windows [w, n] and its rate; neighbours averaged where a window would be very long."""
    n = round(window_s * series.rate_Hz)
    if n < MIN_SAMPLES or len(series.g_uS) < MIN_WINDOWS * n:
        raise ProfileError(f"{where}: {len(series.g_uS)} readings at {series.rate_Hz:g} Hz and windows of "
                           f"{window_s:g} s are not {MIN_WINDOWS} windows of {MIN_SAMPLES} readings")
    thin = -(-n // MAX_SAMPLES)
    n = n // thin * thin
    windows = series.g_uS[:len(series.g_uS) // n * n].reshape(-1, n // thin, thin).mean(axis=2)
    return windows.reshape(-1, n // thin), series.rate_Hz / thin


def _shares(windows: Floats, rate_Hz: float, telegraph: Telegraph) -> Shares:
    """Shares in the mean window of unit variance."""
    spectrum = spectrum_of(windows, rate_Hz)
    found = telegraph.found
    share = np.minimum(telegraph.variance_uS2[found] / windows.var(axis=1)[found], 1.0)
    density = telegraph_density(spectrum.frequency_Hz, rate_Hz, telegraph.dwell_low_s[found],
                                telegraph.dwell_high_s[found])
    known = (share[:, None] * density).sum(axis=0) / len(windows)
    return fit_shares(spectrum, known, float(share.sum()) / len(windows))
