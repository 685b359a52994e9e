"""Read noise: spectra against closed forms, shares of known mixtures, and what each measured series shows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import trapezoid

from device_models.errors import ProfileError
from device_models.fit.read_noise import SeriesNoise, describe, fit_read_noise, pooled_shares
from device_models.fit.spectrum import spectrum_of, telegraph_density
from device_models.measured import Series, read_series
from tests.device_models.fit.noises import Floats, flicker, generator, telegraph
from tests.device_models.measured.files import measured

RATE = 400.0
N = 32_000


def fitted(noise: Floats, mean: float = 100.0) -> SeriesNoise:
    return fit_read_noise([Series("test", 3, 7, RATE, mean + noise)])[0]


def test_telegraph_spectrum_holds_the_variance_and_is_machlups() -> None:
    f = np.linspace(0, RATE / 2, 200_001)
    fast = telegraph_density(f, RATE, np.array([0.01]), np.array([0.02]))[0]
    assert trapezoid(fast, f) == pytest.approx(1, rel=1e-6)
    low, high = 1.0, 3.0  # slow against the sampling: S(f) = 4 T / (1 + (2 pi f T)^2), 1/T = 1/low + 1/high
    tau = 1 / (1 / low + 1 / high)
    slow = telegraph_density(f[f < 5], RATE, np.array([low]), np.array([high]))[0]
    np.testing.assert_allclose(slow, 4 * tau / (1 + (2 * np.pi * f[f < 5] * tau) ** 2), rtol=5e-3)


def test_telegraph_spectrum_is_that_of_signals() -> None:
    windows = telegraph(generator(1), 400, 400, (20, 10), 1.0)
    spectrum = spectrum_of(windows, RATE)
    expected = telegraph_density(spectrum.frequency_Hz, RATE, np.array([20 / RATE]), np.array([10 / RATE]))[0]
    band = (spectrum.frequency_Hz > 3) & (spectrum.frequency_Hz < 150)
    lost = 2 / (1 / 20 + 1 / 10) / 400  # variance of a window's mean, which the window does not show: 2 T / window
    assert np.mean(spectrum.density[band] / expected[band]) == pytest.approx(1 / (1 - lost), rel=0.01)


def test_white_noise_is_white() -> None:
    noise = fitted(generator(2).normal(size=N) * 0.5)
    assert noise.share_white > 0.95 and noise.share_rtn < 0.02 and noise.slope is None
    assert noise.sd_uS == pytest.approx(0.5, rel=0.02) and noise.relative == pytest.approx(0.005, rel=0.02)
    assert noise.sd_window_uS == pytest.approx(0.5 * np.sqrt(1 - 1 / RATE), rel=0.01)


@pytest.mark.parametrize("slope", [0.7, 1.0, 1.4])
def test_flicker_noise_is_flicker_of_its_slope(slope: float) -> None:
    noise = fitted(flicker(generator(3), N, slope))
    assert noise.share_flicker > 0.95 and noise.slope == pytest.approx(slope, abs=0.05)
    assert noise.sd_window_uS < noise.sd_uS and noise.rtn_amplitude_uS is None


def test_shares_of_a_mixture_are_those_put_in() -> None:
    """White, 1/f and a telegraph signal; the 1/f part counts as far as it lies within a window."""
    rng = generator(4)
    white, slow = 0.8 * rng.normal(size=N), 0.4 * flicker(rng, N, 1.0)
    signal = telegraph(rng, 1, N, (20, 20), 3.0)[0]
    noise = fitted(white + slow + signal)
    parts = np.array([part.reshape(-1, 400).var(axis=1).mean() for part in (white, slow, signal)])
    assert [noise.share_white, noise.share_flicker, noise.share_rtn] == pytest.approx(parts / parts.sum(), abs=0.03)
    assert noise.share_white + noise.share_flicker + noise.share_rtn == pytest.approx(1)
    assert noise.rtn_windows > 0.95 and noise.rtn_amplitude_uS == pytest.approx(3, rel=0.05)
    assert noise.rtn_dwell_low_s == pytest.approx(20 / RATE, rel=0.2)


def test_long_windows_are_thinned_out() -> None:
    noise = fit_read_noise([Series("test", 0, 0, 10_000.0, 50 + generator(5).normal(size=82_000))])[0]
    assert noise.band_Hz == (2, 500) and noise.share_white > 0.85  # of 8 windows


def test_pooled_shares_are_the_mean_series() -> None:
    noises = [fitted(generator(6).normal(size=N)), fitted(flicker(generator(7), N, 1.0))]
    pooled = pooled_shares(noises)
    assert pooled.white == pytest.approx(0.5, abs=0.05) and pooled.flicker == pytest.approx(0.5, abs=0.05)
    assert pooled.slope == pytest.approx(1.0, abs=0.08)
    with pytest.raises(ProfileError, match="no series"):
        pooled_shares([])


@pytest.mark.parametrize(("series", "message"), [
    (np.ones(N), "level 3, cell 7: every reading is 101 uS"), (np.arange(3000.0), "are not 8 windows of 64 readings")])
def test_series_without_noise_or_too_short_are_refused(series: Floats, message: str) -> None:
    with pytest.raises(ProfileError, match=message):
        fitted(series)


def test_what_the_measured_series_show() -> None:
    """Seen in their plots: two states in bursts at level 24 and in the end of 8, at 31 white and flicker alone."""
    path = measured("techA/tsdata.min.tsv.gz")
    series = read_series(path, rate_Hz=RATE, unit="S")
    assert [(one.level, one.cell, len(one.g_uS)) for one in series] == [(v, 0, 100_000) for v in (0, 8, 16, 24, 31)]
    assert [one.g_uS.mean() for one in series] == pytest.approx([9.479, 85.30, 134.04, 185.14, 253.03], rel=1e-3)
    short = [Series(one.source, one.level, one.cell, one.rate_Hz, g)
             for one, g in ((one, one.g_uS[-20_000:] if one.level == 8 else one.g_uS[:30_000]) for one in series)]
    by_level = {noise.level: noise for noise in fit_read_noise(short)}
    assert by_level[24].rtn_windows > 0.25 and by_level[24].rtn_amplitude_uS == pytest.approx(2, abs=0.7)
    assert by_level[8].rtn_windows > 0.25
    assert all(by_level[level].share_rtn < 0.1 for level in (0, 16, 31))
    assert all(noise.slope is not None and 0.9 < noise.slope < 1.6 for noise in by_level.values())
    assert all(noise.sd_window_uS < 0.8 * noise.sd_uS for level, noise in by_level.items() if level != 8)  # steps
    assert "no two-state noise" in describe(by_level[31]) or by_level[31].rtn_windows < 0.05
    assert describe(by_level[24]).startswith("level 24, cell 0: mean 18")
