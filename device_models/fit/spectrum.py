"""Shares of white, flicker (1/f^a) and telegraph noise in a spectrum whose telegraph part is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SLOPES = (0.3, 2.5)  # of flicker noise: from nearly white to steeper than a random walk


@dataclass(frozen=True)
class Spectrum:
    """One-sided power spectral density in 1/Hz of noise of unit variance: `density` [f] at `frequency_Hz` [f]."""

    frequency_Hz: Floats
    density: Floats


@dataclass(frozen=True)
class Shares:
    """Shares of the power in the band, adding up to 1; `slope` is a of 1/f^a, None where flicker has under 5 %."""

    white: float
    flicker: float
    rtn: float
    slope: float | None


def spectrum_of(windows: Floats, rate_Hz: float) -> Spectrum:
    """Mean spectrum of windows [w, n], each scaled to unit variance first, so that a burst does not drown the others.

    Hann window, the mean taken off (Welch, IEEE Trans. Audio Electroacoust. 15, 1967). From twice the lowest frequency
    on: below, the taper mixes in what is slower than a window.
    """
    from scipy import signal

    scaled = (windows - windows.mean(axis=1, keepdims=True)) / windows.std(axis=1, keepdims=True)
    frequency, density = signal.welch(scaled, rate_Hz, window="hann", nperseg=windows.shape[1], detrend="constant")
    return Spectrum(frequency[2:-1], density.mean(axis=0)[2:-1])


def telegraph_density(frequency_Hz: Floats, rate_Hz: float, dwell_low_s: Floats, dwell_high_s: Floats) -> Floats:
    """Spectra [w, f] of sampled telegraph signals of unit variance, one-sided, 1/Hz.

    A Lorentzian (Machlup, J. Appl. Phys. 25, 1954) as sampling folds it: the spectrum of a two-state Markov chain.
    """
    rho = 1 - (1 / dwell_low_s + 1 / dwell_high_s)[:, None] / rate_Hz
    turn = np.cos(2 * np.pi * frequency_Hz / rate_Hz)
    density: Floats = 2 / rate_Hz * (1 - rho**2) / (1 - 2 * rho * turn + rho**2)
    return density


def fit_shares(spectrum: Spectrum, telegraph: Floats, share_rtn: float) -> Shares:
    """White + flicker + the telegraph density [f] that is known: least squares of the logarithm."""
    from scipy.optimize import least_squares

    f, observed = spectrum.frequency_Hz, np.maximum(spectrum.density, 1e-300)
    centre = float(np.exp(np.log(f).mean()))
    level = float(np.exp(np.log(observed).mean()))

    def parts(x: Floats) -> tuple[Floats, Floats]:
        return np.full_like(f, np.exp(x[0])), np.exp(x[1]) * (f / centre) ** -x[2]

    def residual(x: Floats) -> Floats:
        white, flicker = parts(x)
        misfit: Floats = np.log((white + flicker + telegraph) / observed)
        return misfit

    bounds = ([np.log(level) - 15] * 2 + [SLOPES[0]], [np.log(level) + 10] * 2 + [SLOPES[1]])
    starts = [[np.log(level) + w, np.log(level) + k, a] for w, k in ((0.0, -3.0), (-3.0, 0.0)) for a in (0.8, 1.5)]
    best = min((least_squares(residual, start, bounds=bounds) for start in starts), key=lambda fit: float(fit.cost))
    white, flicker = (float(part.sum()) for part in parts(best.x))
    rest = (1 - share_rtn) / (white + flicker)
    share_flicker = flicker * rest
    return Shares(white * rest, share_flicker, share_rtn, float(best.x[2]) if share_flicker >= 0.05 else None)
