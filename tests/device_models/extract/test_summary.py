"""Spread under every convention, against closed forms; and what the measured arrays say."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import lognorm, norm

from device_models.errors import ProfileError
from device_models.extract import extract
from device_models.extract.conventions import MEANING, spreads
from device_models.extract.counts import Array, Ints

CENTRES = np.array([20.0, 50.0, 80.0, 110.0])
PER_LEVEL = 4000
P = (np.arange(PER_LEVEL) + 0.5) / PER_LEVEL


def rng() -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=1))


def test_every_convention_of_normal_levels() -> None:
    found = {(s.convention, s.kind): s for s in spreads([c + 3 * norm.ppf(P) for c in CENTRES], rng(), 5)}
    assert {name for name, _ in found} == set(MEANING)
    known: dict[str, Any] = {
        "own_mean": 3 / CENTRES, "full_scale": 3 / 110, "range": 3 / 90, "step": 3 / 30, "absolute": 3.0}
    for name, value in known.items():
        for kind in ("plain", "robust"):
            one = found[name, kind]
            np.testing.assert_allclose(one.per_level, np.broadcast_to(value, 4), rtol=2e-3)
            assert one.median == pytest.approx(np.median(np.broadcast_to(value, 4)), rel=2e-3)
            assert one.rms == pytest.approx(np.sqrt(np.mean(np.broadcast_to(value, 4) ** 2)), rel=2e-3)
            assert one.variance == one.median**2


def test_log_normal_levels_are_alike_in_the_log_domain_and_their_plain_sd_is_the_wider_one() -> None:
    s = 0.4
    cells = [lognorm.ppf(P, s, scale=c) for c in CENTRES]
    found = {(one.convention, one.kind): one for one in spreads(cells, rng(), 5)}
    np.testing.assert_allclose(found["log", "plain"].per_level, s, rtol=3e-3)
    np.testing.assert_allclose(found["log", "robust"].per_level, s, rtol=1e-3)
    np.testing.assert_allclose(found["own_mean", "plain"].per_level, np.sqrt(np.expm1(s**2)), rtol=1e-2)
    quartiles = np.exp(s * norm.ppf([0.25, 0.75]))
    np.testing.assert_allclose(found["own_mean", "robust"].per_level, np.diff(quartiles)[0] / 1.34898, rtol=1e-3)


def test_the_error_of_a_deviation_is_that_of_a_normal_sample() -> None:
    n = 400
    cells = [np.array(c + 3 * norm.ppf((np.arange(n) + 0.5) / n)) for c in CENTRES]
    found = {(s.convention, s.kind): s for s in spreads(cells, rng(), 2000)}
    one_level = 3 / np.sqrt(2 * n)
    assert found["absolute", "plain"].rms_error == pytest.approx(one_level / np.sqrt(4), rel=0.1)


def test_the_whole_answer_for_normal_levels() -> None:
    level, g = np.repeat(np.arange(4), PER_LEVEL), np.concatenate([c + 10 * norm.ppf(P) for c in CENTRES + 40])
    answer = extract(level, g, errors=(0.05, 0.2), samples=20)
    assert [told.choice.count for told in answer.told] == [3, 4]  # three: gaps of 3 and 6 sd
    assert answer.told[1].choice.error == pytest.approx(1.5 * norm.cdf(-1.5), abs=1e-3)
    assert answer.told[1].held_out == pytest.approx(1.5 * norm.cdf(-1.5), abs=0.01)
    assert answer.told[1].interval == (4, 4)
    assert answer.told[1].worst.count == 4
    assert answer.least_error[0] == 0
    assert [(row.level, row.cells) for row in answer.levels] == [(i, PER_LEVEL) for i in range(4)]
    assert [row.sd_uS for row in answer.levels] == pytest.approx([10] * 4, rel=2e-3)
    assert answer == extract(level, g, errors=(0.05, 0.2), samples=20)
    assert answer != extract(level, g, errors=(0.05, 0.2), samples=20, seed=1)
    with pytest.raises(ProfileError, match=r"^error: 0.5 is not > 0 and < 0.5$"):
        extract(level, g, errors=(0.5,))
    with pytest.raises(ProfileError, match=r"^a conductance is not finite and > 0$"):
        extract(level, g - 60)
    with pytest.raises(ProfileError, match=r"^spread: variance plain is not one of own_mean, "):
        answer.spread("variance")


def test_what_is_held_out_is_not_flattered_by_the_choice() -> None:
    chance = np.random.Generator(np.random.Philox(key=3))
    level = np.repeat(np.arange(12), 40)
    g = 100 + 10 * level + 10 * chance.normal(size=len(level))
    told = extract(level, g, errors=(0.1, 0.3), samples=2).told
    for one in told:
        assert one.held_out > one.choice.error + 0.02


def first_readings(path: Path, divisor: int) -> tuple[Ints, Array]:
    with gzip.open(path, "rt") as lines:
        rows = np.array([[float(line.split("\t")[i]) for i in (0, 3, 6)] for line in lines])
    rows = rows[rows[:, 2] == 0]
    return rows[:, 0].astype(np.int64) // divisor % 32, rows[:, 1] * 1e6


def test_the_measured_arrays_carry_what_the_table_of_the_page_says(shared_data: Path) -> None:
    folder = shared_data / "rram/relaxation"
    a = extract(*first_readings(folder / "techA/relaxdata.min.tsv.gz", 1), errors=(0.1,), samples=2)
    assert a.told[0].choice.count == 24
    assert a.told[0].held_out == pytest.approx(0.1, abs=0.02)
    assert a.spread("absolute", "robust").median == pytest.approx(3.4, abs=0.2)  # as facts about the files say
    assert a.spread("own_mean").median == pytest.approx(0.05, abs=0.005)
    b = extract(*first_readings(folder / "techB/relaxdata.min.tsv.gz", 2), errors=(0.1,), samples=2)
    assert b.told[0].choice.count == 2
    assert b.spread("own_mean").median == pytest.approx(0.56, abs=0.005)
    assert b.spread("own_mean", "robust").median < 0.25
