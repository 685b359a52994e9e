"""Draws against published vectors, the golden file of a scalar oracle, exact fractions and the normal distribution."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_py.draws import NODES, Purpose, normals, octave, philox4x32, quantile_cells, words
from tests.firmware_py.make_bundle import Synthetic, tables

GOLDEN = json.loads((Path(__file__).resolve().parents[1] / "golden_draws.json").read_text())
COUNT = 200_000
NORMAL = tables(Synthetic())["profile.normal"]  # quantiles of statistics.NormalDist at the nodes

# Random123, kat_vectors of philox4x32x10: counter, key, output.
KNOWN = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


@pytest.mark.parametrize(("counter", "key", "output"), KNOWN)
def test_philox_gives_the_known_answers(counter: str, key: str, output: str) -> None:
    c, k, expected = ([int(word, 16) for word in text.split()] for text in (counter, key, output))
    assert [int(w) for w in philox4x32((c[0], c[1], c[2], c[3]), (k[0], k[1]))] == expected


@pytest.mark.parametrize("stream", GOLDEN["streams"], ids=lambda s: f"seed {s['seed']}")
def test_words_are_golden(stream: dict[str, Any]) -> None:
    first, count = stream["first"], stream["count"]
    found = words(stream["seed"], Purpose(stream["purpose"]), stream["layer"], first + count, stream["read"])
    assert found[first:].tolist() == stream["words"]


def test_normals_and_cells_are_golden() -> None:
    word = np.array(GOLDEN["normal"]["words"], np.uint32)
    table = np.array(GOLDEN["normal"]["table_bits"], np.uint32).view(np.float32)
    assert normals(word, table).view(np.uint32).tolist() == GOLDEN["normal"]["z_bits"]
    quantiles = np.array(GOLDEN["cells"]["quantiles"], np.int32)
    for level, expected in enumerate(GOLDEN["cells"]["g"]):
        assert quantile_cells(word, np.full(word.shape, level, np.uint8), quantiles).tolist() == expected


def node(i: int) -> Fraction:
    """Node i of the grid, in units of r (docs/numerics.md, section 2)."""
    if i == 0:
        return Fraction(0)
    exponent, part = divmod(i - 1, 32)
    return Fraction(2) ** (exponent + 8) * (1 + Fraction(part, 32))


@given(st.integers(0, 2**32 - 1) | st.integers(0, 2**16) | st.integers(2**31 - 2**16, 2**31 + 2**16))
def test_a_word_lies_between_its_nodes(word: int) -> None:
    (upper,), (index,), (fraction,) = octave(np.array([word], np.uint32))
    r = (word % 2**31) // 128
    assert bool(upper) == (word >= 2**31)
    low, high = node(int(index)), node(int(index) + 1)
    assert 0 <= index < NODES - 1
    assert low <= r < high
    assert (r - low) / (high - low) == Fraction(int(fraction), 2**18)  # the fraction is exact: no node is finer


def test_the_last_node_is_the_median() -> None:
    assert node(NODES - 1) == 2**24
    assert NORMAL[-1] == 0


def test_normals_are_normal() -> None:
    z = np.sort(normals(words(12345, Purpose.READ, 3, COUNT, read=7), NORMAL).astype(np.float64))
    law = NormalDist()
    grid = np.linspace(-4, 4, 801)  # the distance on a grid is a lower bound, tight where the grid is this fine
    expected = np.array([law.cdf(g) for g in grid])
    distance = np.abs(np.searchsorted(z, grid, side="right") / COUNT - expected).max()
    assert distance < 1.95 / COUNT**0.5  # Kolmogorov: 999 of 1000 samples lie below
    assert abs(z.mean()) < 4 / COUNT**0.5
    assert abs(z.var() - 1) < 4 * (2 / COUNT) ** 0.5
    assert abs((z**4).mean() - 3) < 4 * (96 / COUNT) ** 0.5
    for p in (1e-4, 1e-3, 1e-2):
        for beyond in ((z < law.inv_cdf(p)).sum(), (z > law.inv_cdf(1 - p)).sum()):
            assert abs(int(beyond) - p * COUNT) < 4 * (p * COUNT) ** 0.5


@given(st.integers(0, 2**32 - 1))
def test_a_normal_is_the_quantile_of_its_word(word: int) -> None:
    (z,) = normals(np.array([word], np.uint32), NORMAL)
    p = (Fraction((word % 2**31) // 128) + Fraction(1, 2)) / 2**25
    if p < 2**-16:
        return  # the outermost segment stands for its mean only
    exact = NormalDist().inv_cdf(float(p)) * (-1 if word >= 2**31 else 1)
    assert float(z) == pytest.approx(exact, abs=3e-4)  # linear between nodes that lie 1/32 of an octave apart


def test_the_two_halves_mirror_each_other() -> None:
    word = words(5, Purpose.READ, 0, 1000) & np.uint32(0x7FFFFFFF)
    np.testing.assert_array_equal(normals(word | np.uint32(0x80000000), NORMAL), -normals(word, NORMAL))


def test_streams_share_nothing() -> None:
    base = {"seed": 1, "purpose": Purpose.READ, "layer": 0, "read": 0}
    changes: list[dict[str, Any]] = [
        {}, {"seed": 2}, {"seed": 1 + 2**32}, {"layer": 1}, {"read": 1}, {"read": 2**32}, {"purpose": Purpose.FAULT}
    ]  # fmt: skip
    u = np.array([words(count=20_000, **{**base, **change}) for change in changes]) / 2**32
    assert np.abs(np.corrcoef(u) - np.eye(len(u))).max() < 5 / 20_000**0.5
    assert abs(np.corrcoef(u[0, 1:], u[0, :-1])[0, 1]) < 5 / 20_000**0.5


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(0, 40), st.integers(1, 40))
def test_a_word_does_not_depend_on_how_many_are_drawn(seed: int, read: int, count: int, more: int) -> None:
    some = words(seed, Purpose.READ, 2, count, read)
    assert some.dtype == np.uint32
    np.testing.assert_array_equal(some, words(seed, Purpose.READ, 2, count + more, read)[:count])


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_a_larger_probability_gives_a_larger_cell(a: int, b: int) -> None:
    """In one half, words are ordered as probabilities; the upper half's are mirrored."""
    quantiles = tables(Synthetic())["profile.quantiles"]
    g = quantile_cells(np.array([a, b], np.uint32), np.array([4, 4], np.uint8), quantiles)

    def probability(word: int) -> float:
        return 1 - (word % 2**31) / 2**32 if word >= 2**31 else word / 2**32

    if probability(a) <= probability(b):
        assert g[0] <= g[1]
    else:
        assert g[0] >= g[1]


def test_cells_are_clamped_to_what_an_int16_difference_holds() -> None:
    wild = np.empty((1, 2, NODES), np.int32)
    wild[0, 0], wild[0, 1] = -(2**31), 2**31 - 1
    word = np.array([0, 2**31, 2**31 - 1, 2**32 - 1], np.uint32)
    assert quantile_cells(word, np.zeros(4, np.uint8), wild).tolist() == [0, 32767, 0, 32767]
