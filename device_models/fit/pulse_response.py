"""Fits the step of a pulse, and its noise, to measured conductance against pulse number.

    law = fit_steps([up_trace], degree=2)                    # a StepLaw
    law = best_degree([up_trace])                            # degree 0 to 3, by the Bayesian information criterion

A trace is a state that drifts by P(x) with noise that stays, plus a disturbance that later pulses wear off, seen
through readings with noise of their own (StepLaw). Increments alone confuse the three, so the parameters maximise the
likelihood of the one-pulse-ahead predictions: a Kalman filter with P linearised at the estimate (A. C. Harvey,
Forecasting, Structural Time Series Models and the Kalman Filter, 1989, section 3.4; local level, first-order
autoregression and white noise). In gong_et_al.csv the noise about the trend has a correlation of 0.5 over 2 pulses and
of 0.2 over 20: without the part that wears off, all of it would have to stay, and 1000 pulses would scatter by 1.5
units; they scatter by 0.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit

from device_models.errors import ProfileError
from device_models.pulse_response import StepLaw

Array = npt.NDArray[np.float64]
MIN_PULSES = 30


@dataclass(frozen=True)
class _Fit:
    law: StepLaw
    bic: float


def fit_steps(traces: Sequence[Array], degree: int) -> StepLaw:
    """The StepLaw of `traces`, runs of consecutive readings (each [n], any state unit) under identical pulses.

    Valid within the range of the traces. ProfileError for under 30 pulses, readings that are no numbers or all alike.
    """
    return _fit(traces, degree).law


def best_degree(traces: Sequence[Array], highest: int = 3) -> StepLaw:
    """The same with the degree from 0 to `highest` that has the lowest Bayesian information criterion."""
    return min((_fit(traces, degree) for degree in range(highest + 1)), key=lambda fit: fit.bic).law


def _fit(traces: Sequence[Array], degree: int) -> _Fit:
    runs = _checked(traces)
    pulses = sum(len(run) - 1 for run in runs)
    low, high = min(float(run.min()) for run in runs), max(float(run.max()) for run in runs)
    if high <= low:
        raise ProfileError(f"pulse response: every reading is {low:g}, expected a response")
    middle, half = (low + high) / 2, (high - low) / 2
    scaled = [((run - middle) / half).tolist() for run in runs]
    typical = sum(abs(run[-1] - run[0]) for run in scaled) / pulses + 1e-6

    def cost(p: Array) -> float:
        return _predict(scaled, (p[: degree + 1] * typical).tolist(), _Noise.of(p[degree + 1 :]))[0]

    def search(start: Array, iterations: int) -> Any:
        bounds = [(None, None)] * (degree + 1) + [(_NONE, 9.0)] * 2 + [(-3.0, 6.0)]
        return minimize(cost, start, method="L-BFGS-B", bounds=bounds, options={"maxiter": iterations})

    drift = np.zeros(degree + 1)
    drift[0] = np.sign(sum(run[-1] - run[0] for run in scaled))
    tried = [search(np.concatenate([drift, noise]), _TRIAL) for noise in _STARTS]
    best = search(min(tried, key=lambda found: float(found.fun)).x, 300)
    step, noise = best.x[: degree + 1] * typical, _Noise.of(best.x[degree + 1 :])
    sd = half * float(np.sqrt(_predict(scaled, step.tolist(), noise)[1]))
    polynomial = np.polynomial.Polynomial(step * half)(np.polynomial.Polynomial([-middle / half, 1 / half]))
    law = StepLaw(polynomial=tuple(float(c) for c in polynomial.coef), cycle_sd=sd * noise.cycle**0.5,
                  fading_sd=sd * noise.fading**0.5, memory=noise.memory, reading_sd=sd * noise.reading**0.5,
                  pulses=pulses)
    return _Fit(law, 2 * float(best.fun) + (degree + 5) * log(pulses))


_TRIAL = 6  # iterations from each start, before the best one goes on
_NONE = -9.0  # log ratio of variances at which a noise counts as absent
_STARTS = ((0.0, 0.0, 1.0), (-4.0, 2.0, 2.0), (3.0, -3.0, 0.0))  # of the search, each as _Noise.of takes it


@dataclass(frozen=True)
class _Noise:
    """Variances that add up to 1: noise that stays, that wears off by `memory` a pulse, and of a reading."""

    cycle: float
    fading: float
    reading: float
    memory: float

    @classmethod
    def of(cls, p: Array) -> _Noise:
        """From three free numbers: log ratios to the reading's variance, and the logit of memory."""
        e = np.exp([p[0], p[1], 0.0]) * [p[0] > _NONE, p[1] > _NONE, True]
        cycle, fading, reading = (e / e.sum()).tolist()
        return cls(cycle, fading, reading, float(expit(p[2])))


def _checked(traces: Sequence[Array]) -> list[Array]:
    runs = [np.asarray(trace, dtype=np.float64) for trace in traces if len(trace) > 1]
    pulses = sum(len(run) - 1 for run in runs)
    if pulses < MIN_PULSES:
        raise ProfileError(f"pulse response: {pulses} pulses is not >= {MIN_PULSES}")
    for number, run in enumerate(runs, start=1):
        if not np.isfinite(run).all():
            raise ProfileError(f"pulse response: run {number}, reading {int(np.argmin(np.isfinite(run))) + 1}: "
                               "not a finite number")
    return runs


def _predict(runs: list[list[float]], step: list[float], noise: _Noise) -> tuple[float, float]:
    """Negative log likelihood without constants, and the sum of the noise variances that minimises it.

    State (x, u) with covariance (xx, xu, uu). Plain floats: a trace is a chain of scalars.
    """
    slope = [k * c for k, c in enumerate(step)][1:]
    memory, fresh = noise.memory, noise.fading * (1 - noise.memory**2)
    squares = logs = 0.0
    for run in runs:
        x, u, xx, xu, uu = run[0], 0.0, noise.reading + noise.fading, -noise.fading, noise.fading
        for y in run[1:]:
            drift = derivative = 0.0
            for c in reversed(step):
                drift = drift * x + c
            for c in reversed(slope):
                derivative = derivative * x + c
            stays = 1 + derivative
            x, u = x + drift, memory * u
            xx, xu, uu = stays * stays * xx + noise.cycle, stays * memory * xu, memory * memory * uu + fresh
            toward_x, toward_u = xx + xu, xu + uu
            expected = toward_x + toward_u + noise.reading
            error = y - x - u
            squares += error * error / expected
            logs += log(expected)
            x = max(min(x + toward_x / expected * error, 3.0), -3.0)  # trial steps of the search must not run away
            u += toward_u / expected * error
            xx, xu, uu = (xx - toward_x * toward_x / expected, xu - toward_x * toward_u / expected,
                          uu - toward_u * toward_u / expected)
    count = sum(len(run) - 1 for run in runs)
    variance = squares / count
    return (count * log(variance) + logs) / 2, variance
