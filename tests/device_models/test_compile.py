"""Compiled tables against scipy.stats and against the moments that they must keep."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, reject, settings
from scipy import stats

from device_models.compile import CompiledProfile, compile_profile
from device_models.errors import ProfileError
from device_models.octave import node_probabilities
from device_models.profile import DeviceProfile
from tests.device_models.documents import EVIDENCE, document, documents

STEP = 30 / 2048  # of documents.document: 10, 20, 40 uS


def compiled(**parts: Any) -> CompiledProfile:
    return compile_profile(DeviceProfile.from_dict(document(**parts)))


def spread(distribution: str, reference: str, sigma: Any, **more: Any) -> dict[str, Any]:
    return {"distribution": distribution, "reference": reference, "sigma": sigma, "evidence": EVIDENCE, **more}


def moments(table: npt.NDArray[np.int32]) -> tuple[float, float]:
    """Mean and deviation in G steps of what a table draws, by brute force over 2^16 equal shares of the words."""
    r = (np.arange(2**15) + 0.5) * 2**9
    below = np.clip(np.searchsorted(node_probabilities() * 2**25, r, side="right") - 1, 0, 512)
    nodes = node_probabilities() * 2**25
    part = (r - nodes[below]) / (nodes[below + 1] - nodes[below])
    x = np.concatenate([half[below] + part * (half[below + 1] - half[below]) for half in table / 256])
    return float(x.mean()), float(x.std())


@pytest.mark.parametrize(("reference", "sigma", "sd"), [
    ("own_conductance", 0.3, [3.0, 6.0, 12.0]),
    ("full_scale", 0.05, [2.0, 2.0, 2.0]),
    ("absolute_uS", 1.5, [1.5, 1.5, 1.5]),
    ("own_conductance", [0.1, 0.2, 0.0], [1.0, 4.0, 0.0]),
])
def test_normal_tables_are_scipys_quantiles(reference: str, sigma: Any, sd: list[float]) -> None:
    tables = compiled(programming=spread("normal", reference, sigma)).quantiles
    p = node_probabilities()[1:]
    for level, (target, deviation) in enumerate(zip([10.0, 20.0, 40.0], sd, strict=True)):
        expected = target + deviation * stats.norm.ppf(np.stack([p, 1 - p]))
        np.testing.assert_allclose(tables[level, :, 1:] * STEP / 256, expected, atol=0.51 * STEP / 256)
    assert tables.dtype == np.int32
    assert tables.shape == (3, 2, 514)


def test_log_normal_tables_are_scipys_quantiles_and_keep_mean_and_deviation() -> None:
    tables = compiled(programming=spread("log-normal", "own_conductance", 0.5, target_is="mean")).quantiles
    s = np.sqrt(np.log(1.25))
    p = node_probabilities()[1:]
    for level, target in enumerate([10.0, 20.0, 40.0]):
        twin = stats.lognorm(s, scale=target / np.sqrt(1.25))
        np.testing.assert_allclose(tables[level, 0, 1:] * STEP / 256, twin.ppf(p), atol=0.51 * STEP / 256)
        np.testing.assert_allclose(tables[level, 1, 1:] * STEP / 256, twin.isf(p), atol=0.51 * STEP / 256)
        mean, sd = moments(tables[level])
        assert mean * STEP == pytest.approx(target, rel=1e-4)
        assert sd * STEP == pytest.approx(target / 2, rel=1e-3)


def test_the_end_node_gives_its_segment_the_distributions_mean() -> None:
    c = compiled(programming=spread("log-normal", "own_conductance", 0.5, target_is="mean"))
    p1 = node_probabilities()[1]
    beyond = (np.arange(200_000) + 0.5) / 200_000 * p1
    twin = stats.lognorm(np.sqrt(np.log(1.25)), scale=40 / np.sqrt(1.25))
    upper = c.quantiles[2, 1, :2].mean() * STEP / 256
    assert upper == pytest.approx(twin.isf(beyond).mean(), rel=1e-4)
    assert c.normal[:2].astype(float).mean() == pytest.approx(stats.norm.ppf(beyond).mean(), rel=1e-5)


def test_the_unit_normal_is_the_lower_half() -> None:
    normal = compiled().normal
    np.testing.assert_allclose(normal[1:], stats.norm.ppf(node_probabilities()[1:]), rtol=1e-7, atol=1e-12)
    assert normal.dtype == np.float32
    assert normal[513] == 0


def test_a_quantile_table_passes_through() -> None:
    deviation = [[-4.0, -1.0, 0.5, 8.0]] * 3
    table = {"distribution": "quantiles", "reference": "absolute_uS", "probability": [0, 0.25, 0.5, 1],
             "deviation": deviation, "evidence": EVIDENCE}
    tables = compiled(programming=table).quantiles
    p = node_probabilities()
    expected = np.stack([np.interp(q, [0, 0.25, 0.5, 1], deviation[0]) for q in (p, 1 - p)])
    for level, target in enumerate([10.0, 20.0, 40.0]):
        np.testing.assert_allclose(tables[level] * STEP / 256, target + expected, atol=0.51 * STEP / 256)


def test_variance_is_that_of_the_drawn_cells_and_knows_that_none_is_below_zero() -> None:
    narrow = compiled(programming=spread("normal", "absolute_uS", 1.0))
    np.testing.assert_allclose(narrow.var * STEP**2, 1.0, rtol=1e-3)
    wide = compiled(programming=spread("normal", "own_conductance", 1.0))
    cut = stats.norm(1, 1).expect(lambda g: g**2, lb=0) - stats.norm(1, 1).expect(lambda g: g, lb=0) ** 2
    np.testing.assert_allclose(wide.var * STEP**2, cut * np.array([10.0, 20.0, 40.0]) ** 2, rtol=2e-3)


def test_target_read_noise_and_faults_are_in_g_steps() -> None:
    c = compiled(
        read_noise={"relative": {"value": 0.02, "evidence": EVIDENCE},
                    "absolute_uS": {"value": [0.1, 0.2, 0.3], "evidence": EVIDENCE}},
        faults={"stuck_low": {"probability": 0.25, "conductance_uS": 0.0, "evidence": EVIDENCE},
                "stuck_high": {"probability": 0.125, "conductance_uS": 60.0, "evidence": EVIDENCE}})
    assert c.g_step_us == STEP
    np.testing.assert_array_equal(c.target, np.rint(np.array([10, 20, 40]) / STEP))
    np.testing.assert_allclose(c.read_a * STEP, [0.1, 0.2, 0.3])
    np.testing.assert_array_equal(c.read_b, [0.02] * 3)
    np.testing.assert_array_equal(c.faults, [2**30, 2**30 + 2**29, 0, 4096])
    assert compiled().faults.tolist() == [0, 0, 0, 0]
    everywhere = {"stuck_low": {"probability": 1.0, "conductance_uS": 5.0, "evidence": EVIDENCE}}
    assert compiled(faults=everywhere).faults.tolist() == [2**32 - 1, 2**32 - 1, round(5 / STEP), 0]


@pytest.mark.parametrize(("parts", "line"), [
    ({"levels": {"conductance_uS": [100.0, 101.0, 102.0], "evidence": EVIDENCE}},
     "profile t: levels.conductance_uS: highest level 102 uS is not <= 31.999 uS, 16 times highest minus lowest"),
    ({"programming": spread("log-normal", "own_conductance", 20.0, target_is="median")},
     "profile t: programming: 1.3 % of the cells of level 0 lie above 479.985 uS (16 times highest minus "
     "lowest level); at most 0.1 % may"),
    ({"faults": {"stuck_high": {"probability": 0.1, "conductance_uS": 500.0, "evidence": EVIDENCE}}},
     "profile t: faults.stuck_high.conductance_uS: 500 is not <= 479.985"),
])
def test_what_does_not_fit_a_cell_is_refused(parts: dict[str, Any], line: str) -> None:
    with pytest.raises(ProfileError) as caught:
        compiled(**parts)
    assert str(caught.value) == line


@settings(max_examples=40)
@given(documents())
def test_tables_never_fall(data: dict[str, Any]) -> None:
    try:
        c = compile_profile(DeviceProfile.from_dict(data))
    except ProfileError:  # levels or faults that do not fit 16 bits
        reject()
    lower, upper = c.quantiles[:, 0].astype(np.int64), c.quantiles[:, 1].astype(np.int64)
    assert (np.diff(lower) >= 0).all()
    assert (np.diff(upper) <= 0).all()
    np.testing.assert_array_equal(lower[:, -1], upper[:, -1])
    assert np.isfinite(c.var).all()
    assert (c.var >= 0).all()
