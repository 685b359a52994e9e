"""The pulse response: the fit finds what made the data, and says of measured data what simple statistics say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from device_models.errors import ProfileError
from device_models.fit.pulse_response import best_degree, fit_steps
from device_models.profile import DeviceProfile
from device_models.pulse_response import PulseResponse, StepLaw
from device_models.write.port import Pulse
from device_models.write.response import ResponseCells
from tests.device_models.documents import EVIDENCE, document

Array = npt.NDArray[np.float64]
SCALE = {"zero_uS": 50.0, "uS_per_unit": 20.0, "evidence": EVIDENCE}


def simulate(law: StepLaw, n: int, seed: int, start: float = -0.8) -> Array:
    """A trace, from the equations in StepLaw's docstring, with NumPy's own generator."""
    rng = np.random.default_rng(seed)
    x, u, trace = start, law.fading_sd * rng.normal(), []
    for _ in range(n):
        x += sum(c * x**k for k, c in enumerate(law.polynomial)) + law.cycle_sd * rng.normal()
        u = law.memory * u + law.fading_sd * np.sqrt(1 - law.memory**2) * rng.normal()
        trace.append(x + u + law.reading_sd * rng.normal())
    return np.array(trace)


def test_the_fit_finds_the_law_that_made_the_traces() -> None:
    law = StepLaw(polynomial=(0.004, -0.004), cycle_sd=0.01, fading_sd=0.1, memory=0.9, reading_sd=0.06, pulses=1)
    found = fit_steps([simulate(law, 1000, seed) for seed in range(4)], degree=1)
    assert found.pulses == 4 * 999
    np.testing.assert_allclose(found.polynomial, law.polynomial, atol=0.001)
    assert found.fading_sd == pytest.approx(law.fading_sd, rel=0.12)
    assert found.memory == pytest.approx(law.memory, abs=0.03)
    assert found.reading_sd == pytest.approx(law.reading_sd, rel=0.1)
    assert found.cycle_sd == pytest.approx(law.cycle_sd, abs=0.006)


def test_the_unit_of_the_state_makes_no_difference() -> None:
    law = StepLaw(polynomial=(0.004, -0.004), cycle_sd=0.02, reading_sd=0.05, pulses=1)
    trace = simulate(law, 400, 1)
    one, other = fit_steps([trace], 1), fit_steps([300 + 100 * trace], 1)
    assert other.reading_sd == pytest.approx(100 * one.reading_sd, rel=0.01)
    steps = [np.polynomial.Polynomial(fit.polynomial)(x) for fit, x in ((one, 0.1), (other, 310.0))]
    assert steps[1] == pytest.approx(100 * steps[0], rel=0.05)


def test_the_degree_is_chosen_by_the_data() -> None:
    bent = StepLaw(polynomial=(0.01, -0.012), cycle_sd=0.01, reading_sd=0.02, pulses=1)
    straight = StepLaw(polynomial=(0.002,), cycle_sd=0.0, reading_sd=0.02, pulses=1)
    assert len(best_degree([simulate(bent, 300, seed) for seed in range(2)], 1).polynomial) == 2
    assert len(best_degree([simulate(straight, 300, 3)], 1).polynomial) == 1


def gong(shared_data: Path) -> Array:
    """The 1000 readings up and down."""
    return np.loadtxt(shared_data / "rram/pulse-response/gong_et_al.csv", delimiter=",")


@pytest.mark.parametrize("column", [0, 1])
def test_gong_the_fitted_noise_has_the_measured_increments(shared_data: Path, column: int) -> None:
    """var(y[n+k] - y[n]) / 2 of the detrended trace, for k from 1 to 40, against the law's closed form."""
    trace = gong(shared_data)[:, column]
    law = fit_steps([trace], 1)
    n = np.arange(len(trace))
    rest = trace - np.polyval(np.polyfit(n, trace, 3), n)
    for k in (1, 2, 5, 10, 20, 40):
        measured = np.mean((rest[k:] - rest[:-k]) ** 2) / 2
        closed = law.reading_sd**2 + law.fading_sd**2 * (1 - law.memory**k) + k * law.cycle_sd**2 / 2
        assert measured == pytest.approx(closed, rel=0.2), k
    drift = (trace[-100:].mean() - trace[:100].mean()) / 900
    assert np.polynomial.Polynomial(law.polynomial)(trace[50:-50]).mean() == pytest.approx(drift, rel=0.2)


