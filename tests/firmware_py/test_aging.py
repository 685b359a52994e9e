"""Cells that drift with time and move with reads: against closed forms, and each switch by itself."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest

from firmware_py import Chip, Effects, RramError
from firmware_py.aging import Age, change_of
from firmware_py.bundle import Bundle
from firmware_py.cells import cells_digest, draw_conductances
from firmware_py.correction import AdaptConfig
from firmware_py.numpy_engine import ideal_activations
from tests.firmware_py.core_cases import VARIANTS, assert_same, images, opened
from tests.firmware_py.make_bundle import CONV, INTEGERS, MOBILE, Synthetic
from tests.firmware_py.test_converters import ks

ENGINES = ["numpy", "c"] if VARIANTS else ["numpy"]
WIDE = Synthetic(nodes=[{"op": "flatten"}, {"op": "dense", "name": "fc", "out": [100]}], input_shape=(10, 50, 1),
                 sigma=0.02, drift=(-12.0, 30.0))  # fmt: skip
STUCK = (2**27, 2**27 + 2**26, 7, 31000)
AGE_S = 999.0  # three decades from 1 s


def conductances(bundle: Bundle, age: Age, effects: Effects | None = None, seed: int = 3) -> np.ndarray:
    effects, layer = effects or Effects(), bundle.layers[0]
    change = change_of(bundle, layer, effects, age)
    return draw_conductances(layer, 0, bundle.tables, seed, effects, change).astype(float)


def test_drift_is_normal_with_the_laws_mean_and_deviation(tmp_path: Path) -> None:
    """Cells that were programmed exactly; whole G steps are a thirtieth of a deviation of 90."""
    bundle = opened(tmp_path, WIDE)
    moved = conductances(bundle, Age(AGE_S), Effects(programming=False)) - bundle.tables.target[bundle.layers[0].levels]
    some = moved.ravel()[:4000]
    assert ks(some, NormalDist(-36, 90)) < 1.95
    assert abs(moved.mean() + 36) < 4 * 90 / moved.size**0.5
    assert abs(np.corrcoef(some[:-1], some[1:])[0, 1]) < 4 / some.size**0.5


def test_it_adds_to_what_programming_did_and_does_not_depend_on_it(tmp_path: Path) -> None:
    bundle = opened(tmp_path, WIDE)
    fresh, old = conductances(bundle, Age()), conductances(bundle, Age(AGE_S))
    for level in (1, 5, 9):
        of = bundle.layers[0].levels == level
        target, n = bundle.tables.target[level], int(of.sum())
        variance = (WIDE.sigma * target) ** 2 + 90**2
        assert abs(old[of].mean() - (target - 36)) < 4 * (variance / n) ** 0.5
        assert abs(old[of].var() / variance - 1) < 4 * (2 / n) ** 0.5
        assert abs(np.corrcoef(fresh[of], old[of] - fresh[of])[0, 1]) < 4 / n**0.5


def test_a_cell_goes_on_along_its_own_line_in_log_time(tmp_path: Path) -> None:
    """Nine seconds are one decade, 99 are two: twice as far, but for whole steps."""
    bundle = opened(tmp_path, WIDE)
    fresh, one, two = (conductances(bundle, Age(seconds)) for seconds in (0, 9, 99))
    assert np.abs((two - fresh) - 2 * (one - fresh)).max() <= 1.5
    assert np.corrcoef((one - fresh).ravel(), (two - one).ravel())[0, 1] > 0.99


@pytest.mark.parametrize("engine", ENGINES)
def test_a_chip_that_is_refreshed_is_the_one_that_is_opened_at_that_age(tmp_path: Path, engine: str) -> None:
    bundle = opened(tmp_path, Synthetic(nodes=CONV, drift=(-12.0, 30.0)))
    x = images(Synthetic(nodes=CONV), 3, 1).clip(0, 1)
    chip, new, old = Chip(bundle, 5, engine), Chip(bundle, 5, engine), Chip(bundle, 5, engine, age_s=500)
    for age_s in (0.5, 20, 500):
        chip.refresh(age_s)
    assert cells_digest(chip.engine.cells) == cells_digest(old.engine.cells) != cells_digest(new.engine.cells)
    np.testing.assert_array_equal(chip.logits_many(x), old.logits_many(x))
    chip.refresh(0)
    assert cells_digest(chip.engine.cells) == cells_digest(new.engine.cells)


def test_disturb_is_a_power_of_the_number_of_reads(tmp_path: Path) -> None:
    """A convolution's rows are read once at each of its 64 positions."""
    bundle = opened(tmp_path, Synthetic(nodes=CONV, disturb=-1e-5))
    fresh, worn = conductances(bundle, Age()), conductances(bundle, Age(reads=700))
    assert np.abs(worn - fresh * (1 - 1e-5) ** (700 * 64)).max() <= 0.5 + 1e-3
    assert np.all(conductances(bundle, Age(reads=10**15)) == 0)


