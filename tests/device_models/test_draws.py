"""Draws: the generator against published vectors and TensorFlow, numbers against the golden file and a scalar oracle,
cells against the closed form of their distribution."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from device_models import draws
from device_models.compile import CompiledProfile, compile_profile, programming_distribution
from device_models.errors import ProfileError
from device_models.profile import DeviceProfile
from tests.device_models import make_golden_draws, scalar
from tests.device_models.documents import EVIDENCE, document

N = 100_000


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    return dict(json.loads(make_golden_draws.PATH.read_text()))


@pytest.fixture(scope="module")
def charan() -> CompiledProfile:
    return compile_profile(DeviceProfile.load("charan-65nm"))


def draw(compiled: CompiledProfile, level: int, seed: int = 5) -> npt.NDArray[np.float64]:
    return draws.draw_cells(compiled, np.full(N, level, dtype=np.uint8), seed, layer=0).uS


# Random123, kat_vectors of philox4x32x10: counter, key, output.
KNOWN = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


@pytest.mark.parametrize(("counter", "key", "output"), KNOWN)
def test_philox_gives_the_known_answers(counter: str, key: str, output: str) -> None:
    c, (k0, k1), expected = ([int(w, 16) for w in text.split()] for text in (counter, key, output))
    assert draws.philox4x32(np.array(c, dtype=np.uint64), (k0, k1)).tolist() == expected
    assert scalar.philox(c, [k0, k1]) == expected


def test_philox_is_tensorflows() -> None:
    tf = pytest.importorskip("tensorflow", reason="TensorFlow has a Philox of its own")
    key, first = 0x0123456789ABCDEF, [0xFFFFFFFF00000000, 7]  # the counter as two 64-bit words, low first
    theirs = tf.raw_ops.StatelessRandomUniformFullIntV2(
        shape=[400], key=tf.constant([key], tf.uint64), counter=tf.constant(first, tf.uint64), alg=1, dtype=tf.uint32)
    counter = np.zeros((100, 4), dtype=np.uint64)
    counter[:] = [0, first[0] >> 32, first[1], 0]
    counter[:, 0] = np.arange(100)
    np.testing.assert_array_equal(draws.philox4x32(counter, (key & 0xFFFFFFFF, key >> 32)).ravel(), theirs.numpy())


def test_the_golden_file_is_in_step_with_its_maker(golden: dict[str, Any], charan: CompiledProfile) -> None:
    tables = golden["cells"]["quantiles"]
    normal = np.array(golden["normal"]["table_bits"], dtype=np.uint32).view(np.float32)
    assert make_golden_draws.build(tables, normal.tolist()) == golden
    # Another scipy may round an entry of the tables the other way.
    assert np.abs(np.array(tables) - charan.quantiles[[0, -1]]).max() <= 1
    np.testing.assert_allclose(normal, charan.normal, rtol=2e-7)


def test_words_normals_and_cells_are_golden(golden: dict[str, Any], charan: CompiledProfile) -> None:
    for s in golden["streams"]:
        elements = s["first"] + np.arange(s["count"])
        words = draws.words(s["seed"], s["purpose"], s["layer"], elements, s["read"])
        assert words.tolist() == s["words"]
    words = np.array(golden["cells"]["words"], dtype=np.uint32)
    table = np.array(golden["normal"]["table_bits"], dtype=np.uint32).view(np.float32)
    assert draws.normals(table, words).view(np.uint32).tolist() == golden["normal"]["z_bits"]
    compiled = replace(charan, quantiles=np.array(golden["cells"]["quantiles"], dtype=np.int32))
    for faults, key in (([0, 0, 0, 0], "g"), (golden["chip"]["faults"], "g_faulty")):
        chip = golden["chip"]
        levels = np.array(chip["levels"], dtype=np.uint8).reshape(chip["shape"])
        this = replace(compiled, faults=np.array(faults, dtype=np.uint32))
        assert draws.draw_cells(this, levels, chip["seed"], chip["layer"]).steps.ravel().tolist() == chip[key]


UINT64 = st.integers(0, 2**64 - 1)


@given(UINT64, st.integers(1, 3), st.integers(0, 255), st.integers(0, 2**34 - 1), UINT64)
def test_any_word_is_the_scalar_oracles(seed: int, purpose: int, layer: int, element: int, read: int) -> None:
    word = draws.words(seed, purpose, layer, np.array([element]), read)[0]
    assert word == scalar.word(seed, purpose, layer, element, read)


def test_a_word_does_not_depend_on_its_batch() -> None:
    whole = draws.words(3, draws.READ, 1, np.arange(1000).reshape(10, 100), read=9)
    assert draws.words(3, draws.READ, 1, np.array([[777, 13]]), read=9).tolist() == [[whole.flat[777], whole.flat[13]]]


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_a_seed_has_64_bits(seed: int) -> None:
    with pytest.raises(ProfileError, match=rf"^seed: {seed} is not 0 to 2\^64 - 1$"):
        draws.words(seed, draws.READ, 0, np.arange(4))


SPREADS = [
    {"distribution": "normal", "reference": "absolute_uS", "sigma": 2.0},
    {"distribution": "log-normal", "reference": "own_conductance", "sigma": 0.5, "target_is": "mean"},
    {"distribution": "log-normal", "reference": "full_scale", "sigma": 0.3, "target_is": "median"},
    {"distribution": "normal-log-normal-variance", "reference": "own_conductance", "sigma": 0.1, "variance_sigma": 1.0},
    {"distribution": "quantiles", "reference": "absolute_uS", "probability": [0, 0.2, 0.9, 1],
     "deviation": [[-5, -1, 1, 20]] * 3},
    {"distribution": "normal", "reference": "own_conductance", "sigma": [0.05, 0.1, 0.02], "shift": [0.1, -0.1, 0.05]},
    {"distribution": "log-normal", "reference": "absolute_uS", "sigma": 3.0, "shift": -1.0, "target_is": "median"},
    {"distribution": "gaussian-mixture", "reference": "absolute_uS", "weight": [[0.6, 0.4], [0.2, 0.8], [1, 0]],
     "shift": [[-2, 3], [1, -6], [4, 0]], "sigma": [[0.5, 1.5], [2, 1], [3, 1]]},
]


@pytest.mark.parametrize("spread", SPREADS, ids=["-".join(map(str, s.values()))[:40] for s in SPREADS])
def test_cells_have_the_profiles_distribution(spread: dict[str, Any]) -> None:
    profile = DeviceProfile.from_dict(document(programming={**spread, "evidence": EVIDENCE}))
    compiled = compile_profile(profile)
    for level in range(3):
        law, cells = programming_distribution(profile, level), draw(compiled, level)
        # Sampling alone stays below 1.95 / sqrt(n) in 999 of 1000; cells come in whole G steps, half a step off.
        rounding = float(np.max(np.diff(law.cdf(np.arange(0, 160, compiled.g_step_us / 2)))))
        assert stats.kstest(cells, law.cdf).statistic < 1.95 / N**0.5 + rounding
        deviation = law.var**0.5
        assert abs(cells.mean() - law.mean) < 4 * deviation / N**0.5
        fourth = np.mean((cells - law.mean) ** 4) - law.var**2
        assert abs(cells.var() - law.var) < 5 * (fourth / N) ** 0.5
        assert compiled.var[level] * compiled.g_step_us**2 == pytest.approx(law.var, rel=0.01)


def test_tails_have_their_share(charan: CompiledProfile) -> None:
    law = programming_distribution(DeviceProfile.load("charan-65nm"), 9)
    cells = np.concatenate([draw(charan, 9, seed) for seed in range(10)])
    for p in (1e-5, 1e-4, 1e-3, 0.01):
        expected = p * cells.size
        for count in ((cells < law.ppf(p)).sum(), (cells > law.ppf(1 - p)).sum()):
            assert abs(int(count) - expected) < 4 * expected**0.5 + 1


def test_normals_are_normal_far_out(charan: CompiledProfile) -> None:
    z = draws.normals(charan.normal, draws.words(1, draws.READ, 0, np.arange(10 * N))).astype(float)
    assert stats.kstest(z, "norm").statistic < 1.95 / z.size**0.5
    assert abs(z.mean()) < 4 / z.size**0.5
    assert abs(z.std() - 1) < 4 / (2 * z.size) ** 0.5
    for p in (1e-5, 1e-3):
        assert abs((np.abs(z) > stats.norm.isf(p / 2)).sum() - p * z.size) < 4 * (p * z.size) ** 0.5


def test_seeds_purposes_layers_and_reads_share_nothing() -> None:
    base = {"seed": 1, "purpose": draws.READ, "layer": 0, "read": 0}
    changes = [{}, {"seed": 2}, {"layer": 1}, {"read": 1}, {"purpose": draws.FAULT},
               {"seed": 1 + 2**32}, {"read": 2**32}]
    streams = [{**base, **change} for change in changes]
    u = np.array([draws.words(elements=np.arange(N), **s) for s in streams]) / 2**32
    assert np.abs(np.corrcoef(u) - np.eye(len(u))).max() < 5 / N**0.5
    assert abs(np.corrcoef(u[0, 1:], u[0, :-1])[0, 1]) < 5 / N**0.5


def test_stuck_cells_have_their_share_whatever_they_were_programmed_to() -> None:
    faults = {"stuck_low": {"probability": 0.02, "conductance_uS": 1.0, "evidence": EVIDENCE},
              "stuck_high": {"probability": 0.01, "conductance_uS": 90.0, "evidence": EVIDENCE}}
    healthy = compile_profile(DeviceProfile.from_dict(document()))
    faulty = compile_profile(DeviceProfile.from_dict(document(faults=faults)))
    before, after = draw(healthy, 1), draw(faulty, 1)
    low, high = (round(g / faulty.g_step_us) * faulty.g_step_us for g in (1.0, 90.0))
    for value, share in ((low, 0.02), (high, 0.01)):
        assert abs((after == value).sum() - share * N) < 4 * (share * N) ** 0.5
    untouched = (after != low) & (after != high)
    np.testing.assert_array_equal(after[untouched], before[untouched])


def test_no_cell_is_below_zero() -> None:
    wide = {"distribution": "normal", "reference": "own_conductance", "sigma": 1.0, "evidence": EVIDENCE}
    cells = draw(compile_profile(DeviceProfile.from_dict(document(programming=wide))), 0)
    assert cells.min() == 0
    assert abs((cells == 0).mean() - stats.norm.cdf(-1)) < 0.005


def test_read_noise_adds_its_parts(charan: CompiledProfile) -> None:
    levels = np.array([0, 9], dtype=np.uint8)
    compiled = replace(charan, read_a=np.linspace(1, 10, 10), read_b=np.full(10, 0.02))
    cells = draws.draw_cells(compiled, levels, seed=1, layer=0)
    np.testing.assert_allclose(draws.read_sigma(compiled, levels, cells), [1, 10] + 0.02 * cells.steps)


def test_the_oracle_file_lies_where_the_other_tests_look() -> None:
    assert Path(__file__).resolve().parents[1] / "golden_draws.json" == make_golden_draws.PATH
