"""Cells: against a scalar oracle's golden chip, the closed form of their distribution and the variance of reads."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest

from firmware_py import Effects
from firmware_py.bundle import Bundle
from firmware_py.cells import LayerCells, cells_digest, draw_conductances, program
from tests.firmware_py.make_bundle import Synthetic, make_bundle

GOLDEN = json.loads((Path(__file__).resolve().parents[1] / "golden_draws.json").read_text())
WIDE = Synthetic(
    nodes=[{"op": "flatten"}, {"op": "dense", "name": "fc", "out": [100]}], input_shape=(10, 50, 1), read_b=0.03
)


def opened(tmp_path: Path, spec: Synthetic = WIDE) -> Bundle:
    return Bundle.open(make_bundle(tmp_path / "b", spec))


def conductances(bundle: Bundle, seed: int, effects: Effects | None = None) -> np.ndarray:
    return draw_conductances(bundle.layers[0], 0, bundle.tables, seed, effects or Effects())


@pytest.mark.parametrize("faulty", [False, True])
def test_the_golden_chip_is_drawn(tmp_path: Path, faulty: bool) -> None:
    bundle, chip = opened(tmp_path), GOLDEN["chip"]
    levels = np.array(chip["levels"], np.uint8).reshape(chip["shape"])
    layer = replace(bundle.layers[0], levels=levels)
    faults = np.array(chip["faults"] if faulty else [0, 0, 0, 0], np.uint32)
    tables = replace(bundle.tables, quantiles=np.array(GOLDEN["cells"]["quantiles"], np.int32), faults=faults)
    g = draw_conductances(layer, chip["layer"], tables, chip["seed"], Effects())
    assert g.reshape(-1).tolist() == chip["g_faulty" if faulty else "g"]


def test_cells_have_the_log_normal_distribution_of_their_level(tmp_path: Path) -> None:
    """Mean: the level's target; standard deviation: half of it; shape by Kolmogorov's distance."""
    bundle = opened(tmp_path)
    levels, g = bundle.layers[0].levels, conductances(bundle, 3)
    s = float(np.sqrt(np.log1p(WIDE.sigma**2)))
    for level in (0, 1, 9):
        cells = np.sort(g[levels == level].astype(float))
        target = float(bundle.tables.target[level])
        assert abs(cells.mean() - target) < 4 * WIDE.sigma * target / len(cells) ** 0.5
        fourth = (np.exp(6 * s * s) - 4 * np.exp(3 * s * s) + 6 * np.exp(s * s) - 3) * target**4
        variance = (WIDE.sigma * target) ** 2
        assert abs(cells.var() - variance) < 4 * ((fourth - variance**2) / len(cells)) ** 0.5
        law = NormalDist(np.log(target) - s * s / 2, s)
        grid = target * np.linspace(0.2, 4, 200)
        expected = np.array([law.cdf(x) for x in np.log(grid)])
        distance = np.abs(np.searchsorted(cells, grid) / len(cells) - expected).max()
        assert distance < 1.95 / len(cells) ** 0.5 + 1 / target  # cells are whole G steps


def test_without_programming_spread_cells_are_their_targets(tmp_path: Path) -> None:
    bundle = opened(tmp_path, replace(WIDE, faults=(2**31, 2**32 - 1, 0, 30000)))
    levels, target = bundle.layers[0].levels, bundle.tables.target
    off = Effects(programming=False)
    np.testing.assert_array_equal(conductances(bundle, 3, off), target[levels])
    d = program(bundle.layers[0], 0, bundle, 3, off).d
    assert d.dtype == np.int16
    np.testing.assert_array_equal(d, target[levels[0]] - target[levels[1]])


def test_stuck_cells_have_their_share_and_leave_the_others_alone(tmp_path: Path) -> None:
    """1/32 stuck low, then 1/64 stuck high."""
    healthy = opened(tmp_path)
    faulty = opened(tmp_path, replace(WIDE, faults=(2**27, 2**27 + 2**26, 7, 31000)))
    before, after = conductances(healthy, 1), conductances(faulty, 1)
    count = after.size
    for value, share in ((7, 2**-5), (31000, 2**-6)):
        assert abs(int((after == value).sum()) - share * count) < 4 * (share * count) ** 0.5
    untouched = (after != 7) & (after != 31000)
    np.testing.assert_array_equal(after[untouched], before[untouched])


def test_a_difference_beyond_int16_is_clamped(tmp_path: Path) -> None:
    """Both kinds of stuck cells, at the ends of what a cell can be."""
    bundle = opened(tmp_path, replace(WIDE, faults=(2**31, 2**32 - 1, 0, 32767)))
    d = program(bundle.layers[0], 0, bundle, 1, Effects()).d
    assert set(np.unique(d)) == {-32767, 0, 32767}


def test_v_and_its_scale_stand_for_the_variance_of_a_read(tmp_path: Path) -> None:
    """Half a unit off at most, where the unit is 1/255 of the largest variance of the tile's column."""
    bundle = opened(tmp_path, replace(WIDE, rows=64))
    tables = replace(bundle.tables, read_a=np.linspace(3, 40, 10))
    bundle = replace(bundle, tables=tables)
    layer = bundle.layers[0]
    cells = program(layer, 0, bundle, 9, Effects())
    g = draw_conductances(layer, 0, tables, 9, Effects())
    assert cells.vscale.shape == (8, 100)  # 500 rows: 7 tiles of 64 and one of 52
    for t in range(8):
        for j in (0, 17, 99):
            rows = range(64 * t, min(64 * (t + 1), 500))
            exact = [
                sum((tables.read_a[lv] + tables.read_b[lv] * float(gg)) ** 2
                    for lv, gg in zip(layer.levels[:, k, j], g[:, k, j], strict=True))
                for k in rows
            ]  # fmt: skip
            unit = max(exact) / 255
            found = cells.v[rows, j].astype(float) * float(cells.vscale[t, j]) / 2
            assert np.abs(found - exact).max() <= unit / 2 * (1 + 1e-6)
            assert cells.v[rows, j].max() == 255


