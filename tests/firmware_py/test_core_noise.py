"""Read noise drawn once for a column has the distribution of noise drawn for every cell."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from firmware_py import Effects
from firmware_py.bundle import Bundle
from firmware_py.cells import draw_conductances
from tests.firmware_py.core_cases import VARIANTS, needs_core, pair
from tests.firmware_py.make_bundle import Synthetic, contents, write

pytestmark = needs_core

READS = 4000
ONE = Synthetic(nodes=[{"op": "flatten"}, {"op": "dense", "name": "fc", "out": [3]}], input_shape=(5, 4, 1), rows=20,
                adc_bits=16, read_b=0.05)  # fmt: skip


def test_one_draw_for_a_column_equals_one_for_each_cell(tmp_path: Path) -> None:
    metadata, tensors = contents(ONE)
    tensors["fc.scales"] = np.array([1e-3, 1 / 255, 64.0], np.float32)  # ADC steps far finer than the noise
    write(tmp_path / "b", metadata, tensors)
    bundle = Bundle.open(tmp_path / "b")
    _, engine = pair(bundle, 6, Effects())
    a = np.repeat(np.random.default_rng(0).random((1, 20), dtype=np.float32), READS, axis=0)
    column = engine.raw(0, a, 0)[:, 0, :] * 64.0
    # each cell by itself: sigma = read_b G, a code from the DAC, an ordinary generator
    g = draw_conductances(bundle.layers[0], 0, bundle.tables, 6, Effects()).astype(float)
    rng, codes = np.random.default_rng(1), np.rint(a[0] * np.float32(255)).astype(float)
    noise = (g[None] * ONE.read_b * rng.standard_normal((READS, *g.shape)) * codes[:, None]).sum(axis=2)
    cells = codes @ (g[0] - g[1]) + noise[:, 0] - noise[:, 1]
    for j in range(3):
        ours, theirs = np.sort(column[:, j]), np.sort(cells[:, j])
        assert abs(ours.mean() - theirs.mean()) < 4 * theirs.std() * (2 / READS) ** 0.5
        assert abs(ours.std() / theirs.std() - 1) < 4 / READS**0.5
        both = np.concatenate([ours, theirs])
        apart = np.abs(np.searchsorted(ours, both, "right") - np.searchsorted(theirs, both, "right")).max() / READS
        assert apart < 1.95 * (2 / READS) ** 0.5  # Kolmogorov-Smirnov, one in a thousand


def test_reads_and_columns_are_independent(tmp_path: Path) -> None:
    metadata, tensors = contents(replace(ONE, rows=5))
    tensors["fc.scales"] = np.array([1e-3, 1 / 255, 64.0], np.float32)
    write(tmp_path / "b", metadata, tensors)
    _, engine = pair(Bundle.open(tmp_path / "b"), 6, Effects())
    a = np.full((READS, 20), 0.7, np.float32)
    s = engine.raw(0, a, 77)[:, 0, :].astype(float)
    correlation = np.corrcoef(np.concatenate([s[:-1], s[1:]], axis=1).T)
    assert np.abs(correlation - np.eye(6)).max() < 4 / READS**0.5


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_code_is_a_step_off_where_noise_lies_between_steps(variant: str, tmp_path: Path) -> None:
    """A kernel may decide a code from a coarse draw only where the exact one would not decide otherwise."""
    wide = Synthetic(nodes=[{"op": "flatten"}, {"op": "dense", "name": "fc", "out": [64]}], input_shape=(5, 4, 1),
                     rows=20, adc_bits=8, read_b=0.05)  # fmt: skip
    metadata, tensors = contents(wide)
    tensors["fc.scales"] = np.array([1e-3, 1 / 255, 3e4], np.float32)  # noise of two steps
    write(tmp_path / "b", metadata, tensors)
    numpy, engine = pair(Bundle.open(tmp_path / "b"), 6, Effects(), variant)
    a = np.random.default_rng(0).random((2000, 20), dtype=np.float32)
    np.testing.assert_array_equal(engine.raw(0, a, 0), numpy.raw(0, a, 0))