@pytest.mark.parametrize("engine", ENGINES)
def test_reads_count_when_the_chip_is_refreshed_or_restored(tmp_path: Path, engine: str) -> None:
    bundle = opened(tmp_path, Synthetic(nodes=CONV, disturb=-1e-4))
    chip = Chip(bundle, 5, engine)
    before = cells_digest(chip.engine.cells)
    chip.predict_many(bundle.calibration_x)
    assert cells_digest(chip.engine.cells) == before
    chip.save(tmp_path / "state")
    chip.refresh()
    other = Chip(bundle, 5, engine)
    other.restore(tmp_path / "state")
    assert other.age == chip.age == Age(0, len(bundle.calibration_x))
    assert cells_digest(other.engine.cells) == cells_digest(chip.engine.cells) != before
    np.testing.assert_array_equal(other.logits_many(bundle.golden_x), chip.logits_many(bundle.golden_x))


def test_stuck_cells_stay_and_can_be_switched_off_alone(tmp_path: Path) -> None:
    bundle = opened(tmp_path, replace(WIDE, faults=STUCK, disturb=-1e-4))
    fresh, old = (conductances(bundle, age) for age in (Age(), Age(AGE_S, 400)))
    stuck = (fresh == 7) | (fresh == 31000)
    assert 0.04 < stuck.mean() < 0.06
    np.testing.assert_array_equal(old[stuck], fresh[stuck])
    assert np.mean(old[~stuck] == fresh[~stuck]) < 0.05
    healthy = conductances(bundle, Age(), Effects(stuck=False))
    np.testing.assert_array_equal(healthy[~stuck], fresh[~stuck])
    assert healthy.max() < 31000


def test_each_switch_is_its_own(tmp_path: Path) -> None:
    bundle = opened(tmp_path, replace(WIDE, disturb=-1e-4))
    age = Age(AGE_S, 400)
    still = conductances(bundle, age, Effects(drift=False, disturb=False))
    np.testing.assert_array_equal(still, conductances(bundle, Age()))
    np.testing.assert_array_equal(conductances(bundle, age, Effects(disturb=False)), conductances(bundle, Age(AGE_S)))
    reads = conductances(bundle, age, Effects(drift=False))
    np.testing.assert_array_equal(reads, conductances(bundle, Age(0, 400)))
    assert not np.array_equal(reads, still)


@pytest.mark.parametrize("engine", ENGINES)
def test_with_all_effects_off_the_chip_is_the_digital_network_but_for_rounding(tmp_path: Path, engine: str) -> None:
    """Rounding to 8-bit codes and 16-bit conversions; ranges that nothing leaves. Each effect alone is seen."""
    spec = Synthetic(nodes=CONV, adc_bits=16, adc_errors={"adc_gain_sigma": 0.1, "adc_offset_sigma_lsb": 9.0},
                     faults=(2**28, 2**29, 0, 3000), mask_share=0, drift=(-9.0, 99.0), disturb=-1e-4)  # fmt: skip
    bundle = opened(tmp_path, spec)
    layers = [replace(layer, adc_lsb=np.float32(256), dac_lsb=np.float32((4 if i else 1) / 255))
              for i, layer in enumerate(bundle.layers)]  # fmt: skip
    bundle = replace(bundle, layers=tuple(layers))
    x = np.random.default_rng(2).uniform(0, 1, (4, 8, 8, 1)).astype(np.float32)
    ideal, none = ideal_activations(bundle, x)[-1], Effects.none()

    def logits(effects: Effects) -> np.ndarray:
        chip = Chip(bundle, 5, engine, effects, age_s=AGE_S)
        chip.correction.read = 100
        chip.refresh()
        return chip.logits_many(x)

    found = logits(none)
    assert np.abs(found - ideal).max() < 0.1 * ideal.std()
    for name in ("programming", "read_noise", "converter_errors", "drift", "disturb"):
        assert not np.array_equal(logits(replace(none, **{name: True})), found), name


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("nodes", [CONV, MOBILE, INTEGERS], ids=["conv", "mobile", "integers"])
def test_the_core_agrees(tmp_path: Path, variant: str, nodes: list[dict]) -> None:
    spec = Synthetic(nodes=nodes, input_shape=(8, 8, 2), drift=(-40.0, 200.0), disturb=2e-5, faults=STUCK)
    bundle, x = opened(tmp_path, spec), images(spec, 2, 2)
    for age, effects in ((Age(AGE_S, 900), Effects()), (Age(5.0), Effects(programming=False)),
                         (Age(1e9, 10**17), Effects()), (Age(10.0, 9), Effects(drift=False, stuck=False))):  # fmt: skip
        assert_same(bundle, effects, x, AdaptConfig(), variant, age)


@pytest.mark.parametrize("age_s", [-1, math.nan, math.inf, "old", None, 1e13])
def test_what_is_no_age_is_refused(tmp_path: Path, age_s: object) -> None:
    with pytest.raises(RramError, match=r"^chip: age_s: .* is not a number of seconds from 0 to 1e\+12$"):
        Chip(opened(tmp_path, WIDE), age_s=age_s)


def test_a_bundle_without_a_law_knows_nothing_of_later_times(tmp_path: Path) -> None:
    bundle = opened(tmp_path, Synthetic())
    with pytest.raises(RramError, match=r"^chip: age_s: 5 given, and the bundle has no law of drift \(rram export"):
        Chip(bundle, age_s=5)
    Chip(bundle).refresh(0)
