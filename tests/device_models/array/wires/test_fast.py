"""The fast conductance against the exact one: its stated error, its exact cases, and what bounds it."""

import numpy as np
import pytest

from device_models.array.wires import Wires, attenuation, effective_conductance, fast_conductance


def cells_of(seed, rows=48, cols=40, highest=300.0):
    return np.random.default_rng(seed).uniform(1, highest, (rows, cols))


def test_the_plain_conductance_comes_back_without_resistance():
    cells = cells_of(1)
    fast = fast_conductance(cells, Wires(0, 0))
    np.testing.assert_allclose(fast.conductance_uS, cells)
    assert fast.error < 1e-14


@pytest.mark.parametrize("wires", [Wires(50.0, 0), Wires(0, 50.0)])
def test_attenuation_is_exact_where_one_kind_of_line_is_perfect(wires):
    cells = cells_of(2)
    nearly = Wires(max(wires.word_ohm, 1e-7), max(wires.bit_ohm, 1e-7))
    np.testing.assert_allclose(attenuation(cells, wires), effective_conductance(cells, nearly), rtol=1e-6, atol=1e-6)
    assert fast_conductance(cells, wires).error < 1e-12


@pytest.mark.parametrize("ohm", [0.1, 3.0, 100.0])
def test_attenuation_never_exceeds_the_exact_conductance(ohm):
    cells = cells_of(3)
    exact = effective_conductance(cells, Wires(ohm, 2 * ohm))
    assert (attenuation(cells, Wires(ohm, 2 * ohm)) <= exact * (1 + 1e-9)).all()


@pytest.mark.parametrize(("ohm", "worst"), [(0.1, 1e-6), (1.0, 1e-4), (10.0, 1e-2)])
def test_the_correction_of_sneak_paths_beats_attenuation_a_hundredfold(ohm, worst):
    fast = fast_conductance(cells_of(4), Wires(ohm, ohm))
    assert fast.error < worst
    assert fast.error < fast.uncorrected / 100 < fast.ignored / 100


@pytest.mark.parametrize("ohm", [0.5, 5.0, 50.0])
@pytest.mark.parametrize("kind", ["uniform", "sparse", "lognormal", "one busy corner"])
def test_the_stated_error_is_that_of_other_inputs_too(ohm, kind):
    """Within a factor of three for inputs as dense as the probes, over conductances of several shapes."""
    rng = np.random.default_rng(5)
    cells = {"uniform": cells_of(5), "sparse": np.where(rng.random((48, 40)) < 0.1, 200.0, 1.0),
             "lognormal": np.exp(rng.normal(3, 1, (48, 40))), "one busy corner": np.full((48, 40), 2.0)}[kind].copy()
    if kind == "one busy corner":
        cells[24:, :20] = 200.0
    wires = Wires(ohm, ohm)
    fast = fast_conductance(cells, wires, probes=4)
    inputs = rng.random((200, 48))
    expected = inputs @ effective_conductance(cells, wires)
    measured = np.linalg.norm(inputs @ fast.conductance_uS - expected) / np.linalg.norm(expected)
    assert measured / 3 < fast.error < measured * 3


def test_row_and_column_sums_are_exact():
    cells, wires = cells_of(6), Wires(20.0, 7.0)
    fast, exact = fast_conductance(cells, wires).conductance_uS, effective_conductance(cells, wires)
    np.testing.assert_allclose(fast.sum(axis=0), exact.sum(axis=0), rtol=1e-9)
    np.testing.assert_allclose(fast.sum(axis=1), exact.sum(axis=1), rtol=1e-9)


def test_rounding_is_not_taken_for_sneak_paths():
    for seed in range(20):
        cells = cells_of(seed)
        np.testing.assert_allclose(fast_conductance(cells, Wires(1e-12, 1e-12)).conductance_uS, cells, rtol=2e-11)


def test_no_cells_no_current():
    fast = fast_conductance(np.zeros((4, 3)), Wires(1.0, 1.0))
    assert not fast.conductance_uS.any()
    assert fast.error == 0
