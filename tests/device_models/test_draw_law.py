"""Property: whatever the profile, cells that are compiled and drawn have the distribution that it states."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from device_models import draws
from device_models.compile import compile_profile, programming_distribution
from device_models.profile import DeviceProfile
from tests.device_models.documents import EVIDENCE, document

LEVELS = (40.0, 60.0, 100.0)  # uS: no spread below reaches zero, where all cells of a normal spread below it lie
N = 4000


def _three(low: float, high: float) -> st.SearchStrategy[list[float]]:
    return st.lists(st.floats(low, high), min_size=3, max_size=3)


SIGMA, SHIFT = _three(0.5, 6), _three(-6, 6)
SPREADS = st.one_of(
    st.fixed_dictionaries({"distribution": st.just("normal"), "sigma": SIGMA, "shift": SHIFT}),
    st.fixed_dictionaries({"distribution": st.just("log-normal"), "sigma": SIGMA, "shift": SHIFT,
                           "target_is": st.sampled_from(["mean", "median"])}),
    st.fixed_dictionaries({"distribution": st.just("gaussian-mixture"), "weight": st.just([[0.5, 0.3, 0.2]] * 3),
                           "shift": st.lists(SHIFT, min_size=3, max_size=3),
                           "sigma": st.lists(_three(0.5, 4), min_size=3, max_size=3)}),
    st.fixed_dictionaries({"distribution": st.just("quantiles"), "probability": st.just([0, 0.2, 0.9, 1]),
                           "deviation": st.lists(st.lists(st.floats(-20, 20), min_size=4, max_size=4).map(sorted),
                                                 min_size=3, max_size=3)}))


def law(spread: dict[str, Any], level: int) -> Any:
    """The distribution function in uS by scipy; independent of device_models.distributions."""
    target = LEVELS[level]
    if spread["distribution"] == "normal":
        return stats.norm(target + spread["shift"][level], spread["sigma"][level]).cdf
    if spread["distribution"] == "log-normal":
        centre, sd = target + spread["shift"][level], spread["sigma"][level]
        if spread["target_is"] == "mean":
            s2 = np.log(1 + (sd / centre) ** 2)
            return stats.lognorm(s2**0.5, scale=centre * np.exp(-s2 / 2)).cdf
        u = (1 + np.sqrt(1 + 4 * (sd / centre) ** 2)) / 2  # u (u - 1) = (sd / median)^2
        return stats.lognorm(np.log(u) ** 0.5, scale=centre).cdf
    if spread["distribution"] == "gaussian-mixture":
        rows = zip(spread["weight"][level], spread["shift"][level], spread["sigma"][level], strict=True)
        parts = [(w, stats.norm(target + m, s)) for w, m, s in rows]
        return lambda x: sum(w * part.cdf(x) for w, part in parts)
    x, p = target + np.array(spread["deviation"][level]), spread["probability"]
    return lambda g: np.interp(g, x, p)


@settings(max_examples=25)
@given(SPREADS, st.integers(0, 2), st.integers(0, 2**32))
def test_cells_that_are_drawn_have_the_law_that_is_stated(spread: dict[str, Any], level: int, seed: int) -> None:
    profile = DeviceProfile.from_dict(document(
        levels={"conductance_uS": list(LEVELS), "evidence": EVIDENCE},
        programming={**spread, "reference": "absolute_uS", "evidence": EVIDENCE}))
    compiled = compile_profile(profile)
    cdf, half = law(spread, level), compiled.g_step_us / 2
    cells = np.sort(draws.draw_cells(compiled, np.full(N, level, dtype=np.uint8), seed, layer=0).uS)
    # a cell in whole G steps stands for half a step to either side; the law may have steps of its own there
    above = np.arange(1, N + 1) / N - cdf(cells + 1.01 * half)
    below = cdf(cells - 1.01 * half) - np.arange(N) / N
    assert max(above.max(), below.max()) < 2.8 / N**0.5  # by chance: 3e-7 a draw, exp(-2 * 2.8^2)
    table = programming_distribution(profile, level)
    x = np.linspace(1, 200, 300)
    flat = np.abs(cdf(x + 1e-6) - cdf(x - 1e-6)) < 1e-4
    np.testing.assert_allclose(table.cdf(x)[flat], cdf(x)[flat], atol=1e-6)
