"""Random telegraph noise in windows of a read-noise series: two states, against Gaussian noise with the same spectrum.

Both a telegraph signal and a Gaussian process of one relaxation time have a Lorentzian spectrum, so a spectrum cannot
tell them apart; the likelihood of the samples can. Each window is fitted with

  telegraph   y = m_s + e        s: two states, a hidden Markov chain; e: white (Baum-Welch: Rabiner, Proc. IEEE, 1989)
  Gaussian    y = m + x + e      x: first-order autoregression, e: white (exact likelihood, Kalman filter)

and two states are found where the Bayesian information criterion is for them by far (Schwarz, Ann. Stat. 6, 1978).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

MIN_TRANSITIONS = 4.0  # in a window: one step is relaxation, not a telegraph
MIN_GAIN = 10.0  # of the criterion: "very strong" evidence (Kass, Raftery, J. Am. Stat. Assoc. 90, 1995)

_ITERATIONS = 25
_RELAXATION = 1 - np.geomspace(0.003, 0.9, 8)  # autoregression coefficients that are tried
_RATIO = np.geomspace(3e-2, 1e3, 9)  # variance of the autoregression over that of the white noise
_SMALL = 1e-300


@dataclass(frozen=True)
class Telegraph:
    """One value a window, arrays [w]. Where `found` is false the other values are those of a rejected fit."""

    found: npt.NDArray[np.bool_]
    amplitude_uS: Floats  # distance of the two states
    dwell_low_s: Floats  # mean time in the state of lower conductance
    dwell_high_s: Floats
    variance_uS2: Floats  # of the telegraph signal alone: p (1 - p) amplitude^2
    bic_gain: Floats  # of two states over the Gaussian process: above MIN_GAIN two states win


def find_telegraph(windows_uS: Floats, rate_Hz: float) -> Telegraph:
    """Two-state noise in every window of `windows_uS` [w, n] (n >= 32, w may be 0), conductances in uS."""
    n = windows_uS.shape[1]
    low, high, stay, sigma, likelihood, p_high = _two_states(windows_uS)
    gain = 2 * (likelihood - _gaussian(windows_uS)) - np.log(n)  # five parameters against four
    leave_low, leave_high = 1 - stay[0], 1 - stay[1]
    transitions = n * 2 * leave_low * leave_high / (leave_low + leave_high)
    amplitude = high - low
    return Telegraph(
        found=(gain > MIN_GAIN) & (transitions >= MIN_TRANSITIONS) & (amplitude > sigma),
        amplitude_uS=amplitude, dwell_low_s=1 / (leave_low * rate_Hz), dwell_high_s=1 / (leave_high * rate_Hz),
        variance_uS2=p_high * (1 - p_high) * amplitude**2, bic_gain=gain,
    )


def _two_states(y: Floats) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats]:
    """Baum-Welch for all windows at once: low and high mean, stay [2, w], sigma, log-likelihood, share of high."""
    n = y.shape[1]
    means, sigma = _start(y)
    stay = np.full_like(means, 0.95)
    for _ in range(_ITERATIONS):
        emission = _emission(y, means, sigma)
        alpha, scale = _forward(emission, stay)
        gamma, moves = _backward(emission, stay, alpha, scale)
        weight = gamma.sum(axis=2) + _SMALL
        means = (gamma * y).sum(axis=2) / weight
        sigma = np.sqrt((gamma * (y - means[:, :, None]) ** 2).sum(axis=(0, 2)) / n)
        sigma = np.maximum(sigma, 1e-9 + 1e-6 * np.abs(means).max(axis=0))
        leave = np.clip(moves / weight, 0.2 / n, 0.9)  # never certain: a fifth of a transition is always granted
        stay = 1 - leave
    emission = _emission(y, means, sigma)
    _, scale = _forward(emission, stay)
    likelihood = np.log(scale).sum(axis=0) - n * np.log(sigma * np.sqrt(2 * np.pi))
    swapped = means[0] > means[1]
    means[:, swapped], stay[:, swapped] = means[::-1, swapped], stay[::-1, swapped]
    p_high = np.where(swapped, weight[0], weight[1]) / n
    return means[0], means[1], stay, sigma, likelihood, p_high


def _start(y: Floats) -> tuple[Floats, Floats]:
    """Two means [2, w] (some steps of k-means from the outer quantiles) and the deviation [w] around them."""
    means = np.quantile(y, [0.1, 0.9], axis=1)
    for _ in range(10):
        upper = np.abs(y - means[1][:, None]) < np.abs(y - means[0][:, None])
        count = upper.sum(axis=1)
        for state, chosen, size in ((0, ~upper, y.shape[1] - count), (1, upper, count)):
            means[state] = np.where(size > 0, (y * chosen).sum(axis=1) / np.maximum(size, 1), means[state])
    residual = np.minimum(np.abs(y - means[0][:, None]), np.abs(y - means[1][:, None]))
    return means, np.sqrt((residual**2).mean(axis=1)) + 1e-9


def _emission(y: Floats, means: Floats, sigma: Floats) -> Floats:
    """Density of every sample in each state, [2, w, n], without the factor 1 / (sigma sqrt(2 pi))."""
    return np.exp(-0.5 * ((y - means[:, :, None]) / sigma[:, None]) ** 2) + _SMALL


def _forward(emission: Floats, stay: Floats) -> tuple[Floats, Floats]:
    """Scaled forward probabilities [n, 2, w] and the scales [n, w]."""
    _, windows, n = emission.shape
    alpha, scale = np.empty((n, 2, windows)), np.empty((n, windows))
    now = np.full((2, windows), 0.5)
    leave = 1 - stay
    for t in range(n):
        now = (now * stay + (now * leave)[::-1] if t else now) * emission[:, :, t]
        scale[t] = now.sum(axis=0)
        now = now / scale[t]
        alpha[t] = now
    return alpha, scale


def _backward(emission: Floats, stay: Floats, alpha: Floats, scale: Floats) -> tuple[Floats, Floats]:
    """Posterior of the states [2, w, n] and the expected number of times that each is left [2, w]."""
    n = emission.shape[2]
    leave = 1 - stay
    beta = np.ones_like(stay)
    gamma = np.empty_like(emission)
    moves = np.zeros_like(stay)
    gamma[:, :, n - 1] = alpha[n - 1]
    for t in range(n - 2, -1, -1):
        ahead = emission[:, :, t + 1] * beta / scale[t + 1]
        moves += alpha[t] * leave * ahead[::-1]
        beta = stay * ahead + leave * ahead[::-1]
        gamma[:, :, t] = alpha[t] * beta
    return gamma, moves


def _gaussian(y: Floats) -> Floats:
    """Largest log-likelihood [w] of autoregression plus white noise: mean and scale in closed form, else a grid."""
    windows, n = y.shape
    phi, ratio = (grid.ravel() for grid in np.meshgrid(_RELAXATION, _RATIO))
    predicted = ratio.copy()  # variance of x before the sample is seen, in units of the white noise's variance
    centre = y.mean(axis=1, keepdims=True)
    centred = y - centre
    state, state_1 = np.zeros((windows, len(phi))), np.zeros(len(phi))
    yy, y1, ones, log_det = np.zeros_like(state), np.zeros_like(state), np.zeros_like(phi), np.zeros_like(phi)
    for t in range(n):  # the filter of the samples, and of a series of ones for the mean
        variance = predicted + 1
        gain = predicted / variance
        surprise, surprise_1 = centred[:, t, None] - state, 1 - state_1
        yy += surprise**2 / variance
        y1 += surprise * (surprise_1 / variance)
        ones += surprise_1**2 / variance
        log_det += np.log(variance)
        state = phi * (state + gain * surprise)
        state_1 = phi * (state_1 + gain * surprise_1)
        predicted = phi**2 * predicted / variance + (1 - phi**2) * ratio
    scale = np.maximum((yy - y1**2 / ones) / n, 1e-18 + 1e-12 * centre**2)
    best: Floats = (-0.5 * (n * np.log(2 * np.pi * scale) + n + log_det)).max(axis=1)
    return best
