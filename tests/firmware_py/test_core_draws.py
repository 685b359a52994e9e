"""The core's draws, on every instruction set, against published vectors and the golden file of a scalar oracle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_py import c_engine
from firmware_py.draws import Purpose, normals, words
from tests.firmware_py.core_cases import VARIANTS, needs_core
from tests.firmware_py.make_bundle import Synthetic, tables

pytestmark = needs_core
GOLDEN = json.loads((Path(__file__).resolve().parents[1] / "golden_draws.json").read_text())
NORMAL = tables(Synthetic())["profile.normal"]

WORD = st.integers(0, 2**64 - 1)

# Random123, kat_vectors of philox4x32x10: counter, key, output.
KNOWN = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


@pytest.mark.parametrize(("counter", "key", "output"), KNOWN)
def test_philox_gives_the_known_answers(counter: str, key: str, output: str) -> None:
    c, k, expected = ([int(word, 16) for word in text.split()] for text in (counter, key, output))
    out = c_engine.core().ffi.new("uint32_t[4]")
    c_engine.core().lib.rram_philox(c, k, out)
    assert list(out) == expected


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("stream", GOLDEN["streams"], ids=lambda s: f"seed {s['seed']}")
def test_words_are_golden(variant: str, stream: dict[str, Any]) -> None:
    place = [stream[key] for key in ("seed", "purpose", "layer", "read", "first", "count")]
    assert c_engine.draw_words(variant, *place).tolist() == stream["words"]


@pytest.mark.parametrize("variant", VARIANTS)
@given(WORD, st.integers(0, 255), WORD, st.integers(0, 2000), st.integers(1, 600))
def test_any_stretch_of_a_stream_is_the_oracles(
    variant: str, seed: int, layer: int, read: int, first: int, count: int
) -> None:
    expected = words(seed, Purpose.READ, layer, first + count, read)[first:]
    np.testing.assert_array_equal(c_engine.draw_words(variant, seed, 3, layer, read, first, count), expected)
    found = c_engine.draw_normals(variant, seed, 3, layer, read, first, count, NORMAL)
    np.testing.assert_array_equal(found, normals(expected, NORMAL))


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_last_segment_of_the_octave_grid_is_met(variant: str) -> None:
    """Words with r < 256 come once in 65,536: enough draws to meet them, both halves."""
    count = 400_000
    expected = words(5, Purpose.READ, 0, count)
    assert np.count_nonzero((expected & np.uint32(0x7FFFFFFF)) >> np.uint32(7) < 256) >= 4
    found = c_engine.draw_normals(variant, 5, 3, 0, 0, 0, count, NORMAL)
    np.testing.assert_array_equal(found, normals(expected, NORMAL))