def test_an_array_that_reads_without_noise_has_no_variance(tmp_path: Path) -> None:
    bundle = opened(tmp_path, replace(WIDE, read_b=0.0))
    cells = program(bundle.layers[0], 0, bundle, 1, Effects())
    assert not cells.v.any()
    assert not cells.vscale.any()


def test_a_chip_is_its_seed_and_nothing_else(tmp_path: Path) -> None:
    bundle = opened(tmp_path, Synthetic())

    def digest(seed: int) -> str:
        return cells_digest([program(layer, i, bundle, seed, Effects()) for i, layer in enumerate(bundle.layers)])

    assert digest(5) == digest(5)
    assert len({digest(seed) for seed in (0, 1, 2**32, 2**32 + 1, 2**64 - 1)}) == 5


def test_layers_of_equal_shape_have_other_cells(tmp_path: Path) -> None:
    bundle = opened(tmp_path)
    layer = bundle.layers[0]
    first, second = (draw_conductances(layer, i, bundle.tables, 1, Effects()) for i in (0, 1))
    z = [np.log(np.maximum(g, 1) / bundle.tables.target[layer.levels]).reshape(-1) for g in (first, second)]
    assert abs(np.corrcoef(z)[0, 1]) < 4 / z[0].size ** 0.5


def test_the_digest_sees_any_cell(tmp_path: Path) -> None:
    bundle = opened(tmp_path, Synthetic())
    cells = program(bundle.layers[0], 0, bundle, 1, Effects())
    whole = cells_digest([cells])
    for key in ("d", "v", "vscale"):
        changed = getattr(cells, key).copy()
        changed.reshape(-1)[-1] = 0 if changed.reshape(-1)[-1] else 1
        assert cells_digest([replace(cells, **{key: changed})]) != whole
    assert cells_digest([LayerCells(cells.d, cells.v, cells.vscale)]) == whole
