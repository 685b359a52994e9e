"""Networks of integers: the oracle against plain Python integers, the core against the oracle, bad tables refused."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from firmware_py import Chip, Effects, RramError
from firmware_py.bench import bench
from firmware_py.bundle import Bundle
from firmware_py.cells import cells_digest
from firmware_py.correction import AdaptConfig, count_sram, initial_correction
from firmware_py.numpy_engine import NumpyEngine, ideal_activations
from firmware_py.selftest import selftest
from tests.firmware_py.core_cases import VARIANTS, assert_same, images, integer_networks, needs_core, opened, pair
from tests.firmware_py.make_bundle import INTEGERS, Synthetic, contents, make_bundle, write

SPEC = Synthetic(nodes=INTEGERS, input_shape=(8, 8, 2), dac_bits=2, rows=16)
Codes = Any  # nested lists of Python integers, [H][W][C] or [K]


def sums_of(rows: list[list[int]], weights: list[list[int]], tile: int, bits: int) -> list[list[int]]:
    """Sums of ADC codes [P][N]: each tile's sum of products over 256, rounded half to even, stopped at the ends."""
    out = []
    for row in rows:
        total = [0] * len(weights[0])
        for start in range(0, len(row), tile):
            part = range(start, min(start + tile, len(row)))
            for j in range(len(total)):
                code = round(sum(row[k] * weights[k][j] for k in part) / 256)  # halves go to the even one
                total[j] += max(-(2 ** (bits - 1)), min(2 ** (bits - 1) - 1, code))
        out.append(total)
    return out


def patches(a: Codes, width: int) -> list[list[int]]:
    """Rows of a convolution with stride 1 and zeros around, one for each position."""
    h, w, reach = len(a), len(a[0]), width // 2
    out = []
    for y, x in itertools.product(range(h), range(w)):
        row = []
        for dy, dx in itertools.product(range(-reach, reach + 1), repeat=2):
            inside = 0 <= y + dy < h and 0 <= x + dx < w
            row += a[y + dy][x + dx] if inside else [0] * len(a[0][0])
        out.append(row)
    return out


def square(flat: list[list[int]], width: int) -> Codes:
    return [flat[start : start + width] for start in range(0, len(flat), width)]


