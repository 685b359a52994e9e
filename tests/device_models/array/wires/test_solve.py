"""Exact voltages and currents against closed forms, a plain sparse solution, and badcrossbar."""

import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_models.array.wires import Wires, effective_conductance, node_voltages, output_currents
from device_models.array.wires.reference import sparse_output_currents
from device_models.errors import ProfileError

# Made once with badcrossbar 1.1.0: compute(V.T, 1e6 / G, r_i_word_line=7.0, r_i_bit_line=3.0), currents times 1e6.
GOLDEN_CELLS = [[50.0, 225.0, 1.0, 0.0], [100.0, 12.5, 300.0, 75.0], [0.0, 180.0, 20.0, 150.0]]
GOLDEN_INPUTS = [[0.2, 0.1, 0.3], [0.0, 0.25, -0.1]]
GOLDEN_CURRENTS = [
    [19.9275558335, 99.6346778594, 35.8416892249, 52.0752550801],
    [24.8930387829, -14.7899969921, 72.2256120948, 3.67754218275],
]
GOLDEN_WORD_0 = [
    [0.199615792544, 0.199301398295, 0.199300004579, 0.199300004579],
    [0.099661970039, 0.0993936197613, 0.099133928209, 0.0990820038585],
    [0.299269883171, 0.298539766343, 0.298185433001, 0.297872830565],
]


def random_case(seed, rows, cols, vectors=3, open_share=0.1):
    rng = np.random.default_rng(seed)
    cells = rng.uniform(1, 300, (rows, cols))
    cells[rng.random(cells.shape) < open_share] = 0
    return cells, rng.uniform(-0.2, 0.2, (vectors, rows))


def both(cells, inputs, wires):
    yield node_voltages(cells, inputs, wires).output_uA(np.asarray(cells, float))
    yield inputs @ effective_conductance(cells, wires)


def test_one_cell_is_three_resistors_in_series():
    for current in both(np.array([[50.0]]), np.array([[0.2]]), Wires(1000.0, 2000.0)):
        assert current == pytest.approx(np.array([[0.2e6 / (1000 + 20000 + 2000)]]), rel=1e-13)


def test_one_row_is_a_ladder():
    """Chain (ABCD) matrices from the far end, G' = R_b + 1/G each: the classic ladder network."""
    cells, r_w, r_b, volts = np.array([30.0, 1.0, 0.0, 250.0, 80.0]), 40.0, 15.0, 0.3
    shunt = np.array([0.0 if g == 0 else 1 / (1e6 / g + r_b) for g in cells])
    seen = shunt[-1]  # admittance to the right of, and with, node j
    levels = [seen]
    for y in shunt[-2::-1]:
        seen = y + 1 / (r_w + 1 / seen)
        levels.insert(0, seen)
    v, expected = volts, []
    for y, right in zip(shunt, levels, strict=True):
        v = v / (1 + r_w * right)
        expected.append(v * y * 1e6)
    for current in both(cells[None, :], np.array([[volts]]), Wires(r_w, r_b)):
        np.testing.assert_allclose(current[0], expected, rtol=1e-12)


def test_perfect_wires_give_the_plain_product():
    cells, inputs = random_case(1, 9, 5)
    for current in both(cells, inputs, Wires(0, 0)):
        np.testing.assert_allclose(current, inputs @ cells, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("key", ["word_ohm", "bit_ohm"])
def test_one_perfect_kind_of_line_is_the_limit_of_a_very_good_one(key):
    cells, inputs = random_case(2, 12, 10)
    wires = {"word_ohm": 30.0, "bit_ohm": 20.0}
    limit = sparse_output_currents(cells, inputs, Wires(**{**wires, key: 1e-6}))
    for current in both(cells, inputs, Wires(**{**wires, key: 0.0})):
        np.testing.assert_allclose(current, limit, rtol=1e-6)


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(1, 12), cols=st.integers(1, 12), seed=st.integers(0, 2**32 - 1),
       word=st.floats(-3, 4), bit=st.floats(-3, 4))
def test_both_methods_equal_the_sparse_solution(rows, cols, seed, word, bit):
    cells, inputs = random_case(seed, rows, cols)
    wires = Wires(10**word, 10**bit)
    reference = sparse_output_currents(cells, inputs, wires)
    for current in both(cells, inputs, wires):
        np.testing.assert_allclose(current, reference, rtol=1e-7, atol=1e-8 * np.abs(reference).max() + 1e-15)


def test_nearly_perfect_wires_lose_nothing_to_rounding():
    cells, inputs = random_case(3, 40, 30)
    for current in both(cells, inputs, Wires(1e-9, 1e-9)):
        np.testing.assert_allclose(current, inputs @ cells, rtol=1e-6)