@pytest.mark.parametrize(("name", "sign"), [("set", 1), ("reset", -1)])
def test_crosssim_the_step_is_the_mean_step_where_the_state_is(shared_data: Path, name: str, sign: int) -> None:
    """Against means over quarters of the range; the noise is small against the steps, so differences show them."""
    path = shared_data / f"rram/pulse-response/crosssim_{name}.csv"
    table = np.genfromtxt(path, delimiter=",", skip_header=1)[:, :3] * 1e6 / 0.1  # uS at a read voltage of 0.1 V
    runs = [run[~np.isnan(run)] for run in table.T]
    step = np.polynomial.Polynomial(fit_steps(runs, 3).polynomial)
    state, moved = (np.concatenate(parts) for parts in ([run[:-1] for run in runs], [np.diff(run) for run in runs]))
    for low, high in zip(np.quantile(state, [0.05, 0.3, 0.6]), np.quantile(state, [0.3, 0.6, 0.9]), strict=True):
        inside = (state >= low) & (state < high)
        assert step(state[inside]).mean() == pytest.approx(moved[inside].mean(), rel=0.12)
        assert sign * moved[inside].mean() > 0


def test_cells_do_what_the_law_says() -> None:
    up = StepLaw(polynomial=(0.02, -0.01), cycle_sd=0.01, fading_sd=0.1, memory=0.8, reading_sd=0.05, pulses=1)
    down = StepLaw(polynomial=(-0.05,), cycle_sd=0.0, reading_sd=0.0, pulses=1)
    response = PulseResponse.model_validate({"state_range": (-1.0, 1.0), "up": up, "down": down, "scale": SCALE,
                                             "evidence": EVIDENCE})
    n = 20_000
    cells, everyone = ResponseCells(response, n, seed=2), np.ones(n, dtype=bool)
    for _ in range(20):
        cells.apply(Pulse("set", 1.0, None, 1e-6), everyone)
    x = 2 * (1 - 0.99**20)  # of x' = 0.99 x + 0.02 from 0
    g = cells.conductance_uS()
    assert g.mean() == pytest.approx(50 + 20 * x, abs=0.1)
    stays = 0.01**2 * (1 - 0.99**40) / (1 - 0.99**2)
    assert g.std() == pytest.approx(20 * np.sqrt(stays + 0.1**2), rel=0.02)
    assert (cells.read() - g).std() == pytest.approx(1.0, rel=0.02)
    half = np.arange(n) < n // 2
    cells.apply(Pulse("reset", 1.0, None, 1e-6), half)
    np.testing.assert_array_equal(cells.conductance_uS()[~half], g[~half])
    for _ in range(60):
        cells.apply(Pulse("reset", 1.0, None, 1e-6), everyone)
    np.testing.assert_allclose(cells.conductance_uS(), 30.0)  # the end of the range, and nothing that fades


def test_traces_that_are_none_are_refused() -> None:
    for traces, said in (([np.zeros(10)], "9 pulses is not >= 30"), ([np.ones(50)], "every reading is 1, expected"),
                         ([np.arange(50.0), np.array([0.0] * 6 + [np.nan])], "run 2, reading 7: not a finite")):
        with pytest.raises(ProfileError, match=said):
            fit_steps(traces, 1)


def test_a_step_beyond_all_numbers_is_refused() -> None:
    law = {"polynomial": [0.1, 1e308, -1e308], "cycle_sd": 0.0, "reading_sd": 0.0, "pulses": 1}
    response = {"state_range": [-5.0, 5.0], "up": law, "down": law, "scale": SCALE, "evidence": EVIDENCE}
    data = document(pulse_response=response)
    with pytest.raises(ProfileError, match="pulse_response: up: a step at the end of state_range is not a finite"):
        DeviceProfile.from_dict(data)