def largest(a: Codes) -> Codes:
    return [[[max(a[2 * y + dy][2 * x + dx][c] for dy in (0, 1) for dx in (0, 1)) for c in range(len(a[0][0]))]
             for x in range(len(a[0]) // 2)] for y in range(len(a) // 2)]  # fmt: skip


def reached(a: Codes, steps: np.ndarray) -> Codes:
    return [[[sum(s >= int(t) for t in steps[:, c]) for c, s in enumerate(cell)] for cell in line] for line in a]


def by_hand(bundle: Bundle, image: np.ndarray) -> list[int]:
    """The logits of INTEGERS on cells at their targets, in Python integers; image uint8."""
    target = [int(g) for g in bundle.tables.target]
    weights = [[[target[p] - target[m] for p, m in zip(plus, minus, strict=True)]
                for plus, minus in zip(*layer.levels.tolist(), strict=True)] for layer in bundle.layers]  # fmt: skip
    tile, bits = bundle.macro.rows_active, bundle.macro.adc_bits
    steps: Any = bundle.integer
    a = [[[(2 * 3 * int(v) + 255) // 510 for v in cell] for cell in line] for line in image]  # round(3 v / 255)
    a = largest(square(sums_of(patches(a, 3), weights[0], tile, bits), 8))
    a = reached(a, steps["t1"].values)
    a = largest(reached(square(sums_of(patches(a, 3), weights[1], tile, bits), 4), steps["t2"].values))
    flat = [code for line in a for cell in line for code in cell]
    rows = [0] * 20
    for code, row, sign in zip(flat, steps["r"].row, steps["r"].sign, strict=True):
        rows[int(row)] += int(sign) * code
    assert min(rows) < 0 < max(rows)
    return sums_of([rows], weights[2], tile, bits)[0]


@pytest.mark.parametrize("engine", ["numpy", pytest.param("c", marks=needs_core)])
def test_logits_are_those_of_plain_integers(tmp_path: Path, engine: Any) -> None:
    bundle = opened(tmp_path, SPEC)
    x = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 2)).astype(np.uint8)
    chip = Chip(bundle, 3, engine, Effects(programming=False, read_noise=False))
    found = chip.logits_many(x)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [by_hand(bundle, image) for image in x])
    assert len(np.unique(found)) > 6


@needs_core
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_core_gives_the_same_bits(tmp_path: Path, variant: str) -> None:
    bundle = opened(tmp_path, SPEC)
    assert_same(bundle, Effects(), images(SPEC, 5, 1), AdaptConfig(), variant)
    oracle, engine = pair(bundle, 4, Effects(), variant)
    codes = np.random.default_rng(1).integers(-127, 128, (5, 20))
    np.testing.assert_array_equal(engine.raw(2, codes, 7), oracle.raw(2, codes, 7))


@needs_core
@settings(max_examples=60)
@given(integer_networks())
def test_random_integer_networks(spec: Synthetic) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert_same(opened(Path(folder), spec), Effects(), images(spec, 3, spec.seed), AdaptConfig())


def test_a_whole_bundle_passes_its_self_test_and_needs_no_sram(tmp_path: Path) -> None:
    bundle = Bundle.open(make_bundle(tmp_path / "b", SPEC))
    assert all(check.passed is not False for check in selftest(bundle))
    sram = count_sram(bundle)
    assert (sram.values, sram.gains, sram.offsets, sram.percent) == (0, 0, 0, 0)
    chip = Chip(bundle, 1)
    chip.logits_many(bundle.golden_x)
    chip.save(tmp_path / "state")
    other = Chip(bundle, 1)
    assert other.restore(tmp_path / "state") is not None
    assert other.correction.read == 4


def attempt(chip: Chip, what: str) -> None:
    if what == "calibrate":
        chip.calibrate()
    elif what == "learn":
        chip.learn_one(chip.bundle.golden_x[0], 1)
    else:
        chip.engine.learn(np.zeros((8, 8, 2), np.float32), 1, 0, 0, AdaptConfig())


def test_an_integer_network_learns_nothing_and_says_so(tmp_path: Path) -> None:
    bundle = Bundle.open(make_bundle(tmp_path / "b", SPEC))
    for chip in [Chip(bundle, engine="numpy"), Chip(bundle)]:
        cells = cells_digest(chip.engine.cells)
        for what in ("learn", "learn by the engine", "calibrate"):
            with pytest.raises(RramError, match=f"^{what[:5]}.*: an integer network has no gains, offsets and SRAM"):
                attempt(chip, what)
        assert cells_digest(chip.engine.cells) == cells
    assert bench(bundle.path, "numpy", rounds=2)["learn_us"] is None


def test_the_ideal_sums_are_those_of_a_chip_without_effects_but_for_rounding(tmp_path: Path) -> None:
    """One conversion a column: the ADC rounds once, and reaches far enough."""
    spec = Synthetic(nodes=INTEGERS, input_shape=(8, 8, 2), dac_bits=2, rows=63, adc_bits=16)
    bundle = opened(tmp_path, spec)
    x = np.random.default_rng(2).random((4, 8, 8, 2), dtype=np.float32)
    engine = NumpyEngine(bundle, 0, Effects(False, False), initial_correction(bundle))
    np.testing.assert_array_equal(ideal_activations(bundle, x)[-1], engine.logits(x, 0))


def refusal(tmp_path: Path, nodes: list[dict], tensors: dict[str, Any], **spec: Any) -> str:
    """Message of opening INTEGERS with changed nodes and tensors (functions of what is there)."""
    metadata, drawn = contents(Synthetic(nodes=nodes, input_shape=(8, 8, 2), **spec))
    for name, change in tensors.items():
        drawn[name] = np.ascontiguousarray(change(drawn[name]))
    write(tmp_path / "b", metadata, drawn)
    with pytest.raises(RramError) as caught:
        Bundle.open(tmp_path / "b")
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{tmp_path / 'b'}: ")


def spoilt(a: np.ndarray, at: Any, value: Any) -> np.ndarray:
    a = a.copy()
    a[at] = value
    return a


TABLES: dict[str, tuple[str, Any, str]] = {
    "falling": ("t1.thresholds", lambda a: a[::-1], "t1.thresholds: a column's thresholds fall, expected them to rise"),
    "too many": ("t2.thresholds", lambda a: a.repeat(2, 0), "t2.thresholds: I32[4, 7] given, expected I32[2, 7]"),
    "another type": ("t2.thresholds", lambda a: a.astype(np.float32), "t2.thresholds: F32[2, 7] given, expected I32["),
    "row": ("r.rename.row", lambda a: spoilt(a, 3, 20), "r.rename.row: row 20 given, there are rows 0..19"),
    "rows": ("r.rename.row", lambda a: a[:-1], "r.rename.row: U16[27] given, expected U16[28]"),
    "sign": ("r.rename.sign", lambda a: spoilt(a, 3, -128), "r.rename.sign: -128 given, expected -1, 0 or 1"),
    "signs": ("r.rename.sign", lambda a: a[:, None], "r.rename.sign: I8[28, 1] given, expected I8[28]"),
}


@pytest.mark.parametrize("what", TABLES)
def test_a_bad_table_is_refused(tmp_path: Path, what: str) -> None:
    name, change, expected = TABLES[what]
    assert refusal(tmp_path, INTEGERS, {name: change}).startswith(expected)


def test_a_row_that_could_sum_beyond_8_bits_is_refused(tmp_path: Path) -> None:
    """28 codes of up to 5 of one sign in a row: 140. With 23 of them, 115."""
    nodes = [{**node, "levels": 6} if node.get("name") == "t2" else node for node in INTEGERS]
    one = {"r.rename.row": lambda a: a * 0, "r.rename.sign": lambda a: a * 0 - 1}
    expected = "r.rename: a row may sum up to 140, expected at most 127"
    assert refusal(tmp_path, nodes, one) == expected
    metadata, drawn = contents(Synthetic(nodes=nodes, input_shape=(8, 8, 2)))
    drawn["r.rename.row"][:], drawn["r.rename.sign"][:] = 0, [1] * 23 + [-1] * 5
    write(tmp_path / "fits", metadata, drawn)
    assert Bundle.open(tmp_path / "fits").layers


def changed(index: int, **keys: Any) -> list[dict]:
    nodes = [dict(node) for node in INTEGERS]
    nodes[index] |= keys
    return nodes


GRAPHS: dict[str, tuple[list[dict], str]] = {
    "some": (changed(8, integer=False), "graph: nodes[8] (dense): rows given, it takes real"),
    "all or none": (
        [{"op": "dense", "name": "a", "out": [3], "from": [-1]}, {"op": "relu"},
         {"op": "dense", "name": "b", "out": [4], "integer": True}],
        "graph: integer: true in some analog layers only, expected it in all or none",
    ),
    "text": (changed(0, integer="yes"), "graph: nodes[0] (conv2d): integer 'yes' is not true or false"),
    "sums into a layer": (
        [INTEGERS[0], {"op": "conv2d", "name": "x", "kernel": [1, 1], "stride": [1, 1], "padding": "same",
                       "out": [8, 8, 1], "integer": True}, *INTEGERS[2:]],
        "graph: nodes[1] (conv2d): sums given, it takes real or codes or rows",
    ),
    "relu": ([INTEGERS[0], {"op": "relu"}, *INTEGERS[2:]], "graph: nodes[1] (relu): sums given, it takes real"),
    "mean": (
        [INTEGERS[0], {"op": "avgpool2d", "pool": [2, 2], "stride": [2, 2]}, *INTEGERS[2:]],
        "graph: nodes[1] (avgpool2d): sums given, it takes real",
    ),
    "sum": (changed(5, op="add", **{"from": [4, 4]}), "graph: nodes[5] (add): codes given, it takes real"),
    "thresholds of an image": ([{**INTEGERS[2]}, *INTEGERS[3:]], "graph: nodes[0] (thresholds): real given, it ta"),
    "thresholds twice": (changed(5, **{**INTEGERS[4], "name": "t3"}), "graph: nodes[5] (thresholds): codes given"),
    "levels": (changed(2, levels=257), "graph: nodes[2] (thresholds): levels 257 is not a whole number from 2 to 256"),
    "one level": (changed(2, levels=1), "graph: nodes[2] (thresholds): levels 1 is not a whole number from 2 to 256"),
    "levels true": (changed(2, levels=True), "graph: nodes[2] (thresholds): levels True is not a whole number"),
    "a name twice": (changed(4, name="t1"), "graph: 3 analog layers ['conv1', 't1', 'conv2', 't1', 'r', 'fc']: expec"),
    "rename of a map": ([*INTEGERS[:6], INTEGERS[7], INTEGERS[8]], "graph: nodes[6] (rename): a rename needs a flat"),
    "rename to pairs": (changed(7, out=[4, 5]), "graph: nodes[7] (rename): out [4, 5] given, expected one number"),
    "rename of rows": (
        [*INTEGERS[:8], {"op": "rename", "name": "q", "out": [3]}, INTEGERS[8]],
        "graph: nodes[8] (rename): rows given, it takes codes",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", GRAPHS)
def test_a_node_in_the_wrong_place_is_refused(tmp_path: Path, what: str) -> None:
    from firmware_py.graph import parse_graph

    nodes, expected = GRAPHS[what]
    shape = (4,) if what == "all or none" else (8, 8, 2)
    with pytest.raises(RramError) as caught:
        parse_graph({"nodes": nodes}, shape, RramError)
    assert str(caught.value).startswith(expected)
    assert "\n" not in str(caught.value)


def test_only_a_chip_carries_integer_steps(tmp_path: Path) -> None:
    from firmware_py.graph import digital

    bundle = opened(tmp_path, SPEC)
    with pytest.raises(RramError, match="graph: thresholds: only a chip carries integer networks"):
        digital(np.zeros((1, 4, 4, 5), np.float32), bundle.nodes[2])