def test_a_golden_case_of_badcrossbar():
    cells, inputs = np.array(GOLDEN_CELLS), np.array(GOLDEN_INPUTS)
    wires = Wires(word_ohm=7.0, bit_ohm=3.0)
    for current in both(cells, inputs, wires):
        np.testing.assert_allclose(current, GOLDEN_CURRENTS, rtol=1e-9)
    np.testing.assert_allclose(node_voltages(cells, inputs, wires).word_V[0], GOLDEN_WORD_0, rtol=1e-9)


@pytest.mark.parametrize(("rows", "cols", "word", "bit", "highest"),
                         [(64, 64, 0.1, 0.1, 30), (64, 48, 10, 1, 300), (48, 64, 1, 10, 300), (96, 96, 5, 5, 100)])
def test_badcrossbar_agrees(rows, cols, word, bit, highest):
    badcrossbar = pytest.importorskip("badcrossbar", reason="badcrossbar is not installed: an optional check")
    logging.getLogger("badcrossbar").setLevel(logging.WARNING)
    rng = np.random.default_rng(rows + cols)
    cells, inputs = rng.uniform(1, highest, (rows, cols)), rng.uniform(0, 0.2, (2, rows))
    solution = badcrossbar.compute(inputs.T, 1e6 / cells, r_i_word_line=word, r_i_bit_line=bit)
    for current in both(cells, inputs, Wires(word, bit)):
        np.testing.assert_allclose(current, 1e6 * solution.currents.output, rtol=1e-6)
    found = node_voltages(cells, inputs, Wires(word, bit))
    np.testing.assert_allclose(found.bit_V.transpose(1, 2, 0), solution.voltages.bit_line, rtol=1e-6)


def test_current_is_conserved_at_every_node():
    cells, inputs = random_case(4, 30, 50, open_share=0.3)
    wires = Wires(20.0, 5.0)
    found = node_voltages(cells, inputs, wires)
    through = cells * (found.word_V - found.bit_V)
    left = np.concatenate([inputs[:, :, None], found.word_V], axis=2)
    in_word = (left[:, :, :-1] - left[:, :, 1:]) * wires.word_uS
    in_word[:, :, :-1] -= in_word[:, :, 1:]
    np.testing.assert_allclose(in_word, through, atol=1e-7)
    below = np.concatenate([found.bit_V, np.zeros((3, 1, 50))], axis=1)
    out_bit = (below[:, :-1] - below[:, 1:]) * wires.bit_uS
    out_bit[:, 1:] -= out_bit[:, :-1]
    np.testing.assert_allclose(out_bit, through, atol=1e-7)


def test_no_input_gives_no_current_beside_others_that_do():
    cells, inputs = random_case(5, 8, 8)
    inputs[1] = 0
    current = node_voltages(cells, inputs, Wires(10, 10)).output_uA(cells)
    assert not current[1].any()
    assert current[0].any()


def test_many_vectors_and_few_take_different_ways_to_the_same_currents():
    cells, inputs = random_case(6, 40, 32, vectors=60)
    wires = Wires(3.0, 2.0)
    many = output_currents(cells, inputs, wires)
    few = np.vstack([output_currents(cells, inputs[i : i + 1], wires) for i in range(60)])
    np.testing.assert_allclose(many, few, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("cells", "inputs", "message"), [
    ([[1.0, -2.0]], [[0.1]], "wires: cell in row 0, column 1: -2.0 uS is not a finite number >= 0"),
    ([[np.nan]], [[0.1]], "wires: cell in row 0, column 0: nan uS is not a finite number >= 0"),
    ([1.0, 2.0], [[0.1]], r"wires: cells of shape \(2,\) are not a matrix of rows x columns"),
    (np.zeros((0, 3)), [[0.1]], r"wires: cells of shape \(0, 3\) are not a matrix"),
    ([[1.0, 2.0]], [[0.1, 0.2]], r"wires: inputs of shape \(1, 2\) are not vectors x 1 rows"),
    ([[1.0]], [[np.inf]], "wires: input vector 0, row 0: inf V is not finite"),
])  # fmt: skip
def test_a_wrong_array_is_one_line(cells, inputs, message):
    with pytest.raises(ProfileError, match=f"^{message}"):
        output_currents(cells, inputs, Wires(1, 1))


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_a_wrong_resistance_is_one_line(value):
    with pytest.raises(ProfileError, match=f"^wires: bit_ohm: {value} ohm is not a finite number >= 0$"):
        Wires(1.0, value)


def test_256_lines_are_solved_as_by_badcrossbar():
    badcrossbar = pytest.importorskip("badcrossbar", reason="badcrossbar is not installed: an optional check")
    logging.getLogger("badcrossbar").setLevel(logging.WARNING)
    rng = np.random.default_rng(0)
    cells, inputs = rng.uniform(1, 100, (256, 256)), rng.uniform(0, 0.2, (1, 256))
    solution = badcrossbar.compute(inputs.T, 1e6 / cells, 1.0, node_voltages=False, all_currents=False)
    ours = output_currents(cells, inputs, Wires(1.0, 1.0))
    np.testing.assert_allclose(ours, 1e6 * solution.currents.output, rtol=1e-6)
