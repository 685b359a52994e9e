"""Noise of known kind for the tests: telegraph signals, 1/f noise, white noise, every one from a seed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=seed))


def telegraph(rng: np.random.Generator, windows: int, n: int, dwell: tuple[float, float], amplitude: float) -> Floats:
    """Two-state signals [windows, n] at 0 and `amplitude` with mean dwell times in samples (low, high)."""
    leave_low, leave_high = 1 / dwell[0], 1 / dwell[1]
    state = rng.random(windows) < leave_low / (leave_low + leave_high)
    out = np.empty((windows, n))
    for t in range(n):
        out[:, t] = state
        leaves = rng.random(windows) < np.where(state, leave_high, leave_low)
        state = state ^ leaves
    return out * amplitude


def flicker(rng: np.random.Generator, n: int, slope: float) -> Floats:
    """1/f^slope noise [n] of unit variance: random Fourier coefficients, cut from a series eight times as long."""
    f = np.fft.rfftfreq(8 * n)
    f[0] = f[1]
    y = np.fft.irfft((rng.normal(size=len(f)) + 1j * rng.normal(size=len(f))) * f ** (-slope / 2))[:n]
    unit: Floats = y / y.std()
    return unit
